"""Who may be attempted now: so many at a time of each receiver, however many receivers there are."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable


class Turns:
    """At most `at_once` turns at a time for each receiver; nothing is kept of one that nobody waits for."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._rooms: dict[Hashable, _Room] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    async def take(self, receiver: Hashable) -> None:
        """A turn of this receiver, as soon as it has one; then it is to be given back."""
        room = self._rooms.get(receiver)
        if room is None:
            room = self._rooms[receiver] = _Room(self._at_once)
        room.wanted += 1
        try:
            await room.acquire()
        except BaseException:
            self._leave(room, receiver)
            raise

    def give_back(self, receiver: Hashable) -> None:
        """The turn is over."""
        room = self._rooms[receiver]
        room.release()
        self._leave(room, receiver)

    def _leave(self, room: _Room, receiver: Hashable) -> None:
        room.wanted -= 1
        if not room.wanted:
            del self._rooms[receiver]


class _Room(asyncio.Semaphore):
    """The turns of one receiver, and how many have one or wait."""

    wanted = 0
