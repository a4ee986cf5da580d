"""Which offset of a partition may be committed while attempts end in any order."""

from __future__ import annotations


class PartitionProgress:
    """Tracks attempts under way: the lowest offset that is not done may be committed, nothing is passed over."""

    __slots__ = ("_done", "_next", "_under_way")

    def __init__(self) -> None:
        self._under_way: dict[int, None] = {}
        self._next: int | None = None
        self._done = 0

    def begin(self, offset: int) -> None:
        """An offset was read; offsets begin in rising order."""
        self._under_way[offset] = None
        self._next = offset + 1

    def end(self, offset: int) -> None:
        """Its outcome is in Kafka."""
        self._under_way.pop(offset, None)
        self._done += 1

    def committable(self) -> int | None:
        """The offset to read next after a crash now, or None when nothing was read yet."""
        return next(iter(self._under_way), self._next)

    def under_way(self) -> int:
        return len(self._under_way)
