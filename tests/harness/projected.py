"""A log as the bus writes it, for the projector: events of few cases, threads and endpoints, so that they meet."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from zlib import crc32

from hypothesis import strategies as st
from sqlalchemy import Connection, select

from tocsin.connectors.redaction import Redaction
from tocsin.connectors.store.tables import OWNED
from tocsin.schemas.codec import encode
from tocsin.schemas.events import (
    ActivityKind,
    ActivityObserved,
    CommandAnswered,
    CommandIssued,
    CommandKind,
    CommandOutcome,
    DeliveryAttempt,
    DeliveryOutcome,
    DeliveryRequested,
    EscalationAcknowledged,
    EscalationRaised,
    EscalationStepped,
    Event,
    Outcome,
    ProblemExplained,
    ProblemOpened,
    ProblemRepeated,
    ProblemReported,
    ProblemResolved,
    ProblemSuppressed,
    ProblemUnrouted,
    SilenceSet,
    ThreadContext,
    TimeoutNoticed,
)
from tocsin.schemas.problem import Problem, Source, Violation
from tocsin.streams.projector.taken import Taken

PARTITIONS = 2
TIME = 1_700_000_000_000_000
HOUR = 3_600_000_000

Log = dict[tuple[str, int], list[Taken]]


def nothing_more(tenant: str) -> Redaction:
    """No tenant has secrets of its own."""
    return Redaction()


def problem(number: int, **fields: Any) -> Problem:
    """A problem that differs by its number."""
    source = Source(connection=f"c{number % 3}", sender=f"did:example:{number % 2}", service="agent")
    return Problem(
        dialect="didcomm-2.0", code=f"e.p.xfer.n{number % 4}", code_key=f"e.p.xfer.n{number % 4}",
        text=f"Grüße {number}",
        thread_id=None if number % 3 == 0 else f"t{number % 5}", source=source, conformant=number % 2 == 0,
        violations=[Violation(rule=f"r{number % 2}", pointer="/body")] if number % 2 else [], **fields,
    )  # fmt: skip


def log_of(events: list[tuple[str, str, Event]]) -> Log:
    """The log in which these events (topic, key, event) were appended one after another."""
    log: Log = defaultdict(list)
    for at, (topic, key, event) in enumerate(events):
        place = (topic, 0 if topic == "settings" else crc32(key.encode()) % PARTITIONS)
        value = encode(event)
        log[place].append(Taken(*place, len(log[place]), (TIME // 1000) + at * 1000, key.encode(), value, event=event))
    return dict(log)


def dump(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All rows, but for the order in which they were made."""
    return {
        table.name: sorted(
            (tuple(row) for row in connection.execute(select(*(c for c in table.c if c.name != "seq")))), key=repr
        )
        for table in OWNED
    }


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[str, str, Event]]:
    """What happens to a few reports, in an order that the bus could have written."""
    events: list[tuple[str, str, Event]] = []
    clock = TIME
    for number in draw(st.lists(st.integers(0, 11), min_size=1, max_size=12)):
        tenant, report, case = f"tenant{number % 2}", f"report{number}", f"case{number % 3}"
        for step in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=5)):
            clock += draw(st.sampled_from([1, 1_000_000, HOUR]))
            base = {"tenant": tenant, "occurred_at": clock - 5, "recorded_at": clock}
            events += step(number, report, case, base)
        if draw(st.booleans()):
            events.append(draw(st.sampled_from(events)))  # said again, byte for byte
    return events


def _reported(number: int, report: str, case: str, base: dict[str, Any]) -> list[tuple[str, str, Event]]:
    event = ProblemReported(event_id=report, problem=problem(number), raw=b"{}", **base)
    return [("inbox", base["tenant"], event)]


def _told(number: int, report: str, case: str, base: dict[str, Any]) -> list[tuple[str, str, Event]]:
    thread = ThreadContext(
        thread_id=f"t{number % 5}", first_seen=1, last_seen=2, state="offer-sent", record_type="issuance",
        record_id=f"r{number % 2}", connection="c9",
    )  # fmt: skip
    same = {"case": case, "report": report, "problem": problem(number), "thread": thread, **base}
    if number % 2:
        return [("problems", case, ProblemOpened(event_id=f"opened-{report}", **same))]
    repeated = ProblemRepeated(event_id=f"repeated-{report}", count=number + 2, **same)
    return [
        ("problems", case, repeated),
        (
            "problems",
            case,
            ProblemUnrouted(event_id=f"unrouted-{report}", case=case, report=report, endpoint="e", **base),
        ),
    ]


def _suppressed(number: int, report: str, case: str, base: dict[str, Any]) -> list[tuple[str, str, Event]]:
    event = ProblemSuppressed(
        event_id=f"suppressed-{report}", case=case, report=report, reason="identical", survivor="report0", **base
    )
    return [("problems", case, event)]


