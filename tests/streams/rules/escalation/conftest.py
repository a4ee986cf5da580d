"""A bus of one partition, without routes and loop rules: reports and commands come in, timers fire."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.unanswered import without_answers
from tocsin.schemas.events import (
    CommandIssued,
    CommandKind,
    DeliveryRequested,
    EscalationStepped,
    Event,
    ProblemOpened,
    ProblemReported,
    ThreadContext,
)
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.cases import open_or_repeat
from tocsin.streams.rules.commands import apply_kept, command
from tocsin.streams.rules.config import DecideConfig, Endpoint, Route, RuleBook
from tocsin.streams.rules.decision import Decision, Emit
from tocsin.streams.rules.escalation.raising import escalate
from tocsin.streams.rules.policies import EscalationPolicy, Repeat, Step
from tocsin.streams.rules.replay import MemoryRows, Replay
from tocsin.streams.rules.report import Matched, Report
from tocsin.streams.rules.state import CaseRow, EscalationRow, SeenRow
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import HOUR, MINUTE

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

START = 1_800_000_000_000_000
STEPS = (
    Step(wait=5 * MINUTE, endpoints=("phone",), repeat=Repeat(every=2 * MINUTE, times=1)),
    Step(wait=10 * MINUTE, endpoints=("boss", "phone")),
)
PAGER = EscalationPolicy(
    name="pager",
    steps=STEPS,
    cycles=2,
    impact={"connection": "at_once", "message": "none"},
    uris=("mailto:ops@example.org", "https://ops.example.org/*"),
    uri_endpoint="outside",
)
NAMES = ("owner", "phone", "boss", "outside", "peer", "aries")


def book_of(*policies: EscalationPolicy) -> RuleBook:
    """Rules with these policies; `peer` is a peer's endpoint and `aries` one that gets problems in a dialect."""
    endpoints = {name: Endpoint(name=name, sink="memory") for name in NAMES}
    endpoints["peer"] = Endpoint(name="peer", sink="memory", audience="peer")
    endpoints["aries"] = Endpoint(name="aries", sink="memory", body="aries-1.0")
    return RuleBook(
        endpoints=endpoints, default_endpoint="owner", escalations={policy.name: policy for policy in policies}
    )


class Bus(Replay):
    """Plays one partition: `now` is its clock. Every method returns the events that were decided, deliveries last."""

    def __init__(self, rows: MemoryRows, *policies: EscalationPolicy) -> None:
        config = DecideConfig(book=book_of(*(policies or (PAGER,))), public_url="https://bus.example")
        super().__init__(config, rows, START)
        self.requested: list[DeliveryRequested] = []
        self.trace: tuple[str | None, str | None] = (None, None)

    def report(
        self, name: str, *, policies: tuple[str, ...] = ("pager",), to: tuple[str, ...] = ("owner",), **members: Any
    ) -> list[Event]:
        """A report of a problem in thread `t`."""
        problem = Problem(**{"dialect": "canonical", "code": "e.p.x", "code_key": "e.p.x", "thread_id": "t"} | members)
        report = ProblemReported(
            event_id=name, tenant="acme", occurred_at=self.now, recorded_at=self.now, problem=problem,
            traceparent=self.trace[0], tracestate=self.trace[1],
        )  # fmt: skip
        turn = Turn(self.rows, self.now, self.config, "acme")
        flying = Report(report, context=ThreadContext(first_seen=self.now, last_seen=self.now))
        flying.matched = [Matched("all", Route(name="all", endpoints=to), names_code=False)]
        flying.endpoints = to
        notice = open_or_repeat(turn, flying)
        self.rows.put(f"seen/acme/{name}", SeenRow("", self.now, flying.case, notice.event_id), self.now + HOUR)
        escalate(turn, flying, notice, policies, opens=isinstance(notice, ProblemOpened))
        apply_kept(turn, report, flying.case)
        return [notice, *self._events(turn.decisions)]

    def command(self, kind: str, target: str, event_id: str = "c", until: int | None = None) -> list[Event]:
        """Ann wants something done; a dead dead is an AssertionError."""
        return self._events(self.decisions(kind, target, event_id, until))

    def decisions(self, kind: str, target: str, event_id: str = "c", until: int | None = None) -> list[Decision]:
        """What follows from a command, dead letters too."""
        issued = CommandIssued(
            event_id=event_id,
            tenant="acme",
            occurred_at=self.now,
            recorded_at=self.now,
            kind=CommandKind(kind),
            target=target,
            by="ann",
            why="x",
            until=until,
            choice="wait" if kind == "choose" else None,
        )
        turn = Turn(self.rows, self.now, self.config, "acme")
        command(turn, issued)
        return without_answers(turn.decisions)

    def pass_time(self, span: int) -> list[Event]:
        """Time passes and then, once, every timer that is due fires."""
        self.now += span
        events = [event for one in self.wait(self.now) for event in self._events(one.decisions)]
        assert self.left_due == [], "a timer that stays due fires for ever"
        return events

    def pages(self, span: int) -> list[tuple[str, ...]]:
        """The endpoints of each step within a time, the timers fired every minute."""
        steps: list[tuple[str, ...]] = []
        end = self.now + span
        while self.now < end:
            steps += [tuple(one.endpoints) for one in self.pass_time(MINUTE) if isinstance(one, EscalationStepped)]
        return steps

    @property
    def row(self) -> EscalationRow | None:
        """The only escalation."""
        found = [self.rows.get(key) for key in self.rows.rows if key.startswith("escalation/")]
        assert len(found) <= 1
        row = found[0] if found else None
        assert row is None or isinstance(row, EscalationRow)
        return row

    @property
    def case(self) -> CaseRow:
        """The only case."""
        (found,) = [self.rows.get(key) for key in self.rows.rows if key.startswith("case/")]
        assert isinstance(found, CaseRow)
        return found

    @property
    def notification(self) -> dict[str, Any]:
        """The body of the last notification."""
        found: dict[str, Any] = json.loads(self.requested[-1].body)
        return found

    def _events(self, decisions: list[Decision]) -> list[Event]:
        events: list[Event] = []
        for one in without_answers(decisions):
            assert isinstance(one, Emit)
            if isinstance(one.event, DeliveryRequested):
                self.requested.append(one.event)
            else:
                events.append(one.event)
        return events


@pytest.fixture
def bus(rows: DictRows) -> Bus:
    """A bus with the policy `pager`."""
    return Bus(rows)


@pytest.fixture
def bus_of(rows: DictRows) -> Callable[..., Bus]:
    """Makes a bus with other policies."""
    return lambda *policies: Bus(rows, *policies)


@pytest.fixture
def pager() -> EscalationPolicy:
    """The policy of `bus`."""
    return PAGER
