"""The gateway is killed with -9 under its clients: what it accepted arrives, what they repeat is one event."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from tests.harness.bus import Bus, Child
from tests.harness.judging import read_topic
from tests.harness.receiver import Receiver, rules_for
from tests.harness.traffic import arrived
from tocsin.schemas.ids import derived_id

KEYS = 300
CLIENTS = 20
KILLS = 3


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Clients:
    """Each posts one key after another, and each key again until it is accepted."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1/problems?dialect=canonical"
        self.left = [f"key-{number}" for number in range(KEYS)]
        self.accepted: dict[str, str] = {}
        self.failures: Counter[str] = Counter()

    async def post(self, session: aiohttp.ClientSession, key: str) -> str | None:
        """The event's id, or None when nobody knows whether it was accepted."""
        report = {"code": "e.p.me.res.storage", "text": f"report {key}"}
        try:
            async with session.post(self.url, json=report, headers={"Idempotency-Key": key}) as answer:
                document = await answer.json(content_type=None)
                return str(document["event_id"]) if answer.status == 202 else None
        except aiohttp.ClientError as error:
            self.failures[type(error).__name__] += 1
            return None

    async def one(self, session: aiohttp.ClientSession) -> None:
        while self.left:
            key = self.left.pop()
            while (event_id := await self.post(session, key)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.3)
            self.accepted[key] = event_id
            await asyncio.sleep(0.2)


async def kill_and_start_again(bus: Bus, gateway: Child, port: int) -> None:
    for _ in range(KILLS):
        await asyncio.sleep(random.uniform(0.3, 0.8))
        await gateway.kill()
        gateway = await bus.start("gateway", TOCSIN_PORT=str(port))
        await gateway.ready()


@pytest.mark.timeout(180)
async def test_nothing_accepted_is_lost_and_a_repeated_key_is_one_event(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus, aiohttp.ClientSession() as session:
        bus.rules(rules_for(receiver.url))
        port = free_port()
        gateway = await bus.start("gateway", TOCSIN_PORT=str(port))
        worker, dispatch = await bus.start("worker"), await bus.start("dispatch")
        await asyncio.gather(gateway.ready(), worker.ready(), dispatch.ready())
        clients = Clients(port)
        killing = asyncio.create_task(kill_and_start_again(bus, gateway, port))
        await asyncio.gather(killing, *(clients.one(session) for _ in range(CLIENTS)))
        print(f"failures {dict(clients.failures)}")
        assert clients.failures, "no client noticed: the test proves nothing"
        for key in random.sample(sorted(clients.accepted), 20):
            assert await clients.post(session, key) == clients.accepted[key]
        assert len(set(clients.accepted.values())) == KEYS
        wanted = {derived_id("delivery", event_id, "owner") for event_id in clients.accepted.values()}
        await arrived(receiver, wanted)
        await asyncio.sleep(2.0)
        assert receiver.delivered().keys() == wanted, "a repeated key became another event"
        assert [delivery for delivery, came in receiver.delivered().items() if len(came) > 1] == []
        stored = sum(len(records) for records in (await read_topic(bootstrap, f"{prefix}inbox")).values())
        assert stored >= KEYS + 20, "the repeats never reached the log: the test proves nothing"
