"""A bus whose processes are replaced by those of another release while it is used: what is sent, what comes of it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka.partitioner import murmur2

from tests.harness.bus import Bus, Child
from tests.harness.judging import Verdict, judge, read_topic
from tests.harness.receiver import SECRET, Receiver
from tocsin.connectors.sealing import new_seal_key
from tocsin.schemas.codec import SHIPPED, decode
from tocsin.schemas.events import DeliveryAttempt, DeliveryOutcome, DeliveryRequested, ProblemReported
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Record

PARTITIONS = 4
THREADS = 8
CODE = "e.p.traffic"
WEBHOOK = f"sink: webhook, secret: {SECRET}, allow_private: true, delivery: {{breaker_failures: 0, throttle: 0}}"


def one_for_each_partition(stem: str) -> list[str]:
    """Names, of endpoints or tenants, of which each has a partition of its own."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < PARTITIONS:
        name = f"{stem}-{number}"
        found.setdefault((murmur2(name.encode()) & 0x7FFFFFFF) % PARTITIONS, name)
        number += 1
    return list(found.values())


OWNERS, TENANTS = one_for_each_partition("owner"), one_for_each_partition("tenant")
"""Every event of the traffic is told to all owners: from every partition of `inbox` to every one of `deliveries`."""


def rules(told: Told, page_after: int = 3600) -> str:
    """A rules file that both releases understand: the traffic to its owners, what else there is to the desk."""
    desk, owners = told.desk, told.owners.items()
    endpoints = "".join(f"  {name}: {{url: {one.url}, {WEBHOOK}}}\n" for name, one in owners)
    return f"""\
endpoints:
{endpoints}  desk: {{url: {desk.url}, {WEBHOOK}}}
default_route: desk
limits: {{thread_errors: 0, repeat_window: 0s}}
escalations:
  soon: {{steps: [{{wait: {page_after}s, endpoints: desk}}]}}
  late: {{steps: [{{wait: 1h, endpoints: desk}}]}}
routes:
  - {{name: traffic, match: {{code: {CODE}}}, endpoints: [{", ".join(OWNERS)}]}}
  - {{name: paged, match: {{code: e.p.paged}}, endpoints: desk, escalate: soon}}
  - {{name: late, match: {{code: e.p.late}}, endpoints: desk, escalate: late}}
"""


def refuse_some(before: int, delivery_id: str) -> int:
    """503 the first time for one delivery in twenty, which another release then tries again."""
    return 503 if before == 0 and int(delivery_id[:2], 16) < 13 else 200


@dataclass
class Traffic:
    """Threads that report one thing after another to whichever gateway takes it; each thread keeps its order."""

    http: aiohttp.ClientSession
    gateways: list[Child]
    accepted: set[str] = field(default_factory=set)
    credential: dict[str, str] = field(default_factory=dict)
    """The header of a key, once there is one: the release before knows of none, and asks for none."""
    _numbers: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    async def ask(self, method: str, path: str, document: object = None, tenant: str = "acme", **more: str) -> Any:
        """What the gateway that answers first says; for 90 seconds none need do so."""
        headers = {"tocsin-by": "ann", "tocsin-tenant": tenant, **self.credential, **more}
        async with asyncio.timeout(90):
            while True:
                for gateway in list(self.gateways):
                    try:
                        async with self.http.request(
                            method, gateway.url + path, json=document, headers=headers
                        ) as answer:
                            if answer.status < 500:
                                assert answer.status < 300, (answer.status, await answer.text())
                                return await answer.json()
                    except aiohttp.ClientError:
                        continue
                await asyncio.sleep(0.1)

    async def report(self, code: str, tenant: str = "acme", **members: str) -> str:
        """Report a problem; the id of the event."""
        return str((await self.ask("POST", "/v1/problems", {"code": code, **members}, tenant))["event_id"])

    async def publish(self, thread: int, number: int) -> str:
        """Report number so and so of a thread, by a key that says which: it is the same event however often."""
        document = {"code": CODE, "text": f"report {number}", "thread_id": f"thread-{thread}"}
        key, tenant = f"{thread}-{number}", TENANTS[thread % len(TENANTS)]
        said = await self.ask("POST", "/v1/problems", document, tenant, **{"idempotency-key": key})
        self.accepted.add(str(said["event_id"]))
        return str(said["event_id"])

    async def next_of(self, thread: int) -> str:
        """The next one of a thread."""
        self._numbers[thread] += 1
        return await self.publish(thread, self._numbers[thread])

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """All threads report, while the block runs."""

        async def one(thread: int) -> None:
            while not ended.is_set():
                await self.next_of(thread)
                await asyncio.sleep(0.4)

        ended = asyncio.Event()
        async with asyncio.TaskGroup() as threads:
            for thread in range(THREADS):
                threads.create_task(one(thread))
            yield
            ended.set()


