"""10,000 escalations are pending when everything is killed (docs/reliability.md#f21): all fire once, none early.

Everything is down for 20 s, for a whole minute with TOCSIN_LONG=1. Lateness is printed.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from tests.harness.bus import Bus, Child
from tests.harness.judging import read_topic
from tocsin.connectors.publish import Publisher, problem
from tocsin.schemas.codec import decode
from tocsin.schemas.events import DeliveryRequested, EscalationRaised, EscalationStepped

PENDING = 10_000
TENANTS = 40
WAIT = 30
"""Seconds from a problem to its page: all problems are decided in less, and most pages are due in the outage."""
OUTAGE = 60 if os.environ.get("TOCSIN_LONG") else 20
PATIENT = OUTAGE + 40
"""Seconds from every tenth problem to its page: due when all is up again, unless the machine is very busy."""
RULES = f"""\
endpoints:
  desk: {{sink: memory}}
  pager: {{sink: memory}}
default_route: desk
escalations:
  night:
    steps:
      - wait: {WAIT}s
        endpoints: pager
  morning:
    steps:
      - wait: {PATIENT}s
        endpoints: pager
routes:
  - name: patient
    match: {{code: e.p.msg}}
    endpoints: desk
    escalate: morning
  - name: everything
    endpoints: desk
    escalate: night
"""


@dataclass
class Escalations:
    """What the topic `escalations` holds, as it comes: a repeat counts once if it has the same bytes."""

    raised: dict[str, EscalationRaised] = field(default_factory=dict)
    stepped: dict[str, EscalationStepped] = field(default_factory=dict)
    bytes_of: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    repeats: int = 0
    last_at: float = 0.0

    async def follow(self, bootstrap: str, topic: str) -> None:
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=None)
        await consumer.start()
        try:
            while True:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        self._take(record.value)
        finally:
            await consumer.stop()

    def _take(self, value: bytes) -> None:
        event = decode(value)
        self.repeats += event.event_id in self.bytes_of
        self.bytes_of[event.event_id].add(value)
        if isinstance(event, EscalationRaised):
            self.raised[event.event_id] = event
        elif isinstance(event, EscalationStepped):
            self.last_at = self.last_at if event.event_id in self.stepped else time.time()
            self.stepped[event.event_id] = event

    async def until(self, what: Callable[[], bool], within: float) -> None:
        async with asyncio.timeout(within):
            while not what():  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def everything(bus: Bus) -> list[Child]:
    children = [await bus.start(name) for name in ("worker", "worker", "dispatch", "gateway")]
    await asyncio.gather(*(child.ready() for child in children))
    return children


async def publish(bootstrap: str, prefix: str) -> None:
    async with Publisher(bootstrap, prefix=prefix, deadline=30.0) as publisher:
        for first in range(0, PENDING, 500):
            reports = (
                problem("e.p.xfer" if number % 10 else "e.p.msg", thread_id=f"thread-{number}")
                for number in range(first, first + 500)
            )
            tenants = (f"tenant-{number % TENANTS}" for number in range(first, first + 500))
            await asyncio.gather(
                *map(lambda report, tenant: publisher.publish(report, tenant=tenant), reports, tenants)
            )


@pytest.mark.timeout(300)
async def test_ten_thousand_pending_timers_outlive_the_death_of_everything(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    async with Bus(bootstrap, prefix, tmp_path) as bus:
        bus.environment["TOCSIN_SESSION_TIMEOUT"] = "6"
        bus.rules(RULES)
        seen = Escalations()
        following = asyncio.create_task(seen.follow(bootstrap, prefix + "escalations"))
        children = await everything(bus)
        began_at = time.time()
        await publish(bootstrap, prefix)
        await seen.until(lambda: len(seen.raised) == PENDING, 90)
        pending = PENDING - len(seen.stepped)
        await asyncio.gather(*(child.kill() for child in children))
        killed_at = time.time()
        print(f"{pending} pending {killed_at - began_at:.0f} s after the first was published")
        assert pending > PENDING / 10, "too slow: the timers fired before anybody was killed"

        await asyncio.sleep(OUTAGE)
        await everything(bus)
        ready_at = time.time()
        await seen.until(lambda: len(seen.stepped) >= PENDING, 90)
        await asyncio.sleep(2.0)  # a second page of a case would have its chance
        following.cancel()
        await asyncio.wait([following])
        await bus.stop()

        due = {event.case: event.first_step_at or 0 for event in seen.raised.values()}
        late = {event.case: event.recorded_at - due[event.case] for event in seen.stepped.values()}
        after = [late[case] / 1e6 for case in late if due[case] > ready_at * 1e6]
        print(f"down for {ready_at - killed_at:.0f} s; the last one {seen.last_at - ready_at:.1f} s after all was up")
        print(f"lateness up to {max(late.values()) / 1e6:.1f} s, {seen.repeats} repeats")
        print(f"{len(after)} were due when all was up again: lateness up to {max(after, default=0.0):.1f} s")
        assert len(due) == len(seen.raised) == len(seen.stepped) == len(late) == PENDING
        assert min(late.values()) >= 0, "early"
        assert max(late.values()) < (ready_at - killed_at + 90) * 1e6
        assert all(len(found) == 1 for found in seen.bytes_of.values()), "a repeat has other bytes"
        records = await read_topic(bootstrap, prefix + "deliveries")
        asked = [decode(record.value) for partition in records.values() for record in partition]
        pages = {
            (one.case, one.delivery_id)
            for one in asked
            if isinstance(one, DeliveryRequested) and one.endpoint == "pager"
        }
        assert sorted(case for case, _ in pages if case is not None) == sorted(due)
