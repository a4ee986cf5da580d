"""A tenant's world: what is observed and what is reported in it, in the order of the calls, a second apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.connectors.dialects.codes import parse_code
from tocsin.schemas.events import ActivityKind, ActivityObserved, ProblemExplained, ProblemReported, ThreadContext
from tocsin.schemas.problem import Problem, Source
from tocsin.streams.rules.config import DecideConfig, default_rulebook
from tocsin.streams.rules.context.activity import observe
from tocsin.streams.rules.context.enrich import enrich
from tocsin.streams.rules.decision import Emit
from tocsin.streams.rules.report import case_of
from tocsin.streams.rules.state import CaseRow, ThreadRow, row_key
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

CONFIG = DecideConfig(book=default_rulebook())


class World:
    """Rows, a clock that goes on by a second at each call, and the rules of context."""

    def __init__(self, rows: DictRows, tenant: str = "acme") -> None:
        self.rows = rows
        self.tenant = tenant
        self.now = 0

    def observe(self, kind: str, *, at: int | None = None, **members: Any) -> list[ProblemExplained]:
        """An activity; `at`: when it occurred, if not now. Returns what it explains."""
        self.now += SECOND
        activity = ActivityObserved(
            event_id=f"a{self.now}",
            tenant=self.tenant,
            occurred_at=self.now if at is None else at,
            recorded_at=self.now,
            kind=ActivityKind(kind),
            **members,
        )
        turn = Turn(self.rows, self.now, CONFIG, self.tenant)
        observe(turn, activity)
        emitted = [one.event for one in turn.decisions if isinstance(one, Emit)]
        assert all(isinstance(event, ProblemExplained) for event in emitted)
        return [event for event in emitted if isinstance(event, ProblemExplained)]

    def sent(self, thread: str | None = None, message_type: str | None = None, **members: Any) -> None:
        """A message went out."""
        self.observe("message_sent", thread_id=thread, message_type=message_type, **members)

    def received(self, thread: str | None = None, message_type: str | None = None, **members: Any) -> None:
        """A message came in."""
        self.observe("message_received", thread_id=thread, message_type=message_type, **members)

    def report(self, thread: str | None = None, code: str = "e.p.odd", **members: Any) -> ProblemReported:
        """A report of a problem as its reader would give it; members of its source are given by name too."""
        of_source = {name: members.pop(name) for name in Source.__struct_fields__ if name in members}
        parsed = parse_code(code)
        problem = Problem(
            dialect="didcomm-2.0",
            code=code,
            code_key=parsed.key,
            severity=parsed.severity,
            scope=parsed.scope,
            thread_id=thread,
            source=Source(**of_source),
            **members,
        )
        return ProblemReported(
            event_id=f"r{self.now + SECOND}", tenant=self.tenant, occurred_at=0, recorded_at=0, problem=problem
        )

    def problem(self, thread: str | None = None, code: str = "e.p.odd", **members: Any) -> ThreadContext:
        """A problem is reported and routed: what its context is. Its case is open from then on."""
        report = self.report(thread, code, **members)
        self.now += SECOND
        case = case_of(report)
        context, _ = enrich(Turn(self.rows, self.now, CONFIG, self.tenant), report, case)
        severity = report.problem.severity.value
        row = CaseRow(
            1, report.event_id, report.event_id, "open", self.now, self.now, code=code, severity=severity, thread=thread
        )
        self.rows.put(row_key("case", self.tenant, case), row)
        return context

    def thread(self, thread: str) -> ThreadRow:
        """The row of a thread that there is."""
        row = self.rows.get(row_key("thread", self.tenant, thread))
        assert isinstance(row, ThreadRow)
        return row


@pytest.fixture
def world(rows: DictRows) -> World:
    """A tenant of whom nothing is known yet."""
    return World(rows)


@pytest.fixture(scope="session")
def new_world() -> type[World]:
    """Makes worlds, for tests that need several."""
    return World
