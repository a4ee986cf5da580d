"""How far a partition is behind its input: in records, and in seconds."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lag:
    """So many records wait, the oldest of them for about so many seconds; both 0 when there are none."""

    records: int = 0
    seconds: float = 0.0


class Lags:
    """The lag of each partition, as it was when its input was last looked at; times are microseconds of one clock."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, int] = {}
        self._waits_since: dict[Hashable, int] = {}
        self._folded: dict[Hashable, int] = {}

    def folded(self, place: Hashable, appended_at: int) -> None:
        """A batch was taken; its last record was appended at this time."""
        self._folded[place] = appended_at

    def looked(self, place: Hashable, waiting: int, now: int) -> None:
        """So many records wait now."""
        self._waiting[place] = waiting
        if not waiting:
            self._waits_since.pop(place, None)
        else:
            self._waits_since.setdefault(place, now)

    def of(self, place: Hashable, now: int) -> Lag:
        """The lag of one partition. What waits came after the record that was taken last, and after the last look that
        found nothing waiting; of the two the later one bounds its age."""
        waiting = self._waiting.get(place, 0)
        if not waiting:
            return Lag()
        since = max(self._folded.get(place, 0), self._waits_since.get(place, now))
        return Lag(waiting, max(0, now - since) / 1e6)
