"""One event as a subscriber gets it."""

from __future__ import annotations

from msgspec import Struct

from tocsin.schemas.events import DigestedCase, Event, EventBase, ProblemsDigested
from tocsin.schemas.problem import Problem


class Received(Struct, frozen=True, kw_only=True):
    """An event, and where it stood. At least once: what was not done when a process ended comes again, with the same
    `event_id`. `attempt` counts the calls of the handler from 1; `replayed`: it was a dead letter of this group, and
    somebody replayed it. `topic` is without prefix; `appended_at` (microseconds, UTC) is Kafka's."""

    event: Event
    topic: str = "problems"
    partition: int = 0
    offset: int = 0
    appended_at: int = 0
    attempt: int = 1
    replayed: bool = False

    @property
    def kind(self) -> str:
        """The name of the event's class, such as ProblemOpened."""
        return type(self.event).__name__

    @property
    def event_id(self) -> str:
        """The same each time it comes: what a repeat is known by."""
        return self.event.event_id

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.event.tenant

    @property
    def case(self) -> str | None:
        """The case that it is about, if it is about one."""
        found: str | None = getattr(self.event, "case", None)
        return found

    @property
    def problem(self) -> Problem | None:
        """The problem, where the event carries it: ProblemOpened and ProblemRepeated do, and no others."""
        found: Problem | None = getattr(self.event, "problem", None)
        return found

    @property
    def code(self) -> str | None:
        """The problem's code, if the event carries a problem."""
        return None if self.problem is None else self.problem.code

    @property
    def text(self) -> str | None:
        """What the problem says, if the event carries one; written by strangers."""
        return None if self.problem is None else self.problem.text

    @property
    def severity(self) -> str | None:
        """The severity of the problem, or what that of its case became (ProblemPromoted)."""
        return severity_of(self.event)


def codes_of(event: EventBase) -> list[str]:
    """The codes that an event tells: of its problem, or of each case of a digest."""
    problem: Problem | None = getattr(event, "problem", None)
    if problem is not None:
        return [problem.code_key or problem.code]
    cases: list[DigestedCase] = event.cases if isinstance(event, ProblemsDigested) else []
    return [case.code for case in cases]


def severity_of(event: EventBase) -> str | None:
    """The severity that an event tells."""
    problem: Problem | None = getattr(event, "problem", None)
    if problem is not None:
        return problem.severity.value
    after = getattr(event, "severity_after", None)
    return None if after is None else str(after.value)
