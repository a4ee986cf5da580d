"""The broker dies while publishing: 503 with Retry-After, never a false 202; everything goes on by itself after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest

from tests.harness.bus import Bus
from tests.harness.receiver import Receiver, rules_for
from tocsin.streams.up.broker import EmbeddedBroker

Answers = list[tuple[float, int, Mapping[str, str], str]]
"""Seconds, status, headers and event id of each answer."""


async def publish_steadily(api: str, stop: asyncio.Event, answers: Answers) -> None:
    """POST one report every 50 ms, without waiting for the answers; all answers are kept."""
    running: set[asyncio.Task[None]] = set()

    async def one(session: aiohttp.ClientSession, number: int) -> None:
        started = time.monotonic()
        report = {"code": "e.p.me.res.storage", "text": f"report {number}"}
        async with session.post(f"{api}/v1/problems?dialect=canonical", json=report) as answer:
            document = await answer.json(content_type=None)
            answers.append((time.monotonic() - started, answer.status, answer.headers, document.get("event_id", "")))

    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=40), connector=aiohttp.TCPConnector(limit=0)
    ) as session:
        number = 0
        while not stop.is_set():
            running.add(asyncio.create_task(one(session, number)))
            number += 1
            await asyncio.sleep(0.05)
        await asyncio.gather(*running)


async def answers_again(api: str, within: float) -> float:
    """Seconds until the gateway accepts again."""
    started = time.monotonic()
    async with aiohttp.ClientSession() as session:
        while time.monotonic() - started < within:
            async with session.post(f"{api}/v1/problems?dialect=canonical", json={"code": "e.p.me"}) as answer:
                if answer.status == 202:
                    return time.monotonic() - started
            await asyncio.sleep(0.5)
    raise AssertionError(f"the gateway did not accept anything for {within} s after the broker was back")


@pytest.mark.timeout(240)
async def test_a_killed_broker_costs_nothing_that_was_accepted(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    async with Receiver() as receiver, Bus(own_broker.bootstrap, "outage.", tmp_path) as bus:
        bus.rules(rules_for(receiver.url))
        gateway, worker, dispatch = [await bus.start(name) for name in ("gateway", "worker", "dispatch")]
        await asyncio.gather(gateway.ready(), worker.ready(), dispatch.ready())
        stop = asyncio.Event()
        answers: Answers = []
        publishing = asyncio.create_task(publish_steadily(gateway.url, stop, answers))
        await asyncio.sleep(4.0)
        own_broker.kill()
        await asyncio.sleep(13.0)
        await own_broker.restart()
        recovered = await answers_again(gateway.url, 60.0)
        await asyncio.sleep(3.0)
        stop.set()
        await publishing
        accepted = {event_id for _, status, _, event_id in answers if status == 202}
        deadline = time.monotonic() + 60.0
        arrived: set[str] = set()
        while not accepted <= arrived and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
            arrived = {arrival.document["data"]["event_id"] for arrival in receiver.arrivals}
        refused = [(status, headers) for _, status, headers, _ in answers if status != 202]
        slowest = max(delay for delay, *_ in answers)
        print(
            f"accepted {len(accepted)}, refused {len(refused)}; again after {recovered:.1f} s; slowest {slowest:.1f} s"
        )
        assert accepted - arrived == set()
        assert refused, "the outage was not noticed: the test proves nothing"
        assert {status for status, _ in refused} == {503}
        assert all("Retry-After" in headers for _, headers in refused)
        assert all(headers["Content-Type"].startswith("application/problem+json") for _, headers in refused)
        assert all(child.alive() for child in (gateway, worker, dispatch)), "a process died of the outage"
