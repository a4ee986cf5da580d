"""The timers of a partition's rows, in the order in which they are due."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush

SPAN = 24
"""Bits of the microseconds of a slot: 17 seconds."""

DueOf = Callable[[str], int | None]


class Timers:
    """Due times by row key, in microseconds since the epoch; what a timer is due at stands in its row.

    There are far more timers than come due soon: those that are not in the first slot of time are kept as bare keys,
    and are put in order when it is their turn. An entry may lie before the time of its row, not behind it: a row that
    is put off needs no other, and its entry moves on when it is met. An entry whose row has no timer is dropped then.
    """

    __slots__ = ("_closed", "_entries", "_opened", "_order", "taken")

    def __init__(self) -> None:
        self._closed: dict[int, list[str]] = {}
        self._opened: dict[int, list[tuple[int, str]]] = {}
        self._order: list[int] = []
        self._entries = 0
        self.taken = -1
        """The latest time of those that `pop_due` gave: a row that is due by then may have no entry."""

    def set(self, key: str, due: int) -> None:
        """Add an entry."""
        self._entries += 1
        slot = due >> SPAN
        if (opened := self._opened.get(slot)) is not None:
            heappush(opened, (due, key))
        elif (closed := self._closed.get(slot)) is not None:
            closed.append(key)
        else:
            self._closed[slot] = [key]
            heappush(self._order, slot)

    def rebuild(self, entries: Iterable[tuple[int, str]]) -> None:
        """Hold exactly these (due, key): what rows no longer carry goes."""
        closed: dict[int, list[str]] = {}
        for due, key in entries:
            slot = due >> SPAN
            if slot in closed:
                closed[slot].append(key)
            else:
                closed[slot] = [key]
        self._closed, self._opened, self._order = closed, {}, list(closed)
        heapify(self._order)
        self._entries = sum(map(len, closed.values()))

    def head(self, due_of: DueOf) -> int | None:
        """The earliest due time that a row carries, or None."""
        while self._order:
            slot = self._order[0]
            heap = self._opened.get(slot)
            if heap is None:
                heap = self._open(slot, due_of)
            while heap:
                due, key = heap[0]
                now = due_of(key)
                if now == due:
                    return due
                heappop(heap)
                self._entries -= 1
                if now is not None and now > due:
                    self.set(key, now)
            heappop(self._order)
            del self._opened[slot]
        return None

    def pop_due(self, now: int, due_of: DueOf) -> str | None:
        """Take the key of the earliest timer due by `now`, or None; never one that lies in the future."""
        head = self.head(due_of)
        if head is None or head > now:
            return None
        self._entries -= 1
        self.taken = max(self.taken, head)
        return heappop(self._opened[self._order[0]])[1]

    def __len__(self) -> int:
        return self._entries

    def _open(self, slot: int, due_of: DueOf) -> list[tuple[int, str]]:
        """Put the timers of a slot in order; those that were put off go to the slots of their time."""
        keys, heap = self._closed.pop(slot), []
        self._entries -= len(keys)
        for key in dict.fromkeys(keys):
            due = due_of(key)
            if due is None:
                continue
            if due >> SPAN == slot:
                heap.append((due, key))
            elif due >> SPAN > slot:
                self.set(key, due)
        heapify(heap)
        self._entries += len(heap)
        self._opened[slot] = heap
        return heap
