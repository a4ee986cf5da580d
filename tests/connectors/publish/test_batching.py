"""HttpPublisher and the gateway's batches: what is told while a request is under way, and what is drained."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn

from tests.connectors.gateway.conftest import Gateway, gateway, serve
from tests.connectors.publish.test_http import REPORTS, impatient
from tocsin.connectors.gateway import GatewayConfig, Rate, build_gateway
from tocsin.connectors.publish import (
    HttpPublisher,
    InboxEvent,
    KafkaAway,
    MemoryPublisher,
    PublishRefused,
    PublishUnconfirmed,
    Receipt,
    Spool,
    problem,
)
from tocsin.connectors.publish import backlog as backlog_module
from tocsin.schemas.events import ActivityKind, ActivityObserved, ProblemReported
from tocsin.schemas.ids import idempotent_id

assert gateway  # the fixtures
assert impatient

REPOSITORY = Path(__file__).parents[3]
LONG = 120.0


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LONG):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class Inbox(MemoryPublisher):
    """Behind a gateway: `away` is whose events are not taken now, by id."""

    def __init__(self) -> None:
        super().__init__()
        self.away: set[str] = set()
        self.asked: list[str] = []

    async def send(self, event: InboxEvent) -> Receipt:
        self.asked.append(event.event_id)
        if event.event_id in self.away or "*" in self.away:
            raise KafkaAway(event.event_id)
        return await super().send(event)

    @property
    def ids(self) -> list[str]:
        """What is stored, in order; what came twice stands where it came first."""
        return list(dict.fromkeys(event.event_id for event in self.events))


class Bus:
    """A gateway with usual limits over an Inbox, that can be stopped and started again on its port; `requests` are the
    paths that were asked for."""

    def __init__(self) -> None:
        self.inbox, self.requests, self.port = Inbox(), list[str](), 0
        self._server: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """On the same port as before, if there was one."""

        async def ready() -> bool:
            return True

        from prometheus_client import CollectorRegistry

        config = GatewayConfig(tenant_documents=Rate(0, 0), tenant_bytes=Rate(0, 0))
        app = build_gateway(config, self.inbox, ready, CollectorRegistry())

        async def noting(scope: Any, receive: Any, send: Any) -> None:
            if scope["method"] == "POST":
                self.requests.append(scope["path"])
            await app(scope, receive, send)

        self._server, self._task, self.port = await serve(noting, port=self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
            await self._task
            self._server = None


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    made = Bus()
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def event_id(key: str) -> str:
    return idempotent_id("default", key)


async def test_in_a_batch_each_report_is_the_event_that_it_is_alone(bus: Bus) -> None:
    async with HttpPublisher(bus.url) as publisher:
        events = [publisher.event_of(report, **about) for report, about in REPORTS.values()]
        for event in events:
            await publisher.send(event)
        await asyncio.gather(*map(publisher.send, events))
    assert bus.requests == ["/v1/problems"] * len(events) + ["/v1/batch"]
    alone, together = bus.inbox.events[: len(events)], bus.inbox.events[len(events) :]
    for one, other in zip(alone, together, strict=True):
        assert isinstance(one, ProblemReported)
        assert isinstance(other, ProblemReported)
        same = {"recorded_at": 0, "occurred_at": 0}
        assert msgspec.structs.replace(one, **same) == msgspec.structs.replace(other, **same)


async def test_sent_again_in_another_batch_or_alone_it_is_the_same(bus: Bus) -> None:
    """Its outcome was not known: nothing is refused as another document under its key."""
    reports = [({"title": "t", "status": 500, "n": number}, f"k{number}") for number in range(6)]
    async with HttpPublisher(bus.url) as publisher:
        for few in (1, 2, 3, 6, 1):
            for first in range(0, 6, few):
                await asyncio.gather(
                    *(publisher.publish(r, idempotency_key=key) for r, key in reports[first : first + few])
                )
    assert bus.inbox.ids == [event_id(key) for _, key in reports]
    assert "/v1/batch" in bus.requests
    assert "/v1/problems" in bus.requests


async def test_what_is_told_meanwhile_is_one_request_in_its_order(bus: Bus) -> None:
    activity: Any = {"tenant": "default", "occurred_at": 1, "recorded_at": 1, "kind": ActivityKind.JOB_STARTED}
    async with HttpPublisher(bus.url) as publisher:
        first = asyncio.ensure_future(publisher.publish(problem("e.p.x"), event_id="0"))
        await until(lambda: publisher.stats().in_hand)
        await asyncio.sleep(0)
        rest = [
            publisher.publish(problem("e.p.x"), event_id=str(number))
            if number % 3
            else publisher.publish_activity(ActivityObserved(**activity, event_id=str(number)))
            for number in range(1, 100)
        ]
        receipts = await asyncio.gather(first, *rest)
        assert bus.requests == ["/v1/problems", "/v1/batch"], "alone at once, and the others together"
        assert bus.inbox.ids == [receipt.event_id for receipt in receipts]
        stats = publisher.stats()
    assert (stats.counts.sent, stats.in_hand, stats.away) == (100, 0, False)


async def test_one_that_is_refused_fails_alone(bus: Bus) -> None:
    async with HttpPublisher(bus.url) as publisher:
        await publisher.publish({"title": "t", "status": 500}, idempotency_key="7")
        outcomes = await asyncio.gather(
            *(publisher.publish({"title": "t", "status": 501, "n": n}, idempotency_key=str(n)) for n in range(20)),
            return_exceptions=True,
        )
    assert [type(one) for one in outcomes] == [PublishRefused if number == 7 else Receipt for number in range(20)]
    assert "belongs to another document" in str(outcomes[7])
    assert publisher.stats().counts.refused == 1
    assert bus.requests == ["/v1/problems", "/v1/batch"]


@pytest.mark.parametrize("spooling", [False, True], ids=["in memory", "with a spool"])
async def test_what_is_not_taken_now_is_sent_again_and_nothing_else(bus: Bus, spooling: bool, tmp_path: Path) -> None:
    late = {event_id(str(number)) for number in (3, 4, 11)}
    spool = Spool(tmp_path, kind="http") if spooling else None
    async with HttpPublisher(bus.url, spool=spool, deadline=LONG, spool_after=LONG) as publisher:
        await until(lambda: not spooling or not publisher.stats().away)
        bus.inbox.away = set(late)
        tasks = [asyncio.ensure_future(publisher.publish(problem("e.p.x"), event_id=str(n))) for n in range(20)]
        await until(lambda: len(bus.inbox.asked) > 24)
        bus.inbox.away.clear()
        receipts = await asyncio.gather(*tasks)
        await until(lambda: not publisher.stats().waiting)
        assert publisher.stats().counts.sent == 20
    assert {receipt.event_id for receipt in receipts if receipt.spooled} == (late if spooling else set())
    assert sorted(bus.inbox.ids) == sorted(event_id(str(number)) for number in range(20))
    again = [one for one in bus.inbox.asked if bus.inbox.asked.count(one) > 1]
    assert set(again) == late, "the others were sent once"


async def test_an_outage_is_drained_in_batches_in_its_order(bus: Bus, tmp_path: Path) -> None:
    async with HttpPublisher(bus.url, spool=Spool(tmp_path, kind="http")) as publisher:
        await until(lambda: not publisher.stats().away)
        await bus.stop()
        ids = [(await publisher.publish(problem("e.p.x"), event_id=str(number))).event_id for number in range(1000)]
        assert publisher.stats().counts.spooled == 1000
        bus.requests.clear()
        await bus.start()
        await until(lambda: publisher.stats().waiting == 0)
        counts = publisher.stats().counts
        assert not (await publisher.publish(problem("e.p.x"), event_id="last")).spooled
    assert bus.inbox.ids == [*ids, event_id("last")]
    assert (counts.drained, counts.sent) == (1000, 1000)
    assert len(bus.requests) < 100


async def test_kafka_behind_the_gateway_is_away(bus: Bus, tmp_path: Path) -> None:
    """Every item is answered 503: nothing is lost, and nothing is out of order."""
    async with HttpPublisher(bus.url, spool=Spool(tmp_path, kind="http")) as publisher:
        await until(lambda: not publisher.stats().away)
        bus.inbox.away = {"*"}
        receipts = await asyncio.gather(*(publisher.publish(problem("e.p.x"), event_id=str(n)) for n in range(50)))
        assert all(receipt.spooled for receipt in receipts)
        backlog = publisher._backlog
        assert backlog is not None
        bus.inbox.away.clear()
        backlog._not_before = 0.0  # the gateway asked for five seconds
        await until(lambda: publisher.stats().waiting == 0)
    assert bus.inbox.ids == [receipt.event_id for receipt in receipts]
    assert publisher.stats().counts.failed >= 1


async def test_each_tenant_has_batches_of_its_own(bus: Bus) -> None:
    async with HttpPublisher(bus.url) as publisher:
        receipts = await asyncio.gather(
            *(
                publisher.publish(problem("e.p.x"), tenant=f"t{number % 3}", event_id=str(number))
                for number in range(30)
            )
        )
    by_id = {event.event_id: event.tenant for event in bus.inbox.events}
    assert [by_id[receipt.event_id] for receipt in receipts] == [f"t{number % 3}" for number in range(30)]
    assert bus.requests == ["/v1/batch"] * 3


async def test_limits_of_the_gateway_make_smaller_batches(gateway: Gateway) -> None:
    """64 kB and 20 items there."""
    async with HttpPublisher(f"http://127.0.0.1:{gateway.port}") as publisher:
        await asyncio.gather(
            *(publisher.publish(problem("e.p.x", text="x" * 1000), event_id=str(n)) for n in range(300))
        )
        large = [problem("e.p.x", text="y" * 30_000) for _ in range(6)]
        await asyncio.gather(*(publisher.publish(one) for one in large))
    assert len({event.event_id for event in gateway.publisher.events}) == len(gateway.publisher.events) == 306
    stored = [event.event_id for event in gateway.publisher.events][:300]
    assert stored == [event_id(str(number)) for number in range(300)]


async def test_an_upgraded_gateway_gets_batches_again(bus: Bus) -> None:
    async with HttpPublisher(bus.url) as publisher:
        size = publisher._posting._size
        size.not_taken(9, 404, asyncio.get_running_loop().time())
        await asyncio.gather(*(publisher.publish(problem("e.p.x")) for _ in range(5)))
        assert bus.requests == ["/v1/problems"] * 5
        size._until = 0.0  # ten minutes later
        await asyncio.gather(*(publisher.publish(problem("e.p.x")) for _ in range(5)))
        assert bus.requests[5:] == ["/v1/batch"]


async def test_the_end_of_the_block_waits_for_what_is_under_way(bus: Bus) -> None:
    async with HttpPublisher(bus.url) as publisher:
        tasks = [asyncio.ensure_future(publisher.publish(problem("e.p.x"))) for _ in range(10)]
        await asyncio.sleep(0)
    assert {type(one) for one in await asyncio.gather(*tasks)} == {Receipt}
    async with HttpPublisher("http://127.0.0.1:9", deadline=LONG) as away:
        task = asyncio.ensure_future(away.publish(problem("e.p.x")))
        await asyncio.sleep(0)
        away._deadline = 0.0  # and no longer than that
    with pytest.raises(PublishUnconfirmed, match="closed meanwhile"):
        await task


async def test_a_service_is_killed_while_its_spool_is_drained(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_module, "FIRST_PAUSE", 0.25)
    await bus.stop()
    command = [sys.executable, "-m", "tests.connectors.publish.publishing_service", bus.url, "", str(tmp_path), "2000"]
    accepted: list[str] = []

    async def start() -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdin=pipe, stdout=pipe)

    async def read(service: asyncio.subprocess.Process, count: int) -> None:
        assert service.stdout is not None
        for _ in range(count):
            accepted.append((await service.stdout.readline()).split()[1].decode())

    service = await start()
    await read(service, 600)
    await bus.start()
    reading = asyncio.create_task(read(service, 10**9))
    await until(lambda: len(bus.inbox.events) > 100)
    service.kill()
    await service.wait()
    with pytest.raises(IndexError):  # the end of its output
        await reading
    service = await start()
    await read(service, 10)
    assert service.stdin is not None
    service.stdin.close()
    assert service.stdout is not None
    accepted += [line.split()[1].decode() for line in (await service.stdout.read()).splitlines()]
    await service.wait()
    await until(lambda: set(accepted) <= set(bus.inbox.ids))
    told = [one for one in bus.inbox.ids if one in set(accepted)]
    assert told == accepted, "nothing that was accepted is lost, and all is in its order"
    assert len(set(bus.inbox.ids) - set(accepted)) <= 1, "but what was accepted when the process was killed"
