"""Alice and Bob report problems with each other's reports, and told is the budget and one limit notice; and what
is told of one thread arrives in its order, however slow and failing the endpoint is."""

from __future__ import annotations

import asyncio
import itertools
import zlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.harness.alice_and_bob import TYPES, Exchange, chain, first_message
from tests.harness.bus import Bus
from tests.harness.receiver import Receiver, rules_for
from tests.harness.wiring import events_on
from tocsin.schemas.events import DeliveryRequested, ProblemOpened, ProblemRepeated, ProblemSuppressed
from tocsin.streams.rules.policies import LoopLimits

BUDGET = LoopLimits().thread_errors
LIMIT_NOTICE = "e.p.req.max-errors-exceeded"
NAMED = ("none", "pthid of the first", "both of the last")
CHAINS = [
    *itertools.product(TYPES, NAMED, (None, "c-1"), [120]),
    *itertools.product(TYPES, ["pthid of the first"], (None, "c-1"), [40]),
]
"""Dialect, what the reports say of threads, connection, how many reports."""


class SlowReceiver(Receiver):
    """Answers after up to 0.2 s, and a third of the deliveries with 503 the first time."""

    async def _take(self, request: web.Request) -> web.Response:
        await asyncio.sleep(zlib.crc32(request.headers["webhook-id"].encode()) % 200 / 1000)
        return await super()._take(request)


def fails_at_first(before: int, delivery_id: str) -> int:
    return 503 if before == 0 and zlib.crc32(delivery_id.encode()) % 3 == 0 else 200


async def ready(bus: Bus) -> str:
    """The URL of the gateway, when all three processes are ready."""
    children = [await bus.start(name) for name in ("worker", "dispatch", "gateway")]
    await asyncio.gather(*(child.ready() for child in children))
    return children[2].url


async def post(http: aiohttp.ClientSession, path: str, document: object, **query: str) -> None:
    async with http.post(path, json=document, params=query) as answer:
        assert answer.status == 202, await answer.text()


async def report_in_turn(http: aiohttp.ClientSession, tenant: str, exchange: Exchange, length: int) -> None:
    """The chain as Alice's agent tells it: each message as activity, each report as a problem."""
    await post(http, "/v1/activity", first_message(exchange), tenant=tenant)
    for message in chain(exchange, length):
        await post(http, "/v1/activity", message.activity, tenant=tenant)
        await post(http, "/v1/problems", message.document, tenant=tenant, dialect=exchange.dialect)


async def decided(bus: Bus, reports: int, within: float = 180) -> Counter[str]:
    """What was told, by tenant, when everything of so many reports was decided."""
    async with asyncio.timeout(within):
        while True:
            events = await events_on(bus.bootstrap, bus.prefix)
            ended = [one for one in events if isinstance(one, ProblemOpened | ProblemRepeated | ProblemSuppressed)]
            if len(ended) >= reports:
                return Counter(one.tenant for one in ended if not isinstance(one, ProblemSuppressed))
            await asyncio.sleep(0.5)


async def all_delivered(receiver: Receiver, wanted: int, within: float = 180) -> list[dict[str, Any]]:
    """The data of all notifications, in order of arrival, each once."""
    async with asyncio.timeout(within):
        while len(receiver.delivered()) < wanted:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.2)
    return [arrivals[0].document["data"] for arrivals in receiver.delivered().values()]


@pytest.mark.timeout(600)
async def test_the_loop_of_alice_and_bob_ends(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(receiver.url, thread_errors=BUDGET))
        tenants = {f"chain-{number}": one for number, one in enumerate(CHAINS)}
        async with aiohttp.ClientSession(await ready(bus)) as http, asyncio.TaskGroup() as group:
            for tenant, (dialect, threads, connection, length) in tenants.items():
                exchange = Exchange(dialect=dialect, threads=threads, connection=connection)
                group.create_task(report_in_turn(http, tenant, exchange, length))
        told = await decided(bus, sum(length for *_, length in CHAINS))
        delivered = await all_delivered(receiver, told.total())
    counts = Counter(data["tenant"] for data in delivered)
    notices = Counter(data["tenant"] for data in delivered if data["problem"]["code"] == LIMIT_NOTICE)
    for tenant, (dialect, threads, connection, length) in tenants.items():
        print(f"{dialect:12} {threads:20} {connection or 'no connection':14} {length:4} reports: "
              f"{counts[tenant]:3} delivered, {notices[tenant]} of them limit notices")  # fmt: skip
    assert counts == told
    assert max(counts.values()) <= BUDGET + 1
    assert max(notices.values()) == 1
    assert all(notices[tenant] == 1 for tenant, (*_, length) in tenants.items() if length > BUDGET)


THREADS, OF_EACH = 24, 8


@pytest.mark.timeout(600)
async def test_what_is_told_of_a_thread_arrives_in_its_order(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    """DIDComm v2 reports in messages of their own, which only name their parent thread, and their escalations."""
    async with SlowReceiver(fails_at_first) as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        page = "escalations:\n  page:\n    steps:\n      - {wait: 1s, endpoints: [owner]}\n"
        bus.rules(rules_for(receiver.url) + "    escalate: page\n" + page)
        async with aiohttp.ClientSession(await ready(bus)) as http:
            for number, thread in itertools.product(range(OF_EACH), range(THREADS)):
                document = {
                    "type": TYPES["didcomm-2.0"], "id": f"m-{thread}-{number}", "pthid": f"t-{thread}",
                    "body": {"code": f"e.p.msg.n{number}", "comment": str(number)},
                }  # fmt: skip
                await post(http, "/v1/problems", document, dialect="didcomm-2.0")
        await decided(bus, THREADS * OF_EACH)
        await all_delivered(receiver, 2 * THREADS * OF_EACH)
        requests = [
            one for one in await events_on(bootstrap, prefix, "deliveries") if isinstance(one, DeliveryRequested)
        ]
        arrived = {delivery: place for place, delivery in enumerate(receiver.delivered())}
    lanes: dict[str | None, list[int]] = defaultdict(list)
    for request in requests:
        lanes[request.lane].append(arrived[request.delivery_id])
    breaks = sum(later < earlier for places in lanes.values() for earlier, later in itertools.pairwise(places))
    retried = sum(arrival.status == 503 for arrival in receiver.arrivals)
    print(f"{len(arrived)} delivered in {len(lanes)} lanes, {retried} refused at first: {breaks} out of order")
    assert sorted(filter(None, lanes)) == sorted(f"default/t-{thread}" for thread in range(THREADS))
    assert (len(requests), breaks) == (2 * THREADS * OF_EACH, 0)
    assert retried > THREADS
