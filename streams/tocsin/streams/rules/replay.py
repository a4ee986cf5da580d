"""The rules over recorded events: one partition of `inbox` in memory, its clock moved by what is replayed.

`tocsin rules test`, the scenarios and the tests of the rules run on it. Timers fire at their due, before whatever comes
later; two timers of one moment in the order of their keys.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from tocsin.schemas.events import Event
from tocsin.streams.engine.row_counts import RowCounts
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.decide import decide, fire
from tocsin.streams.rules.decision import Decision
from tocsin.streams.rules.state import TENANT_ROWS


class MemoryRows:
    """The rows of one partition in a dict, with their timers (microseconds)."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.dues: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []
        self.counts = RowCounts(TENANT_ROWS)

    def get(self, key: str) -> Any | None:
        """The row, or None."""
        return self.rows.get(key)

    def put(self, key: str, row: Any, due: int | None = None) -> None:
        """Keep a row; without `due` it has no timer any more."""
        self._count(key, key.startswith(self.counts.prefix) and self.counts.what.is_open(row))
        self.rows[key] = self.kept(row)
        if due is None:
            self.dues.pop(key, None)
        elif self.dues.get(key) != due:
            self.dues[key] = due
            heapq.heappush(self._heap, (due, key))

    def delete(self, key: str) -> None:
        """Forget a row and its timer."""
        self._count(key, None)
        self.rows.pop(key, None)
        self.dues.pop(key, None)

    def due(self, key: str) -> int | None:
        """When the timer of a row is due, None without one."""
        return self.dues.get(key)

    def kept(self, row: Any) -> Any:
        """What is kept of a row: itself."""
        return row

    def _count(self, key: str, is_open: bool | None) -> None:
        was_open = None
        if key in self.rows:
            was_open = key.startswith(self.counts.prefix) and self.counts.what.is_open(self.get(key))
        self.counts.changed(key, was_open, is_open)

    def rows_of(self, scope: str) -> int:
        """How many rows a tenant has."""
        return self.counts.rows.get(scope, 0)

    def open_of(self, scope: str) -> int:
        """How many open cases it has."""
        return self.counts.open.get(scope, 0)

    def earliest(self) -> tuple[int, str] | None:
        """The timer that is due first, and the key of its row."""
        while self._heap and self.dues.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None

    def next_due(self, until: int) -> str | None:
        """The key of the earliest timer that is due by `until`."""
        first = self.earliest()
        return first[1] if first is not None and first[0] <= until else None


class Decided(Struct, frozen=True):
    """What was decided at a time (microseconds), because of an event or of a timer (None)."""

    at: int
    event: Event | None
    decisions: list[Decision]


class Replay:
    """Replays one partition. `now` is the time of the last event or timer, `config` may be exchanged between two of
    them, and `left_due` lists rows whose rule left their timer due: such a row is dropped, or it would fire for ever.
    """

    def __init__(self, config: DecideConfig, rows: MemoryRows | None = None, now: int = 0) -> None:
        self.config = config
        self.rows = MemoryRows() if rows is None else rows
        self.now = now
        self.left_due: list[str] = []

    def hear(self, event: Event, at: int) -> list[Decided]:
        """Replay an event that was appended `at`: what the timers before it decide, then what it leads to itself."""
        decided = self.wait(at)
        decided.append(Decided(self.now, event, self.decide(event)))
        return decided

    def decide(self, event: Event) -> list[Decision]:
        """The decisions about an event that comes now."""
        return decide(event, self.rows, self.now, self.config)

    def wait(self, until: int) -> list[Decided]:
        """Let time pass: what the timers up to `until` decide."""
        return list(self.passing(until))

    def passing(self, until: int) -> Iterator[Decided]:
        """The same one by one: while one is looked at, it is the time at which it was decided, so that what follows
        from it can be decided then."""
        while (first := self.rows.earliest()) is not None:
            due, key = first
            moment = self.fires_at(due, until)
            if moment is None:
                break
            self.now = moment
            decided = Decided(moment, None, fire(key, self.rows, moment, self.config))
            left = self.rows.due(key)
            if left is not None and left <= moment:
                self.left_due.append(key)
                self.rows.delete(key)
            yield decided
        self.now = max(self.now, until)

    def fires_at(self, due: int, until: int) -> int | None:
        """When a timer fires: never early, and never before what was replayed already; None: not until then."""
        moment = max(due, self.now)
        return moment if moment <= until else None
