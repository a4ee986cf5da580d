"""Stories about replies that are waited for: what happens when, and which time-outs are noticed when.

A step is a line of text, its first word the second at which it happens:

    0 sent ask              a message of type `ask` goes out on the thread
    0 sent ask on other     ... on thread `other`
    0 sent ask expects_reply=true retry_of=m1     with these details
    5 reply                 something comes back (`on other`, `id=m9`: message m9)
    5 report                a problem report comes back, as a message
    5 problem               a problem is reported on the thread
    5 record                a record changes its state on the thread
    5 silent until 400      nothing at all is heard, not even ticks
    5 down until 30         no ticks are heard, though too shortly for the engine to speak of silence
    5 choose retry t        somebody chooses about target `t`
    5 tick                  the timers that are due fire, none later
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from tocsin.schemas.events import (
    ActivityKind,
    ActivityObserved,
    CommandIssued,
    CommandKind,
    EventBase,
    ProblemReported,
    TimeoutNoticed,
)
from tocsin.schemas.problem import Problem
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig, RuleBook, default_rulebook
from tocsin.streams.rules.context.enrich import enrich
from tocsin.streams.rules.context.gaps import note_gap
from tocsin.streams.rules.decision import Decision, Emit
from tocsin.streams.rules.derive import Common, about
from tocsin.streams.rules.policies import TimeoutPolicy
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import ExpectationRow
from tocsin.streams.rules.timeouts.chosen import choose
from tocsin.streams.rules.timeouts.expectations import close_by_problem, expectation_due, observe_message
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import SECOND

START = 1_800_000_000 * SECOND
TENANT = "harbour"


class TimedRows(Rows, Protocol):
    """Rows that can say what is due."""

    def next_due(self, now: int) -> str | None: ...


def config_with(*policies: TimeoutPolicy, book: RuleBook | None = None) -> DecideConfig:
    """The default rules with these time-out policies."""
    return DecideConfig(book=msgspec.structs.replace(book or default_rulebook(), timeouts=policies))


class Story:
    """Plays steps; every timer fires at its own microsecond, unless nothing can be heard then."""

    def __init__(self, rows: TimedRows, config: DecideConfig, connection: str | None = "lighthouse") -> None:
        self.rows = rows
        self.config = config
        self.connection = connection
        self.decisions: list[Decision] = []
        self.number = 0
        self.now = START

    def play(self, *steps: str) -> Story:
        for step in steps:
            at, what, *rest = step.split()
            self.until(float(at))
            self.number += 1
            self._step(what, rest)
        return self

    def until(self, seconds: float) -> Story:
        """Let the timers fire up to this second."""
        end = START + round(seconds * SECOND)
        while (key := self.rows.next_due(end)) is not None:
            due = self.rows.due(key)
            assert due is not None
            self._fire(key, max(due, self.now))
        self.now = max(self.now, end)
        return self

    def turn(self, tenant: str = TENANT) -> Turn:
        """A turn now."""
        return Turn(self.rows, self.now, self.config, tenant)

    def notices(self) -> list[TimeoutNoticed]:
        found = (decision.event for decision in self.decisions if isinstance(decision, Emit))
        return [event for event in found if isinstance(event, TimeoutNoticed)]

    def noticed(self) -> list[tuple[float, str, int]]:
        """Second, choice and attempt of each notice."""
        return [((notice.occurred_at - START) / SECOND, notice.choice, notice.attempt) for notice in self.notices()]

    def learn(self, seconds: float, times: int, message_type: str = "ask") -> Story:
        """So many messages whose replies came after so long, each on a thread of its own."""
        for _ in range(times):
            at = (self.now - START) / SECOND
            thread = f"learned-{self.number}"
            self.play(f"{at} sent {message_type} on {thread}", f"{at + seconds} reply on {thread}")
        return self

    def _step(self, what: str, rest: list[str]) -> None:
        thread = rest[rest.index("on") + 1] if "on" in rest else "t"
        if what == "sent":
            self._activity(ActivityKind.MESSAGE_SENT, thread, rest)
        elif what in ("reply", "report"):
            kinds = {"reply": "answer", "report": "https://didcomm.org/report-problem/2.0/problem-report"}
            self._activity(ActivityKind.MESSAGE_RECEIVED, thread, [kinds[what], *rest])
        elif what == "record":
            self._activity(ActivityKind.RECORD_CHANGED, thread, ["record"])
        elif what == "problem":
            report = ProblemReported(**self._base(), problem=Problem(dialect="x", code="e.p.msg", thread_id=thread))
            case = "case"
            turn = self.turn()
            close_by_problem(turn, Report(report, case, enrich(turn, report, case)[0]))
        elif what == "down":
            self.now = START + round(float(rest[1]) * SECOND)
        elif what == "silent":
            end = START + round(float(rest[1]) * SECOND)
            note_gap(self.rows, self.now, end)
            self.now = end
        elif what == "choose":
            issued = CommandIssued(
                **self._base(), kind=CommandKind.CHOOSE, target=rest[1], by="the keeper", choice=rest[0]
            )
            turn = self.turn()
            choose(turn, issued)
            self.decisions += turn.decisions
        else:
            assert what == "tick", what

    def _activity(self, kind: ActivityKind, thread: str, rest: list[str]) -> None:
        detail = dict(word.split("=") for word in rest if "=" in word)
        activity = ActivityObserved(
            **self._base(),
            kind=kind,
            message_id=detail.pop("id", f"m{self.number}"),
            message_type=rest[0],
            thread_id=thread,
            connection=self.connection,
            detail=detail,
        )
        turn = self.turn()
        observe_message(turn, activity)
        self.decisions += turn.decisions

    def _base(self) -> Common:
        base = EventBase(event_id="", tenant=TENANT, occurred_at=self.now, recorded_at=self.now)
        return about(base, f"event-{self.number}", self.now)

    def _fire(self, key: str, now: int) -> None:
        row = self.rows.get(key)
        self.now = now
        if isinstance(row, ExpectationRow):
            turn = Turn(self.rows, now, self.config, TENANT)
            expectation_due(turn, key, row)
            self.decisions += turn.decisions
        else:
            self.rows.delete(key)
        due = self.rows.due(key)
        assert due is None or due > now, f"{key} was left due"
