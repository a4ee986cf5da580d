"""One timer for all deadlines: they are kept by the tenth of a second in which they fall due, never early."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tocsin.connectors.publish.outgoing import Outgoing

SLOT = 0.1
"""Seconds; a deadline is noticed at most this much too late."""


class Deadlines:
    """Calls `expire` for each record that is not taken off within `seconds`. A timer per record would cost more than
    the rest of publishing it."""

    def __init__(self, seconds: float, expire: Callable[[Outgoing], None]) -> None:
        self._seconds = seconds
        self._expire = expire
        self._slots: dict[int, set[Outgoing]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, record: Outgoing, started: float) -> int:
        """Its time counts from `started` (the loop's clock); the answer is for `forget`."""
        slot = int((started + self._seconds) / SLOT) + 1
        records = self._slots.get(slot)
        if records is None:
            records = self._slots[slot] = set()
            self._arm(slot)
        records.add(record)
        return slot

    def forget(self, slot: int, record: Outgoing) -> None:
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
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due, self._sweep)
