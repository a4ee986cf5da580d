"""One report after another through `decide`, with time passing in between, and what came of it."""

from __future__ import annotations

from typing import Any

from tocsin.connectors.dialects.codes import fold_code
from tocsin.schemas.events import (
    DeliveryRequested,
    ProblemOpened,
    ProblemRepeated,
    ProblemReported,
    ProblemsDigested,
    ProblemSuppressed,
    ThreadContext,
)
from tocsin.schemas.problem import Problem, Severity, Source
from tocsin.streams.rules.config import DecideConfig, Endpoint, RuleBook, Silence
from tocsin.streams.rules.decide import STAGES
from tocsin.streams.rules.decision import Emit
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.rules.replay import Decided, MemoryRows, Replay
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.stages import audience
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import SECOND
from tocsin.streams.rules.verdict import Verdict

ROUTING = next(stage for stage in STAGES if stage.judge is audience.note_limit_of_peer)
"""The first stage of routing."""

NOW = 1_800_000_000 * SECOND
"""A Friday, 2027-01-15 08:00 UTC."""


def a_problem(code: str = "e.p.xfer", **members: Any) -> Problem:
    """A canonical problem; `source` may be given as members of it."""
    source = members.pop("source", {})
    severity = Severity.WARNING if code.startswith("w.") else Severity.ERROR
    known = {"dialect": "canonical", "code_key": fold_code(code), "severity": severity}
    return Problem(code=code, source=Source(**source), **{**known, **members})


def a_report(problem: Problem, tenant: str = "acme", now: int = NOW, report: str = "r1", **context: Any) -> Report:
    """A report in flight, with its context."""
    event = ProblemReported(event_id=report, tenant=tenant, occurred_at=now, recorded_at=now, problem=problem)
    thread = ThreadContext(thread_id=problem.thread_id, first_seen=now, last_seen=now, **context)
    return Report(event, f"case of {report}", thread)


def routed(report: Report, rows: Any, config: DecideConfig, now: int = NOW) -> Verdict | None:
    """Take a report through the stages that say who is told; what they found is in the report."""
    turn = Turn(rows, now, config, report.tenant)
    for stage in STAGES[STAGES.index(ROUTING) :]:
        verdict = stage.judge(turn, report)
        if verdict is not None:
            return verdict
    return None


def a_book(*routes: Any, **more: Any) -> RuleBook:
    """Endpoints owner, desk, fallback (default), ops (operator) and peer; loop rules off."""
    endpoints = {name: Endpoint(name=name, sink="memory") for name in ("owner", "desk", "fallback")}
    endpoints["ops"] = Endpoint(name="ops", sink="memory", audience="operator")
    endpoints["peer"] = Endpoint(name="peer", sink="memory", audience="peer", body="didcomm-2.0")
    known = {"endpoints": endpoints, "default_endpoint": "fallback", "routes": routes, "limits": LoopLimits.off()}
    return RuleBook(**{**known, **more})


class Bus(Replay):
    """Reports go in, what is emitted comes out as short words; `at` counts seconds from NOW."""

    def __init__(self, rows: MemoryRows, book: RuleBook, silences: tuple[Silence, ...] = ()) -> None:
        super().__init__(DecideConfig(book=book, silences=silences), rows, NOW)
        self.reports = 0
        self.events: list[Any] = []

    def report(self, at: float, problem: Problem, tenant: str = "acme") -> list[str]:
        """What becomes of it, after what the timers until then decide."""
        now = NOW + int(at * SECOND)
        self.reports += 1
        event_id = f"r{self.reports}"
        event = ProblemReported(event_id=event_id, tenant=tenant, occurred_at=now, recorded_at=now, problem=problem)
        return self._words(self.hear(event, now))

    def until(self, at: float) -> list[str]:
        """What the timers until then decide."""
        return self._words(self.wait(NOW + int(at * SECOND)))

    def _words(self, decided: list[Decided]) -> list[str]:
        assert self.left_due == []
        words = []
        for decision in (decision for one in decided for decision in one.decisions):
            assert isinstance(decision, Emit)
            event = decision.event
            self.events.append(event)
            match event:
                case ProblemOpened() | ProblemRepeated():
                    words.append(
                        f"{event.problem.code}: {'opened' if isinstance(event, ProblemOpened) else 'repeated'}"
                    )
                case ProblemSuppressed():
                    words.append(f"suppressed: {event.reason}")
                case ProblemsDigested():
                    words.append(f"digest of {event.count}: {event.why}")
                case DeliveryRequested():
                    words.append(f"-> {event.endpoint}")
                case _:
                    words.append(type(event).__name__)
        return words
