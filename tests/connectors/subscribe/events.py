"""Events of the public topics, for tests of subscribers; and Kafka that has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from tocsin.connectors.dialects.canonical import complete
from tocsin.schemas.codec import encode
from tocsin.schemas.events import DigestedCase, Event, ProblemOpened, ProblemResolved, ProblemsDigested, ThreadContext
from tocsin.schemas.problem import Problem, Severity
from tocsin.streams.settings import Settings
from tocsin.streams.topics import apply

BASE: dict[str, Any] = {"tenant": "acme", "occurred_at": 1, "recorded_at": 1}


def opened(
    number: int = 1,
    *,
    case: str | None = None,
    code: str = "e.p.xfer.cant-use-endpoint",
    severity: Severity = Severity.ERROR,
    **changes: Any,
) -> ProblemOpened:
    """A case was opened; each number is another event."""
    problem = complete(Problem(dialect="canonical", code=code, severity=severity, text=f"number {number}"))
    fields: dict[str, Any] = {
        **BASE, "event_id": f"event-{number}", "case": case or f"case-{number}", "report": f"report-{number}",
        "problem": problem, "thread": ThreadContext(first_seen=1, last_seen=1),
    }  # fmt: skip
    return ProblemOpened(**(fields | changes))


def resolved(number: int = 1, **changes: Any) -> ProblemResolved:
    """A case is over; an event without a code."""
    return ProblemResolved(
        **({**BASE, "event_id": f"resolved-{number}", "case": f"case-{number}", "by": "me"} | changes)
    )


def digested() -> ProblemsDigested:
    """A digest: no case of its own, no problem, and the codes of its cases."""
    cases = [
        DigestedCase(case="c", code="e.p.me.res", count=1, last_report="r"),
        DigestedCase(case="d", code="e.p.xfer.slow", count=1, last_report="r"),
    ]
    return ProblemsDigested(**BASE, event_id="digest", group="g", why="grouped", since=1, until=2, count=2, cases=cases)


async def until(over: Callable[[], object]) -> None:
    """Wait for something to become so; whoever waits says for how long."""
    while not over():  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def make_topics(bootstrap: str, prefix: str, partitions: int = 3) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await apply(admin, Settings(bootstrap=bootstrap, prefix=prefix, partitions=partitions))
    finally:
        await admin.close()


async def write(bootstrap: str, prefix: str, events: list[Event | bytes], topic: str = "problems") -> None:
    """Write events, keyed by case; bytes are written as they are."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for event in events:
            key = b"poison" if isinstance(event, bytes) else str(getattr(event, "case", "")).encode()
            value = event if isinstance(event, bytes) else encode(event)
            await producer.send_and_wait(prefix + topic, value, key=key)
    finally:
        await producer.stop()
