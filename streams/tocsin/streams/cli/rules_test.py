"""`tocsin rules test`: recorded events of `inbox` through the real rules, timers included, and what they would do.

The events are lines of `tocsin tail inbox --json`, or the last day of the topic itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any

import msgspec

from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.schemas.events import (
    EVENTS,
    Event,
    EventBase,
    ProblemOpened,
    ProblemRepeated,
    ProblemReported,
    ProblemSuppressed,
)
from tocsin.streams.cli.records import records_of
from tocsin.streams.cli.rules_agents import agents_told
from tocsin.streams.processes.exit_codes import BAD_INPUT, CommandFailed
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.decision import DELIVERIES, Decision, Emit
from tocsin.streams.rules.facts import Facts
from tocsin.streams.rules.replay import Decided, Replay
from tocsin.streams.rules.stages.route import matching
from tocsin.streams.rules.values import HOUR
from tocsin.streams.rules.verdict import Reason
from tocsin.streams.settings import Settings
from tocsin.streams.topology import topic_name

DAY_MS = 24 * 3600 * 1000


class Recorded(msgspec.Struct, frozen=True):
    """One event, its partition, and when it was appended (microseconds)."""

    event: Event
    partition: int
    at: int


def recorded_in(file: Path) -> Iterator[Recorded]:
    """The events of a file of JSON lines, in its order; records that were no event are left out. Raises
    CommandFailed(65) with file:line."""
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                found = _recorded(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                why = " ".join(str(error).split())[:200]
                message = f"{file}:{number}: this is no line of `tocsin tail inbox --json`: {why}"
                raise CommandFailed(BAD_INPUT, message) from None
            if found is not None:
                yield found


async def recorded_last_day(settings: Settings) -> AsyncIterator[Recorded]:
    """The events of the topic `inbox` of the last 24 hours, in the order of each partition. Raises ServiceUnreachable,
    CommandFailed."""
    topic = topic_name(settings.prefix, "inbox")
    async for record in records_of(settings, topic, since=int(time() * 1000) - DAY_MS):
        try:
            event = decode(record.value)
        except Undecodable:
            continue
        yield Recorded(event, record.partition, record.timestamp * 1000)


def _recorded(seen: dict[str, Any]) -> Recorded | None:
    if not seen["type"]:
        return None
    kind = EVENTS.get(seen["type"])
    if kind is None:
        raise ValueError(f"there is no event {seen['type']}")
    event = msgspec.convert(seen["event"], kind)
    at = event.recorded_at
    if "time" in seen:
        at = int(datetime.fromisoformat(seen["time"]).replace(tzinfo=UTC).timestamp() * 1000) * 1000
    return Recorded(event, int(seen.get("partition", 0)), at)


AFTER = HOUR
"""How long timers still fire after the last event (microseconds)."""

TOO_MUCH = 0.5
"""The share of all problems above which a rule is warned about (docs/reliability.md#rules-file)."""


class Tally:
    """What became of all problems."""

    def __init__(self) -> None:
        self.problems = 0
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.endpoints: Counter[str] = Counter()
        self.withheld: Counter[tuple[str, str]] = Counter()

    def note(self, event: Event | None, decisions: list[Decision]) -> None:
        """Count what was decided because of `event` (None: a timer)."""
        self.problems += isinstance(event, ProblemReported)
        for decision in decisions:
            emitted = decision.event if hasattr(decision, "event") else None
            match type(emitted).__name__:
                case "ProblemOpened" | "ProblemRepeated" | "ProblemUnrouted" | "ProblemsDigested" | "TimeoutNoticed":
                    self.outcomes[type(emitted).__name__] += 1
                case "ProblemSuppressed":
                    self._suppressed(emitted)
                case "DeliveryRequested":
                    self.endpoints[emitted.endpoint] += 1  # type: ignore[union-attr]

    def _suppressed(self, emitted: Any) -> None:
        self.outcomes["ProblemSuppressed"] += 1
        self.reasons[emitted.reason] += 1
        if Reason(emitted.reason).by_a_rule_of_the_file:
            self.withheld[emitted.reason, emitted.detail or ""] += 1

    def too_much(self) -> list[str]:
        """A line for each rule that keeps more than half of all problems from everybody."""
        return [
            f"{reason} ({detail}) suppresses {count} of {self.problems} problems ({count * 100 // self.problems} %)"
            for (reason, detail), count in self.withheld.most_common()
            if count > self.problems * TOO_MUCH
        ]


SHOWN = (
    "reason", "detail", "survivor", "choice", "policy", "step", "why", "count", "by", "endpoints", "endpoint", "peer",
    "connection", "message_type", "found", "chosen",
)  # fmt: skip
"""Members of an event that say what was decided."""


class Rehearsing:
    """Takes recorded events, each partition by itself, and gives what the rules would do as lines and objects."""

    def __init__(self, config: DecideConfig) -> None:
        self._config = config
        self._partitions: dict[int, Replay] = {}
        self.tally = Tally()

    def hear(self, recorded: Recorded) -> list[dict[str, Any]]:
        """What an event, and the timers before it, lead to."""
        replay = self._partitions.setdefault(recorded.partition, Replay(self._config))
        return self._all_effects(replay, replay.hear(recorded.event, recorded.at))

    def finish(self) -> list[dict[str, Any]]:
        """What the timers of the hour after the last event lead to."""
        ends = [(replay, replay.wait(replay.now + AFTER)) for replay in self._partitions.values()]
        return [effect for replay, decided in ends for effect in self._all_effects(replay, decided)]

    def _all_effects(self, replay: Replay, decided: list[Decided]) -> list[dict[str, Any]]:
        return [effect for one in decided for effect in self._effects(replay, one)]

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

    def _effects(self, replay: Replay, decided: Decided) -> Iterator[dict[str, Any]]:
        event, decisions = decided.event, decided.decisions
        self.tally.note(event, decisions)
        head = {"time": _time(decided.at), "because": "a timer" if event is None else type(event).__name__}
        if isinstance(event, ProblemReported):
            head |= {"tenant": event.tenant, "report": event.event_id, "code": event.problem.code}
        for decision in decisions:
            if isinstance(decision, Emit) and decision.topic == DELIVERIES:
                continue
            emitted: EventBase | None = decision.event if isinstance(decision, Emit) else None
            found = {"does": type(emitted).__name__, **self._shown(emitted)} if emitted else {"does": "DeadLetter"}
            yield {**head, **found, "line": _line({**head, **found})}
        for told in agents_told(replay, event, decisions):
            yield {**head, **told, "line": _line({**head, **told})}

    def _shown(self, emitted: EventBase) -> dict[str, Any]:
        members = {name: getattr(emitted, name) for name in SHOWN if getattr(emitted, name, None) not in (None, "", [])}
        if isinstance(emitted, ProblemOpened | ProblemRepeated):
            found = matching(self._config.book.routes, Facts(emitted.problem, emitted.tenant, emitted.thread))
            members["routes"] = [one.path for one in found] or ["default_route"]
        elif isinstance(emitted, ProblemSuppressed):
            members["case"] = emitted.case
        return members


def _line(effect: dict[str, Any]) -> str:
    words = [effect["time"], effect.get("tenant", ""), effect.get("code", effect["because"]), "->", effect["does"]]
    for name, value in effect.items():
        if name in SHOWN or name == "routes":
            words.append(f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}")
    return " ".join(word for word in words if word)


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counted.items(), key=lambda one: (-one[1], one[0])))


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
