"""A tenant's partition without a broker: reports and messages in, events out, time passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.schemas.events import (
    ActivityKind,
    ActivityObserved,
    DeliveryRequested,
    Event,
    ProblemOpened,
    ProblemRepeated,
    ProblemReported,
    ProblemsDigested,
    ProblemSuppressed,
)
from tocsin.schemas.problem import Problem, Source
from tocsin.streams.rules.config import DecideConfig, Endpoint, Route, RuleBook
from tocsin.streams.rules.decision import Decision, Emit
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.rules.replay import MemoryRows, Replay
from tocsin.streams.rules.values import SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

NOW = 1_800_000_000_000_000


class Desk(Replay):
    """One partition, whose events are kept."""

    def __init__(self, rows: MemoryRows, limits: LoopLimits) -> None:
        book = RuleBook(
            endpoints={name: Endpoint(name=name, sink="memory") for name in ("owner", "fallback")},
            default_endpoint="fallback",
            routes=(Route(name="everything", match=Match(), endpoints=("owner",)),),
            limits=limits,
        )
        super().__init__(DecideConfig(book=book), rows, NOW)
        self.events: list[Event] = []
        self.reports = 0

    def report(self, code: str = "e.p.xfer", thread: str | None = "t", *, after: int = SECOND, **members: Any) -> Event:
        """One report, `after` microseconds later; the event that says what became of it."""
        self.pass_time(after)
        self.reports += 1
        source = Source(**{name: members.pop(name) for name in Source.__struct_fields__ if name in members})
        problem = Problem(
            **{
                "dialect": "didcomm-2.0",
                "code": code,
                "code_key": code.casefold().replace("_", "-"),
                "thread_id": thread,
                "source": source,
                "text": "x",
                **members,
            },
        )
        event_id = f"r{self.reports}"
        report = ProblemReported(
            event_id=event_id, tenant="acme", occurred_at=self.now, recorded_at=self.now, problem=problem
        )
        self._note(self.decide(report))
        return next(event for event in reversed(self.events) if getattr(event, "report", None) == event_id)

    def message(
        self,
        kind: ActivityKind = ActivityKind.MESSAGE_SENT,
        message_type: str | None = "https://didcomm.org/basicmessage/2.0/message",
        connection: str | None = "c",
        thread: str | None = "elsewhere",
        message_id: str | None = None,
    ) -> None:
        """A message that came or went."""
        activity = ActivityObserved(
            event_id=f"a{self.now}", tenant="acme", occurred_at=self.now, recorded_at=self.now, kind=kind,
            message_type=message_type, connection=connection, thread_id=thread, message_id=message_id,
        )  # fmt: skip
        self._note(self.decide(activity))

    def pass_time(self, span: int) -> None:
        """Time goes on, and every timer fires when it is due."""
        for decided in self.wait(self.now + span):
            self._note(decided.decisions)
        assert self.left_due == []

    def _note(self, decisions: list[Decision]) -> None:
        self.events += [one.event for one in decisions if isinstance(one, Emit)]

    @property
    def told(self) -> list[ProblemOpened | ProblemRepeated]:
        return [event for event in self.events if isinstance(event, ProblemOpened | ProblemRepeated)]

    @property
    def suppressed(self) -> list[ProblemSuppressed]:
        return [event for event in self.events if isinstance(event, ProblemSuppressed)]

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.suppressed]

    @property
    def digests(self) -> list[ProblemsDigested]:
        return [event for event in self.events if isinstance(event, ProblemsDigested)]

    @property
    def limit_notices(self) -> list[ProblemOpened | ProblemRepeated]:
        return [event for event in self.told if event.problem.code == "e.p.req.max-errors-exceeded"]

    def letters(self, kind: str) -> list[dict[str, Any]]:
        """The data of the letters of one type."""
        bodies = [json.loads(event.body) for event in self.events if isinstance(event, DeliveryRequested)]
        return [body["data"] for body in bodies if body["type"] == kind]


@pytest.fixture
def desk_with(rows: DictRows) -> Callable[..., Desk]:
    """Makes a desk with these limits on, and no others."""

    def make(**limits: Any) -> Desk:
        return Desk(rows, LoopLimits.off(**limits))

    return make


@pytest.fixture(scope="session")
def desk_and_rows(new_rows: Callable[[], DictRows]) -> Callable[..., Desk]:
    """The same, each on rows of its own: for tests that need several."""

    def make(**limits: Any) -> Desk:
        return Desk(new_rows(), LoopLimits.off(**limits))

    return make
