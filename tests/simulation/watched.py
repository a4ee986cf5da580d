"""A rule set that others look at while it decides: what came, what was said, which timer fired when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tests.simulation.broken import Broken
from tocsin.streams.engine.record import Output, Record, Rows, RuleSet
from tocsin.streams.rules.decision import Decision


class Watcher:
    """Hears of every decision of the twins, once and in the order of the log. Times in microseconds."""

    def folded(self, event: Any, said: Sequence[Decision], rows: Rows, now: int) -> None:
        """An event was folded."""

    def fired(self, key: str, row: Any, said: Sequence[Decision], rows: Rows, now: int) -> None:
        """The timer of `row` fired."""


class Watched:
    """Delegates to `rules` and tells the watchers. Checks of every timer that it is not early."""

    def __init__(self, rules: RuleSet, watchers: Sequence[Watcher]) -> None:
        self._rules = rules
        self._watchers = watchers
        self.name, self.input_topic = rules.name, rules.input_topic
        self.changelog, self.row_version, self.per_scope = rules.changelog, rules.row_version, rules.per_scope
        self.decode, self.partition_key, self.tick = rules.decode, rules.partition_key, rules.tick
        self.encode_row, self.decode_row = rules.encode_row, rules.decode_row
        self.fires = self.silences = 0
        self.broken: Broken | None = None

    def fold(self, event: Any, rows: Rows, now: int, record: Record) -> Iterable[Output]:
        outputs = list(self._rules.fold(event, rows, now, record))
        said = [output.decision for output in outputs]
        try:
            for watcher in self._watchers:
                watcher.folded(event, said, rows, now)
        except Broken as broken:
            # Raised here it would be taken for the rule's own failure.
            self.broken = self.broken or broken
        return outputs

    def fire(self, key: str, rows: Rows, now: int) -> Iterable[Output]:
        row, due = rows.get(key), rows.due(key)
        if due is None or due > now:
            self.broken = self.broken or Broken(f"the timer of {key!r} fires {(due or 0) - now} microseconds early")
        outputs = list(self._rules.fire(key, rows, now))
        said = [output.decision for output in outputs]
        self.fires += 1
        try:
            for watcher in self._watchers:
                watcher.fired(key, row, said, rows, now)
        except Broken as broken:
            self.broken = self.broken or broken
        return outputs

    def counted(self, key: str, data: bytes, now: int) -> tuple[str, int] | None:
        return self._rules.counted(key, data, now)

    def released(self, rows: Rows) -> None:
        self._rules.released(rows)

    def resumed(self, rows: Rows, since: int, until: int) -> Iterable[Output]:
        self.silences += 1
        return self._rules.resumed(rows, since, until)
