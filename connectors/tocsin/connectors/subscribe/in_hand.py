"""The records that were read and are not done, each a task; those of one key come one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Any

from tocsin.connectors.kafka import Admission, Offsets
from tocsin.connectors.subscribe.handling import NotDone

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord, TopicPartition

GIVE_UP_WITHIN = 5.0
"""Seconds that handlers have when partitions go to another process; the group waits for it."""


class InHand:
    """What is in hand of the partitions that are held. `work` returns when a record is done with; `busy` is what tasks
    are in a handler now: a task that only waits is given up at once."""

    def __init__(
        self, offsets: Offsets, work: Callable[[ConsumerRecord], Awaitable[None]], busy: Callable[[], set[Any]]
    ) -> None:
        self._offsets, self._work, self._busy = offsets, work, busy
        self._admission, self._tasks = Admission(), set[asyncio.Task[None]]()
        self._last: dict[Hashable, asyncio.Task[None]] = {}
        self.failure: BaseException | None = None
        """What makes going on impossible."""
        self.room = asyncio.Event()
        """Set whenever something is done."""

    def take(self, place: TopicPartition, record: ConsumerRecord) -> None:
        """Work on a record, after those of its key that were taken before."""
        progress, size = self._offsets.of(place), len(record.value or b"")
        lane = (place, record.key)
        before = self._last.get(lane)
        progress.begin(record.offset)
        self._admission.begin(place, size)

        async def work() -> None:
            if before is not None:
                await asyncio.wait([before])
                if not _ended_well(before):
                    raise NotDone
            await self._work(record)
            progress.end(record.offset)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._admission.end(place, size)
            if self._last.get(lane) is task:
                del self._last[lane]
            if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, NotDone):
                self.failure = self.failure or error
            self.room.set()

        task = self._last[lane] = asyncio.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(ended)

    def admits(self, places: set[TopicPartition]) -> set[TopicPartition]:
        """Those of the partitions that may be read now."""
        return self._admission.admits(places)

    async def give_up(self, within: float) -> None:
        """Let the handlers that run end within so many seconds; nothing else is begun, and the rest is not done."""
        running = self._tasks & self._busy()
        waiting = self._tasks - running
        for task in waiting:
            task.cancel()
        if running and within > 0:
            await asyncio.wait(running, timeout=within)
        for task in self._tasks:
            task.cancel()
        if left := waiting | running:
            await asyncio.wait(left, timeout=GIVE_UP_WITHIN)  # one that does not let itself be cancelled is left behind


def _ended_well(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is None
