"""Which offset of a partition may be committed while attempts end in any order."""

from __future__ import annotations

from collections import Counter


class PartitionProgress:
    """Tracks attempts under way: the lowest offset that is not done may be committed, nothing is passed over."""

    __slots__ = ("_next", "_under_way")

    def __init__(self) -> None:
        self._under_way: Counter[int] = Counter()
        self._next: int | None = None

    def begin(self, offset: int) -> None:
        """An offset was read. After a rebalance offsets are read again while their first attempt is under way."""
        self._under_way[offset] += 1
        self._next = offset + 1

    def end(self, offset: int) -> None:
        """Its outcome is in Kafka."""
        self._under_way[offset] -= 1
        if self._under_way[offset] <= 0:
            del self._under_way[offset]

    def committable(self) -> int | None:
        """The offset to read next after a crash now, or None when nothing was read yet."""
        return min(self._under_way, default=self._next)

    def under_way(self) -> int:
        return self._under_way.total()
