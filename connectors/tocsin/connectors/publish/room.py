"""Backpressure by bytes: how much may be on its way to Kafka at one time."""

from __future__ import annotations

import asyncio
from collections import deque


class Room:
    """`limit` bytes of room, given out in the order of asking. What is larger than the limit gets all of it, alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._queue: deque[tuple[asyncio.Future[None], int]] = deque()

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
