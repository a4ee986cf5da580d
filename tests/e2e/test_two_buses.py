"""Two buses in a loop fall silent; while one thread floods others are heard (docs/reliability.md#loops)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.harness.bus import Bus
from tests.harness.receiver import Receiver, rules_for
from tests.harness.traffic import arrived
from tests.harness.wiring import KINDS, Relay, events_on, folder_of, free_port, rules_of, start
from tocsin.connectors.publish import Publisher, problem
from tocsin.schemas.events import Event, ProblemOpened, ProblemRepeated, ProblemSuppressed
from tocsin.schemas.ids import derived_id

THREAD_ERRORS = 4
"""As in the rules of both buses."""
HOPS = 8
"""As it is without a word about it."""
LIMIT_NOTICE = "e.p.req.max-errors-exceeded"


def told(events: list[Event], tenant: str, thread: str | None) -> list[ProblemOpened | ProblemRepeated]:
    return [
        event
        for event in events
        if isinstance(event, ProblemOpened | ProblemRepeated)
        and (event.tenant, event.problem.thread_id) == (tenant, thread)
    ]


def limit_notices(events: list[Event], tenant: str) -> int:
    return sum(event.problem.code == LIMIT_NOTICE for event in told(events, tenant, "loop"))


async def events_of_both(bootstrap: str, prefixes: list[str]) -> list[list[Event]]:
    return [await events_on(bootstrap, prefix) for prefix in prefixes]


async def until(bootstrap: str, prefixes: list[str], done: Callable[[list[list[Event]]], bool]) -> list[list[Event]]:
    """What both buses emitted, as soon as `done` says that it is enough; fails after 60 s."""
    deadline = time.monotonic() + 60
    while not done(events := await events_of_both(bootstrap, prefixes)):
        assert time.monotonic() < deadline, [[type(one).__name__ for one in each] for each in events]
        await asyncio.sleep(0.3)
    return events


def all_ended(events: list[list[Event]]) -> bool:
    """Every loop had its limit notice, and the other side received it or emitted its own; the threadless one ended."""
    by_hops = any(isinstance(one, ProblemSuppressed) and one.reason == "hops" for each in events for one in each)
    heard = [
        sum(limit_notices(each, kind) for each in events)
        + sum(isinstance(one, ProblemSuppressed) and one.tenant == kind for each in events for one in each)
        for kind in KINDS
    ]
    return by_hops and min(heard) >= 2


def check_limits(events: list[list[Event]]) -> None:
    for kind in KINDS:
        counts = [len(told(each, kind, "loop")) for each in events]
        assert max(counts) <= THREAD_ERRORS + 1, (kind, counts)
        words = [limit_notices(each, kind) for each in events]
        assert max(words) == 1, (kind, words)
    assert sum(len(told(each, "webhook", None)) for each in events) == HOPS + 1


async def publish_on_every_thread(bootstrap: str, prefix: str) -> set[str]:
    async with Publisher(bootstrap, prefix=prefix) as publisher:
        receipts = [
            await publisher.publish(problem("e.p.xfer.cant-deliver", text="x", thread_id="loop"), tenant=kind)
            for kind in KINDS
        ]
    return {receipt.event_id for receipt in receipts}


@pytest.mark.timeout(400)
async def test_loops_end_and_stay_ended(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    prefixes, ports = [f"{prefix}a.", f"{prefix}b."], [free_port(), free_port()]
    gateways = {name: f"http://127.0.0.1:{port}/v1/problems" for name, port in zip("ab", ports, strict=True)}
    fast = {"TOCSIN_SESSION_TIMEOUT": "6"}
    async with (
        Receiver() as owner,
        Relay(gateways) as relay,
        Bus(bootstrap, prefixes[0], folder_of(tmp_path, "a"), environment=dict(fast)) as first,
        Bus(bootstrap, prefixes[1], folder_of(tmp_path, "b"), environment=dict(fast)) as second,
    ):
        first.rules(rules_of("b", gateways, relay.url, owner.url))
        second.rules(rules_of("a", gateways, relay.url, owner.url))
        workers = await asyncio.gather(start(first, ports[0]), start(second, ports[1]))
        await publish_on_every_thread(bootstrap, prefixes[0])
        async with Publisher(bootstrap, prefix=prefixes[0]) as publisher:
            await publisher.publish(problem("e.p.msg", text="of no thread"), tenant="webhook")
        await until(bootstrap, prefixes, all_ended)
        check_limits(await events_of_both(bootstrap, prefixes))

        await asyncio.gather(*(worker.kill() for worker in workers))
        again = await asyncio.gather(first.start("worker"), second.start("worker"))
        await asyncio.gather(*(worker.ready() for worker in again))
        await publish_and_wait(bootstrap, prefixes)  # spends the budget where hops hid the other's limit notice
        for events, reports in await publish_and_wait(bootstrap, prefixes):
            assert {getattr(one, "reason", "told") for one in events if report_of(one) in reports} == {"thread_muted"}
        await asyncio.sleep(1)  # whatever was still emitted would be on its way by now
        check_limits(await events_of_both(bootstrap, prefixes))


async def publish_and_wait(bootstrap: str, prefixes: list[str]) -> list[tuple[list[Event], set[str]]]:
    """One more report on every thread of both buses: what each bus decided, and the reports' ids."""
    more = [await publish_on_every_thread(bootstrap, prefix) for prefix in prefixes]
    decided = await until(bootstrap, prefixes, lambda events: all(map(heard_all, events, more)))
    return list(zip(decided, more, strict=True))


