"""Whether the dispatcher gets on: it is in its group, reads, and attempts come to an end. For `/readyz`."""

from __future__ import annotations

from collections import Counter
from time import monotonic

from aiokafka import TopicPartition

READS_WITHIN = 30.0
"""Seconds between two reads, after which it reads no more; giving partitions up takes some."""
ENDS_WITHIN = 120.0
"""Seconds without the end of any attempt of a partition that has some: longer than an endpoint may take to answer."""


class Progress:
    """What the dispatcher does; `now` is of `time.monotonic`, and taken when it is not given."""

    def __init__(self) -> None:
        self._looked_at: float | None = None
        self._assigned = False
        self._under_way: Counter[TopicPartition] = Counter()
        self._moved_at: dict[TopicPartition, float] = {}

    def assigned(self) -> None:
        """The group gave it partitions, or none."""
        self._assigned = True

    def looked(self, now: float | None = None) -> None:
        """It reads."""
        self._looked_at = _time(now)

    def begin(self, partition: TopicPartition, now: float | None = None) -> None:
        """An attempt of this partition is under way."""
        if not self._under_way[partition]:
            self._moved_at[partition] = _time(now)
        self._under_way[partition] += 1

    def end(self, partition: TopicPartition, now: float | None = None) -> None:
        """One of them ended, however."""
        self._moved_at[partition] = _time(now)
        self._under_way[partition] -= 1
        if self._under_way[partition] <= 0:
            del self._under_way[partition], self._moved_at[partition]

    def not_ready(self, now: float | None = None) -> str | None:
        """Why it does not work, in words for an operator; None while it does."""
        if self._looked_at is None:
            return "not connected to Kafka yet"
        if not self._assigned:
            return "not in the consumer group yet"
        now = _time(now)
        if now - self._looked_at > READS_WITHIN:
            return f"no attempt is read since {now - self._looked_at:.0f} s; restart this dispatcher"
        for place, moved_at in sorted(self._moved_at.items()):
            if now - moved_at > ENDS_WITHIN:
                return (
                    f"no progress on partition {place.partition} of {place.topic} for {now - moved_at:.0f} s although "
                    f"{self._under_way[place]:,} attempts are under way; see `tocsin doctor`"
                )
        return None


def _time(now: float | None) -> float:
    return monotonic() if now is None else now
