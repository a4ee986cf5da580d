"""Who may be attempted now: so many at a time of each receiver, however many receivers there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Turns:
    """At most `at_once` turns at a time for each receiver; nothing is kept of one that nobody waits for."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._turns: dict[Hashable, tuple[asyncio.Semaphore, list[None]]] = {}

    def __len__(self) -> int:
        return len(self._turns)

    @asynccontextmanager
    async def of(self, receiver: Hashable) -> AsyncIterator[None]:
        """A turn of this receiver, as soon as it has one."""
        room, wanted = self._turns.setdefault(receiver, (asyncio.Semaphore(self._at_once), []))
        wanted.append(None)
        try:
            async with room:
                yield
        finally:
            wanted.pop()
            if not wanted:
                del self._turns[receiver]
