"""A rehearsal of recorded events as lines for people and objects for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tocsin.schemas.events import Event, EventBase, ProblemOpened, ProblemRepeated, ProblemReported, ProblemSuppressed
from tocsin.streams.cli.recorded import Recorded
from tocsin.streams.cli.rehearsal import Rehearsal, Tally
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.decision import DELIVERIES, Decision, Emit
from tocsin.streams.rules.routing.route import route

SHOWN = ("reason", "detail", "survivor", "choice", "policy", "step", "why", "count", "by", "endpoints", "endpoint")
"""Members of an event that say what was decided."""


class Rehearsing:
    """Hears recorded events, each partition by itself, and says what the rules would do."""

    def __init__(self, config: DecideConfig) -> None:
        self._config = config
        self._partitions: dict[int, Rehearsal] = {}
        self.tally = Tally()

    def hear(self, recorded: Recorded) -> list[dict[str, Any]]:
        """What an event, and the timers before it, lead to."""
        rehearsal = self._partitions.setdefault(recorded.partition, Rehearsal(self._config))
        *timers, (at, decisions) = rehearsal.hear(recorded.event, recorded.at)
        said = [one for when, decided in timers for one in self._said(None, when, decided)]
        return said + list(self._said(recorded.event, at, decisions))

    def finish(self) -> list[dict[str, Any]]:
        """What the timers of the hour after the last event lead to."""
        ends = [pair for rehearsal in self._partitions.values() for pair in rehearsal.finish()]
        return [one for at, decisions in ends for one in self._said(None, at, decisions)]

    def summary(self) -> dict[str, Any]:
        """What became of all problems."""
        tally = self.tally
        return {
            "problems": tally.problems,
            "outcomes": dict(tally.outcomes),
            "suppressed": dict(tally.reasons),
            "deliveries": dict(tally.endpoints),
            "too_much": tally.too_much(),
        }

    def summary_lines(self) -> list[str]:
        """The same for people."""
        tally = self.tally
        lines = [f"{tally.problems} problems: {_counts(tally.outcomes) or 'nothing said'}"]
        if tally.reasons:
            lines.append(f"suppressed: {_counts(tally.reasons)}")
        if tally.endpoints:
            lines.append(f"deliveries: {_counts(tally.endpoints)}")
        return lines

    def _said(self, event: Event | None, at: int, decisions: list[Decision]) -> Iterator[dict[str, Any]]:
        self.tally.note(event, decisions)
        head = {"time": _time(at), "because": "a timer" if event is None else type(event).__name__}
        if isinstance(event, ProblemReported):
            head |= {"tenant": event.tenant, "report": event.event_id, "code": event.problem.code}
        for decision in decisions:
            if isinstance(decision, Emit) and decision.topic == DELIVERIES:
                continue
            said: EventBase | None = decision.event if isinstance(decision, Emit) else None
            found = {"does": type(said).__name__, **self._shown(said)} if said else {"does": "DeadLetter"}
            yield {**head, **found, "line": _line({**head, **found})}

    def _shown(self, said: EventBase) -> dict[str, Any]:
        members = {name: getattr(said, name) for name in SHOWN if getattr(said, name, None) not in (None, "", [])}
        if isinstance(said, ProblemOpened | ProblemRepeated):
            found = route(self._config.book, said.problem, said.tenant, said.thread)
            members["routes"] = list(found.routes) or ["default_route"]
        elif isinstance(said, ProblemSuppressed):
            members["case"] = said.case
        return members


def _line(said: dict[str, Any]) -> str:
    words = [said["time"], said.get("tenant", ""), said.get("code", said["because"]), "->", said["does"]]
    for name, value in said.items():
        if name in SHOWN or name == "routes":
            words.append(f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}")
    return " ".join(word for word in words if word)


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counted.items(), key=lambda one: (-one[1], one[0])))


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
