"""The auditor: reads the timers off the rows themselves, so that a fault of the heap does not go unseen.

An auditor that is slow gets switched off, as Grafana OnCall's was: this one looks at a few rows at a time, and never
holds the loop for longer than that.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field

from tocsin.streams.engine.rows import RowStore

PERIOD = 30_000_000
"""Microseconds from the start of one round over all rows to the next."""
SLICE = 2000
"""Rows looked at in one step: one or two milliseconds."""
STEP = 0.1
"""Seconds between two steps: 20,000 rows a second."""
OVERDUE_AFTER = 60_000_000
"""Microseconds after its time at which a timer is overdue: far more than a tick takes."""


AGES = tuple(seconds * 1_000_000 for seconds in (300, 3600, 86_400, 7 * 86_400))
"""Microseconds up to which what is counted is of one age; the last age has no end."""


@dataclass(slots=True)
class Counted:
    """Rows of one kind: since when the oldest is there (microseconds), and how many there are of each age."""

    oldest: int = 0
    ages: list[int] = field(default_factory=lambda: [0] * (len(AGES) + 1))

    @property
    def rows(self) -> int:
        """How many there are."""
        return sum(self.ages)


@dataclass(slots=True)
class TimerCensus:
    """What one round found: timers that wait, of these overdue ones; rows whose timer's rule failed for good; timers
    that the heap had lost, put back."""

    pending: int = 0
    overdue: int = 0
    failed: int = 0
    repaired: int = 0
    kinds: dict[str, Counted] = field(default_factory=dict)
    """The rows of each kind that the rule set counts."""

    def count(self, kind: str, since: int, now: int) -> None:
        """Add a row of one kind that is there `since` (microseconds)."""
        found = self.kinds.get(kind)
        if found is None:
            found = self.kinds[kind] = Counted(oldest=since)
        found.oldest = min(found.oldest, since)
        found.ages[bisect_left(AGES, now - since)] += 1

    def add(self, other: TimerCensus) -> None:
        """Add the counts of another partition."""
        self.pending += other.pending
        self.overdue += other.overdue
        self.failed += other.failed
        self.repaired += other.repaired
        for kind, more in other.kinds.items():
            found = self.kinds.get(kind, Counted(oldest=more.oldest))
            ages = [mine + theirs for mine, theirs in zip(found.ages, more.ages, strict=True)]
            self.kinds[kind] = Counted(min(found.oldest, more.oldest), ages)


class Auditor:
    """Examines the rows of one owner, round after round. `last` is what the last whole round found."""

    def __init__(
        self, rows: RowStore, counted: Callable[[str, bytes, int], tuple[str, int] | None] = lambda key, data, now: None
    ) -> None:
        """`counted` as of `RuleSet`."""
        self._rows, self._counted = rows, counted
        self._left: list[str] = []
        self._lost: list[tuple[str, int]] = []
        self._census: TimerCensus | None = None
        self._started_at = 0
        self.last = TimerCensus()

    def step(self, now: int) -> TimerCensus | None:
        """Look at up to SLICE rows; `now` in microseconds. The census, when this step ended a round."""
        if self._census is None:
            if 0 <= now - self._started_at < PERIOD:
                return None
            self._census, self._started_at, self._left = TimerCensus(), now, self._rows.keys()
        # From the end, so that the list shrinks with the work and is never freed all at once.
        head = self._rows.timer_head()
        for key in self._left[-SLICE:]:
            self._look(key, head, now, self._census)
        del self._left[-SLICE:]
        if self._left:
            return None
        self._census.repaired = self._put_back()
        self.last, self._census = self._census, None
        return self.last

    def _look(self, key: str, head: int | None, now: int, census: TimerCensus) -> None:
        row = self._rows.stored(key)
        if row is None:
            return
        census.failed += row.timer_failed
        if not row.deleted and (found := self._counted(key, row.payload, now)) is not None:
            census.count(*found, now)
        if row.due is None:
            return
        if not row.deleted:
            census.pending += 1
            census.overdue += row.due < now - OVERDUE_AFTER
        if head is None or row.due < head:
            # It should be the head itself: the heap does not know of it, and no tick would ever fire it.
            self._lost.append((key, row.due))

    def _put_back(self) -> int:
        """At the end of the round, because the first one that is put back would hide the others."""
        lost = [key for key, due in self._lost if (row := self._rows.stored(key)) is not None and row.due == due]
        self._lost.clear()
        for key in lost:
            self._rows.restart_timer(key)
        return len(lost)