def _explained(number: int, report: str, case: str, base: dict[str, Any]) -> list[tuple[str, str, Event]]:
    thread = ThreadContext(thread_id=f"late{number % 2}", first_seen=1, last_seen=base["recorded_at"], state="done")
    event_id = f"explained-{report}-{base['recorded_at']}"
    return [("problems", case, ProblemExplained(event_id=event_id, case=case, report=report, thread=thread, **base))]


def _resolved(number: int, report: str, case: str, base: dict[str, Any]) -> list[tuple[str, str, Event]]:
    event_id, noticed = f"resolved-{case}-{base['recorded_at']}", f"noticed-{base['recorded_at']}"
    return [
        ("problems", case, ProblemResolved(event_id=event_id, case=case, by="ann", why="fixed\0", **base)),
        ("problems", "", TimeoutNoticed(event_id=noticed, thread_id="t1", waited=5, choice="wait", **base)),
    ]


def _escalated(number: int, report: str, case: str, base: dict[str, Any]) -> list[tuple[str, str, Event]]:
    at = base["recorded_at"]
    steps: list[tuple[str, str, Event]] = [
        ("escalations", case, EscalationRaised(event_id=f"up-{at}", case=case, policy="p", report=report, **base)),
        ("escalations", case, EscalationStepped(event_id=f"step-{at}", case=case, policy="p", step=number, **base)),
        ("escalations", case, EscalationAcknowledged(event_id=f"ack-{at}", case=case, by="bob", **base)),
    ]
    return steps[: 1 + number % 3]  # fmt: skip


def _observed(number: int, report: str, case: str, base: dict[str, Any]) -> list[tuple[str, str, Event]]:
    event = ActivityObserved(
        event_id=f"seen-{number}-{base['recorded_at']}", kind=ActivityKind.RECORD_CHANGED, thread_id=f"t{number % 5}",
        connection=f"c{number % 3}", record_type="issuance", record_id=f"r{number % 2}", detail={"a": "b"},
        record_state=None if number % 4 == 0 else f"state{number}", trust="high" if number % 2 else None, **base,
    )  # fmt: skip
    return [("inbox", base["tenant"], event)]


def _delivered(number: int, report: str, case: str, base: dict[str, Any]) -> list[tuple[str, str, Event]]:
    endpoint, delivery = f"endpoint{number % 2}", f"delivery-{report}"
    same: dict[str, Any] = {"delivery_id": delivery, "endpoint": endpoint, **base}
    body: dict[str, Any] = {"about": report, "content_type": "application/json", "body": b"{}"}
    outcome = Outcome.DELIVERED if number % 2 else Outcome.RETRY_LATER
    at = base["recorded_at"]
    return [
        ("deliveries", endpoint, DeliveryRequested(event_id=f"ask-{report}", case=case, **body, **same)),
        ("attempts", endpoint, DeliveryAttempt(event_id=f"try-{at}", attempt=1 + number % 3, **body, **same)),
        (
            "deliveries",
            endpoint,
            DeliveryOutcome(
                event_id=f"end-{at}", attempt=1 + number % 3, outcome=outcome, reason="x", duration=5, **same
            ),
        ),
    ]


def _commanded(number: int, report: str, case: str, base: dict[str, Any]) -> list[tuple[str, str, Event]]:
    command = f"command-{number}"
    wanted = CommandIssued(event_id=command, kind=CommandKind.ACKNOWLEDGE, target=report, by="ann", **base)
    answer = CommandAnswered(
        event_id=f"answer-{base['recorded_at']}", command=command, kind="acknowledge", target=report, by="ann",
        outcome=CommandOutcome.KEPT if number % 2 else CommandOutcome.DONE, case=case, **base,
    )  # fmt: skip
    return [("inbox", base["tenant"], wanted), ("answers", command, answer)]


def _silenced(number: int, report: str, case: str, base: dict[str, Any]) -> list[tuple[str, str, Event]]:
    silence = f"silence{number % 2}"
    event = SilenceSet(
        event_id=f"set-{base['recorded_at']}",
        silence=silence,
        matchers=[],
        starts_at=1,
        ends_at=number,
        by="ann",
        **base,
    )
    return [("settings", f"silence/{silence}", event)]


STEPS = (
    _reported, _reported, _told, _told, _suppressed, _explained, _resolved, _escalated, _observed, _delivered,
    _commanded, _silenced,
)  # fmt: skip


def reported_once() -> list[tuple[str, str, Event]]:
    """One report, and nothing else."""
    return _reported(1, "report1", "case1", {"tenant": "tenant1", "occurred_at": TIME, "recorded_at": TIME})
