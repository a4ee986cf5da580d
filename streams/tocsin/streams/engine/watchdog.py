"""Finds partitions that have input and do not move although Kafka answers (aiokafka issue 1037)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic

import structlog
from aiokafka import TopicPartition

from tocsin.streams.engine.phase import Phase
from tocsin.streams.engine.ports import Log, LogUnavailable
from tocsin.streams.engine.task import PartitionTask

_log = structlog.get_logger("tocsin.engine")

ANSWER_WITHIN = 10.0
"""Seconds that Kafka may take to tell how much input a partition has; then it counts as unreachable."""


class Watchdog:
    """Looks at every partition held, six times in `stall_after` seconds.

    A partition that owes work and did none for `stall_after` seconds is marked `stalled`; after `fatal_after` seconds
    `on_fatal` is told. Never fatal: a partition that waits, is halted, has no input or still recovers, and Kafka gone.
    """

    def __init__(
        self,
        tasks: Mapping[TopicPartition, PartitionTask],
        log_of: Callable[[str], Log],
        *,
        stall_after: float,
        fatal_after: float,
        on_fatal: Callable[[str], None],
        looked: Callable[[TopicPartition, int], None] = lambda place, waiting: None,
    ) -> None:
        """`tasks` is looked at anew each time; `log_of` gives the log of an input topic; `looked` is told how many
        records a partition has to read."""
        self._tasks = tasks
        self._log_of = log_of
        self._stall_after, self._fatal_after = stall_after, fatal_after
        self._on_fatal, self._looked = on_fatal, looked

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self._stall_after / 6)
            # All at once: were they asked in turn, a Kafka that does not answer would make the last ones look idle.
            await asyncio.gather(*(self._look(partition, task) for partition, task in list(self._tasks.items())))

    async def _look(self, partition: TopicPartition, task: PartitionTask) -> None:
        if not await self._has_input(partition, task) or task.phase is Phase.HALTED:
            task.moved()
        idle = monotonic() - task.moved_at
        stalled = idle >= self._stall_after
        if stalled != task.stalled:
            log, now = (_log.error, "does not move") if stalled else (_log.info, "moves again")
            log(f"partition {now}", topic=partition.topic, partition=partition.partition, phase=task.phase)
        task.stalled = stalled
        if idle >= self._fatal_after and task.phase is not Phase.WAITING:
            self._on_fatal(f"{partition.topic}/{partition.partition} has not moved for {idle:.0f} s")

    async def _has_input(self, partition: TopicPartition, task: PartitionTask) -> bool:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                start, end = await self._log_of(partition.topic).bounds(partition.topic, partition.partition)
        except (LogUnavailable, TimeoutError):
            return False
        mark = task.mark_offset()
        waiting = max(0, end - (start if mark is None else mark))
        if mark is not None or task.next_offset is not None:  # else nobody knows where it stands
            self._looked(partition, waiting)
        return waiting > 0
