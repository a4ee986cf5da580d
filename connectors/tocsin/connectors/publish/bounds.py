"""What may be on its way to Kafka: how many bytes at one time, and each record for how long."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)

SLOT = 0.1
"""Seconds; a deadline is noticed at most this much too late."""


class Deadlines(Generic[Item]):
    """Calls `expire` for each record that is not taken off within `seconds`. A timer per record would cost more than
    the rest of publishing it."""

    def __init__(self, seconds: float, expire: Callable[[Item], None]) -> None:
        self._seconds = seconds
        self._expire = expire
        self._slots: dict[int, set[Item]] = {}
        self._timer: asyncio.Handle | None = None
        # Not asked of the timer: uvloop's is none with a time when it is due at once.
        self._due = 0.0

    def watch(self, record: Item, started: float) -> int:
        """Its time counts from `started` (the loop's clock); the answer is for `forget`."""
        slot = int((started + self._seconds) / SLOT) + 1
        records = self._slots.get(slot)
        if records is None:
            records = self._slots[slot] = set()
            self._arm(slot)
        records.add(record)
        return slot

    def forget(self, slot: int, record: Item) -> None:
        """Its time does not matter any more."""
        records = self._slots.get(slot)
        if records is not None:
            records.discard(record)

    def close(self) -> None:
        """Stop the timer; nothing expires any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        for slot in [slot for slot in self._slots if slot * SLOT <= loop.time()]:
            for record in self._slots.pop(slot):
                self._expire(record)
        self._timer = None
        if self._slots:
            self._arm(min(self._slots))

    def _arm(self, slot: int) -> None:
        due = slot * SLOT
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = asyncio.get_running_loop().call_at(due, self._sweep)


class Room:
    """`limit` bytes of room, given out in the order of asking. What is larger than the limit gets all of it, alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._queue: deque[tuple[asyncio.Future[None], int]] = deque()

    @property
    def used(self) -> int:
        """Bytes that are given out."""
        return self._used

    def try_enter(self, size: int) -> bool:
        """Enter if nobody has to wait for it."""
        if self._queue or not self._fits(size):
            return False
        self._used += size
        return True

    async def enter(self, size: int) -> None:
        """Wait for room for `size` bytes; each `enter` that returns is followed by a `leave` of the same size."""
        if self.try_enter(size):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((turn, size))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(size)
            raise

    def leave(self, size: int) -> None:
        """Give back room."""
        self._used -= size
        while self._queue:
            turn, wanted = self._queue[0]
            if not turn.done():
                if not self._fits(wanted):
                    return
                self._used += wanted
                turn.set_result(None)
            self._queue.popleft()

    def _fits(self, size: int) -> bool:
        return self._used == 0 or self._used + size <= self._limit
