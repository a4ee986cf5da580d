"""A store that was filled as the projector fills it, for those who ask it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from tests.harness.projected import TIME, log_of, nothing_more
from tocsin.connectors.store import address_of
from tocsin.connectors.store.database import database_of
from tocsin.connectors.store.migrating import migrate
from tocsin.schemas.events import (
    ActivityKind,
    ActivityObserved,
    DeliveryAttempt,
    DeliveryOutcome,
    DeliveryRequested,
    EscalationRaised,
    Event,
    Outcome,
    ProblemOpened,
    ProblemReported,
    ThreadContext,
)
from tocsin.schemas.problem import Problem, Severity, Source, Violation
from tocsin.streams.ask.positions import Happened, Positions
from tocsin.streams.projector.batch import apply
from tocsin.streams.projector.taken import Taken

Story = Sequence[tuple[str, str, Event]]


async def take_up(address: str, story: Story) -> None:
    """Take these events up into the store of an address, which is made if it is not there."""
    database = database_of(address_of(address), make=True)
    try:
        await database.write(migrate)
        for place, records in log_of(list(story)).items():
            await database.write(partial(_applied, records=records, standing={place: 0}))
    finally:
        await database.close()


def _applied(connection: Connection, records: list[Taken], standing: dict[tuple[str, int], int]) -> None:
    apply(connection, records, standing, nothing_more)


def problem(text: str, **more: Any) -> Problem:
    """An error about an issuance, with a rule that it breaks."""
    source: dict[str, Any] = {
        "connection": "c-1",
        "sender": "did:example:bob",
        "service": "issuer",
        "record_type": "issuance",
    }
    fields: dict[str, Any] = {
        "dialect": "didcomm-2.0", "code": "e.p.xfer.cant-use-endpoint", "code_key": "e.p.xfer.cant-use-endpoint",
        "severity": Severity.ERROR, "text": text, "thread_id": "t-1", "conformant": False,
        "violations": [Violation(rule="code-not-lower-case", pointer="/body/code")],
    }  # fmt: skip
    return Problem(**fields | {"source": Source(**source, record_id="r-1")} | more)


def told_story(
    tenant: str, text: str, *, report: str = "p-1", case: str = "case-1", at: int = TIME, told: Problem | None = None
) -> Story:
    """A report, its case, its escalation, a delivery with two attempts, and the activity before it."""
    base: dict[str, Any] = {"tenant": tenant, "occurred_at": at - 5_000_000, "recorded_at": at}
    told = problem(text) if told is None else told
    thread = ThreadContext(
        thread_id="t-1", first_seen=at, last_seen=at, state="offer-sent", connection="c-1", record_type="issuance",
        record_id="r-1",
    )  # fmt: skip
    same: dict[str, Any] = {"delivery_id": f"d-{report}", "endpoint": "owner", **base}
    body: dict[str, Any] = {"about": report, "content_type": "application/json", "body": b"{}"}
    return [
        (
            "inbox",
            tenant,
            ActivityObserved(
                event_id=f"a-{report}", kind=ActivityKind.MESSAGE_RECEIVED, thread_id="t-1", connection="c-1",
                message_type="https://didcomm.org/issue-credential/2.0/propose-credential", record_type="issuance",
                record_id="r-1", record_state="proposal-received", **base,
            ),
        ),
        ("inbox", tenant, ProblemReported(event_id=report, problem=told, raw=text.encode(), **base)),
        ("problems", case, ProblemOpened(event_id=f"o-{report}", case=case, report=report, problem=told, thread=thread,
                                         **base)),
        ("escalations", case, EscalationRaised(event_id=f"e-{report}", case=case, policy="p", report=report, **base)),
        ("deliveries", "owner", DeliveryRequested(event_id=f"q-{report}", case=case, **body, **same)),
        ("attempts", "owner", DeliveryAttempt(event_id=f"t1-{report}", attempt=1, **body, **same)),
        ("deliveries", "owner", DeliveryOutcome(event_id=f"x1-{report}", attempt=1, outcome=Outcome.RETRY_LATER,
                                                reason="timeout", duration=5, **same)),
        ("attempts", "owner", DeliveryAttempt(event_id=f"t2-{report}", attempt=2, **body, **same)),
        ("deliveries", "owner", DeliveryOutcome(event_id=f"x2-{report}", attempt=2, outcome=Outcome.DELIVERED,
                                                reason="delivered", status=200, duration=5, **same)),
    ]  # fmt: skip


IDS = {
    "problem": "p-1", "record_type": "issuance", "record": "r-1", "thread": "t-1", "connection": "c-1",
    "case_id": "case-1", "delivery_id": "d-p-1", "peer": "did:example:bob",
    "letter": "1:2",
}  # fmt: skip
"""What a told story has, by the parameters of routes."""


class Happening:
    """A `StreamPort` over a list: it tells those events, and ends."""

    def __init__(self, *events: Event) -> None:
        self._events = events

    async def follow(self, tenant: str, positions: Positions | None, beat: float) -> AsyncGenerator[Happened, None]:
        """Those of the tenant behind the position."""
        begin = 0 if positions is None else positions["problems"][0]
        for number, event in enumerate(self._events[begin:], begin + 1):
            if event.tenant == tenant:
                yield event, {"problems": {0: number}}
