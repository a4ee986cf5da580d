"""Endpoints that are slow, dead, overloaded or gone, on a real Kafka and with real receivers: who waits, how much, in
which order. All share one partition, so that whoever holds up another would be seen to."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from email.utils import formatdate
from pathlib import Path

import pytest
from aiohttp import web

from tests.harness.bus import Bus
from tests.harness.judging import read_topic
from tests.harness.receiver import SECRET, Arrival, Receiver
from tests.harness.wiring import events_on, free_port
from tocsin.connectors.publish import Publisher, problem
from tocsin.schemas.events import DeliveryAttempt

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

THREADS, EACH = 24, 5
REPORTS = THREADS * EACH
RATE, PROBE = 20, 2


def rules(endpoints: dict[str, tuple[str, str]]) -> str:
    """Everything to every endpoint: name -> (url, what it says of delivery)."""
    sections = "".join(
        f"  {name}:\n    sink: webhook\n    url: {url}\n    secret: {SECRET}\n    allow_private: true\n"
        f"    delivery: {{{delivery}}}\n"
        for name, (url, delivery) in endpoints.items()
    )
    names = ", ".join(name for name in endpoints if name != "ops")
    return (
        f"endpoints:\n{sections}default_route: {next(iter(endpoints))}\n"
        "limits: {thread_errors: 0, repeat_window: 0s}\n"
        f"routes:\n  - {{name: own, match: {{tenant: tocsin}}, endpoints: {next(iter(endpoints))}}}\n"
        f"  - {{name: everything, endpoints: [{names}]}}\n"
    )


async def start(bus: Bus, text: str) -> None:
    bus.rules(text)
    children = [await bus.start(name) for name in ("worker", "dispatch")]
    await asyncio.gather(*(child.ready() for child in children))


async def publish(bus: Bus, count: int, threads: int = THREADS) -> None:
    """Reports in turn of so many threads, which say their number."""
    async with Publisher(bus.bootstrap, prefix=bus.prefix) as publisher:
        for number in range(count):
            report = problem("e.p.msg", text=str(number), thread_id=f"t-{number % threads}")
            await publisher.publish(report, tenant="acme")


async def until(what: str, count: int, receiver: Receiver, within: float = 120.0) -> None:
    """Until so many different deliveries were taken."""
    try:
        async with asyncio.timeout(within):
            while len(receiver.delivered()) < count:  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"{what} has {len(receiver.delivered())} of {count}") from None


def numbers_by_thread(receiver: Receiver) -> dict[str, list[int]]:
    """The numbers of the reports as they first arrived and were taken, by thread."""
    seen, found = set[str](), defaultdict[str, list[int]](list)
    for arrival in receiver.arrivals:
        if arrival.status < 300 and arrival.delivery_id not in seen:
            seen.add(arrival.delivery_id)
            told = arrival.document["data"]["problem"]
            if told["code"] == "e.p.msg":
                found[told["thread_id"]].append(int(told["text"]))
    return found


def in_order(receiver: Receiver) -> bool:
    found = numbers_by_thread(receiver)
    return len(found) == THREADS and all(len(each) == EACH and each == sorted(each) for each in found.values())


class Slow(Receiver):
    async def _take(self, request: web.Request) -> web.Response:
        await asyncio.sleep(1.0)
        return await super()._take(request)


async def test_a_slow_and_a_dead_endpoint_delay_only_themselves(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    port = free_port()
    async with Receiver() as healthy, Slow() as slow, Bus(bootstrap, prefix, tmp_path, partitions=1) as bus:
        dead_url = f"http://127.0.0.1:{port}/hook"
        endpoints = {
            "healthy": (healthy.url, ""),
            "slow": (slow.url, "rate: 8/s"),
            "dead": (dead_url, f"rate: {RATE}/s, breaker_probe: {PROBE}s"),
        }
        await start(bus, rules(endpoints))
        began = time.monotonic()
        await publish(bus, REPORTS)
        await until("healthy", REPORTS, healthy)
        slowly = len(slow.delivered())
        down = time.monotonic() - began
        attempts = await attempts_for(bus, "dead")
        assert slowly < REPORTS, "it goes on at its own pace"
        assert in_order(healthy)
        assert max(attempt.attempt for attempt in attempts) <= 3, "who waits uses up nothing of the schedule"
        assert len(attempts) <= RATE + down / PROBE + 2, "a burst until the breaker is open, then probes"
        async with Receiver(port=port) as back:
            await until("dead", REPORTS, back)
            assert in_order(back)
            assert most_within(1.0, back.arrivals) <= RATE
        await until("slow", REPORTS, slow)
        assert in_order(slow)
        for receiver in (healthy, slow, back):
            assert receiver.refused == []
            assert all(len(each) == 1 for each in receiver.delivered().values()), "nothing is taken twice"


async def attempts_for(bus: Bus, endpoint: str) -> list[DeliveryAttempt]:
    found = await events_on(bus.bootstrap, bus.prefix, "attempts")
    return [event for event in found if isinstance(event, DeliveryAttempt) and event.endpoint == endpoint]


def most_within(seconds: float, arrivals: list[Arrival]) -> int:
    """The most arrivals in any such time."""
    at = sorted(arrival.at for arrival in arrivals)
    return max(sum(start <= one < start + seconds for one in at) for start in at)


WAIT = 4
"""Seconds that overloaded endpoints ask for."""


async def test_an_overloaded_endpoint_is_left_alone_and_one_that_is_gone_for_good(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    hints = {
        "seconds": (lambda: str(WAIT), WAIT),
        "date": (lambda: formatdate(time.time() + WAIT + 1, usegmt=True), WAIT),
        "parts": (lambda: f"{WAIT}.5", WAIT),
        "past": (lambda: "Wed, 21 Oct 2015 07:28:00 GMT", 1),
        "garbage": (lambda: "soon", 1),
        "years": (lambda: str(10 * 365 * 86_400), 3600),
    }
    async with AsyncExitStack() as stack:
        receivers = {name: await stack.enter_async_context(Overloaded(hint)) for name, (hint, _) in hints.items()}
        ops, gone = (
            await stack.enter_async_context(Receiver()),
            await stack.enter_async_context(Receiver(behave=lambda before, delivery_id: 410)),
        )
        bus = await stack.enter_async_context(Bus(bootstrap, prefix, tmp_path, partitions=1))
        endpoints = {name: (receiver.url, "throttle: 1s") for name, receiver in receivers.items()}
        await start(bus, rules({"ops": (ops.url, ""), "gone": (gone.url, ""), **endpoints}))
        await publish(bus, 1)
        async with asyncio.timeout(60):
            while not all(receiver.arrivals for receiver in (*receivers.values(), gone, ops)):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await publish(bus, 5, threads=5)
        for name in ("seconds", "date", "parts", "past", "garbage"):
            await until(name, 6, receivers[name])
            first, *later = receivers[name].arrivals
            early = [one for one in later if one.at < first.at + hints[name][1]]
            assert early == [], f"{name}: others wait too"
            again = [one.attempt for one in later if one.delivery_id == first.delivery_id]
            assert again == [2]
        assert len(receivers["years"].arrivals) == 1, "an hour at most, and that is not over"
        assert len(gone.arrivals) == 1, "nothing more is sent"
        told = [arrival.document["data"]["problem"] for arrival in ops.arrivals]
        assert [one["code"] for one in told] == ["e.m.me.res.endpoint-disabled"]
        assert "answered that it is gone (410) and was switched off" in told[0]["text"]
        letters = [
            dict(record.headers)
            for records in (await read_topic(bootstrap, f"{prefix}dead")).values()
            for record in records
        ]
        assert [letter["tocsin.reason"] for letter in letters] == [b"gone"], "what is parked is not dead yet"


class Overloaded(Receiver):
    """Answers the first attempt with 429 and a Retry-After, and takes what comes then."""

    def __init__(self, hint: object) -> None:
        super().__init__()
        self._hint = hint

    async def _take(self, request: web.Request) -> web.Response:
        first = not self.arrivals
        self.behave = lambda before, delivery_id: 429 if first else 200
        self.headers = {"Retry-After": self._hint()} if first and callable(self._hint) else {}
        return await super()._take(request)