@dataclass
class Told:
    """Who was told: a receiver for each owner, and the desk's."""

    owners: dict[str, Receiver]
    desk: Receiver

    def at_desk(self, kind: str, code: str) -> list[dict[str, Any]]:
        """What the desk was told of a code, in bodies of a type."""
        bodies = [came[0].document for came in self.desk.delivered().values()]
        about = [one["data"] for one in bodies if one["type"] == kind]
        return [data for data in about if data.get("problem", {}).get("code") == code]

    async def opened(self, code: str, times: int = 1) -> None:
        """Until the desk was told so often that such a problem is there."""
        why = f"the desk was not told {times} times of {code}"
        await until(lambda: len(self.at_desk("problem.opened", code)) >= times, lambda: why)

    async def of_all(self, accepted: Iterable[str], within: float = 120.0) -> None:
        """Until every owner was told of all of these events."""
        wanted = {name: {derived_id("delivery", one, name) for one in accepted} for name in self.owners}

        def missing() -> int:
            return sum(len(ids - self.owners[name].delivered().keys()) for name, ids in wanted.items())

        await until(lambda: not missing(), lambda: f"{missing()} deliveries are missing", within)

    def verdicts(self, inbox: dict[int, list[Record]], accepted: set[str]) -> dict[str, Verdict]:
        """What `judge` says of the traffic, for each owner."""
        traffic = {number: [one for one in records if _is_traffic(one)] for number, records in inbox.items()}
        return {name: judge(traffic, receiver, name, accepted) for name, receiver in self.owners.items()}


def _is_traffic(record: Record) -> bool:
    event = decode(record.value)
    return isinstance(event, ProblemReported) and event.problem.code == CODE


async def until(holds: Callable[[], bool], why: Callable[[], str], within: float = 120.0) -> None:
    """Wait until it holds; fails with the reason."""
    try:
        async with asyncio.timeout(within):
            while not holds():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(why()) from None


@asynccontextmanager
async def a_used_bus(bus: Bus) -> AsyncIterator[tuple[Traffic, Told]]:
    """The bus with its rules file and keys, whoever is told, and whoever reports; no process runs yet."""
    async with AsyncExitStack() as opened:
        owners = {name: await opened.enter_async_context(Receiver(refuse_some)) for name in OWNERS}
        told = Told(owners, await opened.enter_async_context(Receiver()))
        traffic = Traffic(await opened.enter_async_context(aiohttp.ClientSession()), [])
        bus.rules(rules(told))
        key = Path(bus.folder) / "seal.key"
        key.write_text(new_seal_key())
        bus.environment |= {"TOCSIN_SEAL_KEY": f"file:{key}", "TOCSIN_SUBSCRIPTIONS_PRIVATE": "true",
                            "TOCSIN_SUBSCRIPTIONS": "loopback", "TOCSIN_ANONYMOUS": "off"}  # fmt: skip
        yield traffic, told


@dataclass
class Crossing:
    """Of each delivery, which events of it were written with a schema that only this release has."""

    ours: dict[type, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))

    @classmethod
    async def read(cls, bus: Bus) -> Crossing:
        newest = {entry.id for entry in SHIPPED.written()}
        found = cls()
        for topic in ("deliveries", "attempts"):
            for records in (await read_topic(bus.bootstrap, bus.prefix + topic)).values():
                for record in records:
                    event = decode(record.value)
                    if isinstance(event, DeliveryRequested | DeliveryAttempt | DeliveryOutcome):
                        is_ours = int.from_bytes((record.value or b"")[1:5], "big") in newest
                        found.ours[type(event)].setdefault(event.delivery_id, is_ours)
        return found

    def between(self, first: type, then: type) -> set[tuple[bool, bool]]:
        """By which of the two releases the one event and the other were written of a delivery, ours being True."""
        before, after = self.ours[first], self.ours[then]
        return {(before[one], after[one]) for one in before.keys() & after.keys()}