def heard_all(events: list[Event], reports: set[str]) -> bool:
    return reports <= {report_of(event) for event in events}


def report_of(event: Event) -> str | None:
    return getattr(event, "report", None)


BUDGET = 50
"""Errors of one thread, in the test of a flood."""
FLOOD = 3000
"""Reports of one thread, at least, while the others report."""
FLOOD_PER_SECOND = 1000
CALM = 40


async def calm(bootstrap: str, prefix: str) -> set[str]:
    """Ten tenants report now and then; the deliveries that must arrive."""
    wanted: set[str] = set()
    async with Publisher(bootstrap, prefix=prefix) as publisher:
        for number in range(CALM):
            report = problem("e.p.msg", text=f"calm {number}", thread_id=f"calm {number}")
            receipt = await publisher.publish(report, tenant=f"calm-{number % 10}")
            wanted.add(derived_id("delivery", receipt.event_id, "owner"))
            await asyncio.sleep(0.05)
    return wanted


@asynccontextmanager
async def flood(bootstrap: str, prefix: str) -> AsyncIterator[list[int]]:
    """Reports of one thread into a bus, up to FLOOD_PER_SECOND; how many there are so far."""
    counted = [0]

    async def publish() -> None:
        async with Publisher(bootstrap, prefix=prefix) as publisher:
            while True:
                some = range(counted[0], counted[0] + FLOOD_PER_SECOND // 10)
                reports = [problem(f"e.p.x{number}", text="again", thread_id="flooded") for number in some]
                await asyncio.gather(*(publisher.publish(report, tenant="flooder") for report in reports))
                counted[0] += len(reports)
                await asyncio.sleep(0.1)

    task = asyncio.create_task(publish())
    try:
        yield counted
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def more_than(counted: list[int], count: int) -> None:
    async with asyncio.timeout(60):
        while counted[0] <= count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.timeout(400)
async def test_what_others_report_arrives_while_one_thread_floods(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(receiver.url, BUDGET))
        worker, dispatch = await bus.start("worker"), await bus.start("dispatch")
        await asyncio.gather(worker.ready(), dispatch.ready())
        async with flood(bootstrap, prefix) as counted:
            await more_than(counted, 2 * BUDGET)
            wanted = await calm(bootstrap, prefix)
            await arrived(receiver, wanted)  # the flood goes on all the while
            at_arrival = counted[0]
            await more_than(counted, max(FLOOD, at_arrival))
        assert len(told(await events_on(bootstrap, prefix), "flooder", "flooded")) == BUDGET + 1
        await until_delivered(receiver, CALM + BUDGET + 1)
        documents = [arrivals[0].document["data"] for arrivals in receiver.delivered().values()]
        assert sum(document["tenant"] == "flooder" for document in documents) == BUDGET + 1


async def until_delivered(receiver: Receiver, count: int) -> None:
    async with asyncio.timeout(60):
        while len(receiver.delivered()) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
