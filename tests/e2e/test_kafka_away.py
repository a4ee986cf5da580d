"""Kafka stands still, dies and comes back under running processes: what they say at `/readyz` and in their logs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.harness.bus import Bus, Child
from tests.harness.receiver import Receiver, rules_for
from tests.harness.traffic import arrived, publish_some
from tocsin.streams.up.broker import EmbeddedBroker

WITHIN = 60.0
"""Far more than the 5 s that are promised, as the machine may be busy."""
NAMES = ("gateway", "worker", "dispatch")
AWAY = 60.0
"""Seconds without Kafka in which the lines of the logs are counted."""


async def ready(child: Child) -> tuple[bool, str]:
    """Whether the process says that it is ready, and its words. Nothing but this is asked of it."""
    async with aiohttp.ClientSession() as session, session.get(f"{child.url}/readyz") as answer:
        return answer.status == 200, await answer.text()


async def until_all(children: list[Child], wanted: bool) -> list[str]:
    """Wait until each process is ready, or none is; their words."""
    async with asyncio.timeout(WITHIN):
        while True:
            said = [await ready(child) for child in children]
            if all(is_ready is wanted for is_ready, _ in said):
                return [text for _, text in said]
            await asyncio.sleep(0.2)


def lines(child: Child) -> list[dict[str, str]]:
    """The log so far."""
    return [json.loads(line) for line in child.log.read_text("utf-8").splitlines()]


def events(child: Child) -> list[str]:
    return [line["event"] for line in lines(child)]


@pytest.mark.timeout(420)
async def test_what_processes_say_while_kafka_is_away(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    async with Receiver() as receiver, Bus(own_broker.bootstrap, "away.", tmp_path) as bus:
        bus.rules(rules_for(receiver.url))
        children = [await bus.start(name) for name in NAMES]
        await asyncio.gather(*(child.ready() for child in children))
        await until_all(children, True)
        await arrived(receiver, await publish_some(own_broker.bootstrap, "away.", 20))

        assert own_broker.pid
        os.kill(own_broker.pid, signal.SIGSTOP)
        for words in await until_all(children, False):
            assert f"Kafka at {own_broker.bootstrap} does not answer since" in words
        os.kill(own_broker.pid, signal.SIGCONT)
        await until_all(children, True)

        before = {child.name: len(lines(child)) for child in children}
        own_broker.kill()
        await until_all(children, False)
        await asyncio.sleep(AWAY)
        said = {child.name: events(child)[before[child.name] :] for child in children}
        assert {name: words for name, words in said.items() if not 1 <= len(words) < 10} == {}

        await own_broker.restart()
        await until_all(children, True)
        await arrived(receiver, await publish_some(own_broker.bootstrap, "away.", 20))
        await bus.stop(*children)
        for child in children:
            told = [event for event in events(child) if event.startswith("Kafka ")]
            assert told == ["Kafka does not answer", "Kafka answers again"] * 2, child.name
            assert [events(child).count(line) for line in ("started", "stopped")] == [1, 1]
            assert any("partitions assigned" in event for event in events(child)) is (child.name != "gateway")
