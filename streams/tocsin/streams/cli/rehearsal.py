"""Recorded events through the real rules of `decide`, timers included, without Kafka: what would have been said."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import Any

from tocsin.schemas.events import Event, ProblemReported
from tocsin.streams.rules import decide
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.decision import Decision
from tocsin.streams.rules.spans import HOUR

AFTER = HOUR
"""How long timers go on after the last event (microseconds)."""

RULES = ("silenced", "inhibited", "muted", "grouped", "quiet_by_default", "peer_not_told")
"""Reasons of suppression that a rule of the file decides; the others are the loop rules'."""

TOO_MUCH = 0.5
"""The part of all problems from which on a rule is warned about (RELIABILITY 3.1, Rules file)."""


class RowsInMemory:
    """The rows of one partition, as they are."""

    def __init__(self) -> None:
        self._rows: dict[str, Any] = {}
        self._dues: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def get(self, key: str) -> Any | None:
        return self._rows.get(key)

    def put(self, key: str, row: Any, due: int | None = None) -> None:
        self._rows[key] = row
        if due is None:
            self._dues.pop(key, None)
        elif self._dues.get(key) != due:
            self._dues[key] = due
            heapq.heappush(self._heap, (due, key))

    def delete(self, key: str) -> None:
        self._rows.pop(key, None)
        self._dues.pop(key, None)

    def due(self, key: str) -> int | None:
        return self._dues.get(key)

    def next_due(self, until: int) -> tuple[int, str] | None:
        """The earliest timer that is due by `until`, taken off the heap."""
        while self._heap and self._heap[0][0] <= until:
            due, key = heapq.heappop(self._heap)
            if self._dues.get(key) == due:
                return due, key
        return None


class Rehearsal:
    """One partition's events, in their order."""

    def __init__(self, config: DecideConfig) -> None:
        self._config = config
        self._rows = RowsInMemory()
        self._now = 0

    def hear(self, event: Event, at: int) -> list[tuple[int, list[Decision]]]:
        """What is decided because of an event that was appended `at` (microseconds), and by the timers before it: pairs
        of when and what, the event's own last."""
        said = self.wait(at)
        said.append((self._now, decide.decide(event, self._rows, self._now, self._config)))
        return said

    def wait(self, until: int) -> list[tuple[int, list[Decision]]]:
        """What the timers up to `until` decide."""
        said = []
        while (found := self._rows.next_due(until)) is not None:
            due, key = found
            self._now = max(self._now, due)
            said.append((self._now, decide.fire(key, self._rows, self._now, self._config)))
            if self._rows.due(key) == due:
                self._rows.delete(key)  # a rule that leaves its own timer due would be asked for ever
        self._now = max(self._now, until)
        return said

    def finish(self) -> list[tuple[int, list[Decision]]]:
        """What the timers of the next hour decide."""
        return self.wait(self._now + AFTER)


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
            said = decision.event if hasattr(decision, "event") else None
            match type(said).__name__:
                case "ProblemOpened" | "ProblemRepeated" | "ProblemUnrouted" | "ProblemsDigested" | "TimeoutNoticed":
                    self.outcomes[type(said).__name__] += 1
                case "ProblemSuppressed":
                    self._suppressed(said)
                case "DeliveryRequested":
                    self.endpoints[said.endpoint] += 1  # type: ignore[union-attr]

    def _suppressed(self, said: Any) -> None:
        self.outcomes["ProblemSuppressed"] += 1
        self.reasons[said.reason] += 1
        if said.reason in RULES:
            self.withheld[said.reason, said.detail or ""] += 1

    def too_much(self) -> list[str]:
        """A line for each rule that keeps more than half of all problems from everybody."""
        return [
            f"{reason} ({detail}) suppresses {count} of {self.problems} problems ({count * 100 // self.problems} %)"
            for (reason, detail), count in self.withheld.most_common()
            if count > self.problems * TOO_MUCH
        ]
