"""The worker is dead while replies and an acknowledgement come: no false time-out, no page (docs/architecture.md#time).

Timers fire when their tick is read, and the tick stands behind everything that was accepted before it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.harness.bus import Bus
from tests.harness.judging import read_topic
from tocsin.connectors.publish import InboxEvent, Publisher, problem
from tocsin.schemas.codec import decode
from tocsin.schemas.events import (
    ActivityKind,
    ActivityObserved,
    CommandIssued,
    CommandKind,
    EscalationAcknowledged,
    EscalationRaised,
    EscalationStepped,
    Event,
    EventBase,
    ProblemOpened,
    TimeoutNoticed,
)
from tocsin.schemas.ids import new_event_id

ASK = "https://tocsin.example/harbour/1.0/ask"
TENANTS = [f"harbour-{number}" for number in range(8)]
ANSWERED = 2000
CONTROLS = 200
TIMEOUT = 20
"""Seconds in which a reply has to come, and after which somebody is paged."""

RULES = f"""\
endpoints:
  desk: {{sink: memory}}
  pager: {{sink: memory}}
default_route: desk
timeouts:
  - messages: [{ASK}]
    floor: {TIMEOUT}s
    unlearned: {TIMEOUT}s
    waits: 0
    retries: 0
escalations:
  night:
    steps:
      - wait: {TIMEOUT}s
        endpoints: [pager]
routes:
  - name: aground
    match: {{code: e.p.me.res}}
    endpoints: desk
    escalate: night
"""

Said = TypeVar("Said", bound=EventBase)


def base(number: int) -> dict[str, str | int]:
    now = time.time_ns() // 1000
    tenant = TENANTS[number % len(TENANTS)]
    return {"event_id": new_event_id(), "tenant": tenant, "occurred_at": now, "recorded_at": now}


def message(kind: ActivityKind, number: int) -> ActivityObserved:
    """Number `number` of the messages goes out, or its reply comes."""
    return ActivityObserved(
        **base(number),  # type: ignore[arg-type]
        kind=kind,
        message_type=ASK if kind is ActivityKind.MESSAGE_SENT else ASK + "-answer",
        message_id=f"{kind}-{number}",
        thread_id=f"thread-{number}",
        connection=f"boat-{number % 100}",
    )


def acknowledgement(tenant: str, case: str) -> CommandIssued:
    fields = base(0) | {"tenant": tenant}
    return CommandIssued(**fields, kind=CommandKind.ACKNOWLEDGE, target=case, by="the keeper")  # type: ignore[arg-type]


async def publish(publisher: Publisher, events: Iterable[InboxEvent]) -> None:
    """All of them, 500 at a time."""
    waiting = list(events)
    while waiting:
        await asyncio.gather(*(publisher.publish(event) for event in waiting[:500]))
        del waiting[:500]


async def events_on(bootstrap: str, topic: str) -> list[Event]:
    records = await read_topic(bootstrap, topic)
    return [decode(record.value) for partition in records.values() for record in partition]


async def heard(bootstrap: str, topic: str, kind: type[Said], count: int, within: float) -> list[Said]:
    """Until the topic holds `count` events of this kind; whatever it holds after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        found: list[Said] = [event for event in await events_on(bootstrap, topic) if isinstance(event, kind)]
        if len(found) >= count or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.5)


@pytest.mark.timeout(300)
async def test_replies_and_an_acknowledgement_during_an_outage_come_in_time(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    async with Bus(bootstrap, prefix, tmp_path) as bus, Publisher(bootstrap, prefix=prefix, deadline=30.0) as publisher:
        bus.environment["TOCSIN_SESSION_TIMEOUT"] = "6"
        bus.rules(RULES)
        worker = await bus.start("worker")
        await worker.ready()
        began = time.monotonic()
        everything = range(ANSWERED + CONTROLS)
        await publish(publisher, (message(ActivityKind.MESSAGE_SENT, number) for number in everything))
        for tenant in TENANTS:  # behind the messages: once these are opened, all expectations are kept
            await publisher.publish(problem("e.p.me.res.storage", thread_id="aground"), tenant=tenant)
        opened = await heard(bootstrap, prefix + "problems", ProblemOpened, len(TENANTS), 30.0)
        raised = await heard(bootstrap, prefix + "escalations", EscalationRaised, len(TENANTS), 5.0)
        opened_after = time.monotonic() - began
        await worker.kill()
        assert len(opened) == len(raised) == len(TENANTS)
        assert time.monotonic() - began < TIMEOUT, "too slow: the time-outs were over before the outage"

        await publish(publisher, (message(ActivityKind.MESSAGE_RECEIVED, number) for number in range(ANSWERED)))
        taken = {event.case for event in opened[::2]}
        await publish(publisher, (acknowledgement(event.tenant, event.case) for event in opened[::2]))
        last_answer = time.monotonic() - began
        assert last_answer < TIMEOUT, "too slow: the replies were late indeed"
        print(f"all answers after {last_answer:.1f} s")
        await asyncio.sleep(TIMEOUT + 2 - last_answer + opened_after)

        again = await bus.start("worker")
        await again.ready()
        noticed = await heard(bootstrap, prefix + "problems", TimeoutNoticed, CONTROLS, 30.0)
        paged = await heard(bootstrap, prefix + "escalations", EscalationStepped, len(TENANTS) - len(taken), 10.0)
        acknowledged = await heard(bootstrap, prefix + "escalations", EscalationAcknowledged, len(taken), 5.0)
        print(f"noticed {len(noticed)}, paged {len(paged)}, acknowledged {len(acknowledged)}")
        controls = {f"thread-{number}" for number in everything[ANSWERED:]}
        assert {event.thread_id for event in noticed} == controls
        assert len({event.event_id for event in noticed}) == CONTROLS
        assert {event.case for event in acknowledged} == taken
        assert {event.case for event in paged} == {event.case for event in raised} - taken
