"""Timers of one partition: a heap over the due times that rows carry."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable


class TimerHeap:
    """Due times by row key. Entries are checked against the row when popped, so a changed row needs no removal.

    Times are microseconds since the epoch.
    """

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []

    def set(self, key: str, due: int) -> None:
        heapq.heappush(self._heap, (due, key))

    def rebuild(self, entries: Iterable[tuple[int, str]]) -> None:
        """Hold exactly these (due, key): what rows no longer carry goes."""
        self._heap = list(entries)
        heapq.heapify(self._heap)

    def head(self, due_of: Callable[[str], int | None]) -> int | None:
        """The earliest due time that a row still carries, or None."""
        heap = self._heap
        while heap:
            due, key = heap[0]
            if due_of(key) == due:
                return due
            heapq.heappop(heap)
        return None

    def pop_due(self, now: int, due_of: Callable[[str], int | None]) -> str | None:
        """Take the key of the earliest timer due by `now`, or None; never one that lies in the future."""
        head = self.head(due_of)
        if head is None or head > now:
            return None
        return heapq.heappop(self._heap)[1]

    def __len__(self) -> int:
        return len(self._heap)
