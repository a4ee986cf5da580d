"""The engine of one worker: a task per assigned partition, ticks, and the eye on what no longer moves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic, time_ns

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError

from tocsin.streams.engine.failpoints import failpoint_from
from tocsin.streams.engine.fold import Folded, Limits
from tocsin.streams.engine.kafka_log import KafkaLog, record_from
from tocsin.streams.engine.partition import Names, PartitionWriter
from tocsin.streams.engine.ports import LogUnavailable
from tocsin.streams.engine.record import RuleSet
from tocsin.streams.engine.task import PartitionTask, Phase
from tocsin.streams.engine.transport import FetchedBatch

_log = structlog.get_logger("tocsin.engine")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How the engine runs; times are in seconds."""

    bootstrap: str
    prefix: str
    limits: Limits = field(default_factory=Limits)
    failpoint: str | None = None
    tick_interval: float = 0.1
    stop_within: float = 10.0
    stall_after: float = 30.0
    fatal_after: float = 180.0
    retry_delay: float = 1.0


def wall_clock() -> int:
    """Microseconds since the epoch."""
    return time_ns() // 1000


class Engine:
    """Runs rule sets over the partitions that the consumer group assigns to this worker.

    Guarantee: every input record is folded exactly once; every output is produced at least once, repeats being the
    same bytes. `on_written(rules, partition, folded)` is called after the outputs of a batch are acknowledged.
    `on_fatal(reason)` is called when a partition has input, Kafka answers, and still nothing moves.
    """

    def __init__(
        self,
        rule_sets: Iterable[RuleSet],
        settings: EngineSettings,
        *,
        clock: Callable[[], int] = wall_clock,
        on_written: Callable[[RuleSet, int, Folded], None] = lambda rules, partition, folded: None,
        on_fatal: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._on_written, self._on_fatal = on_written, on_fatal
        self._failpoint = failpoint_from(settings.failpoint)
        self._rules = {settings.prefix + rules.input_topic: rules for rules in rule_sets}
        self._logs: dict[str, KafkaLog] = {}
        self._background: list[asyncio.Task[None]] = []
        self._seek: Callable[[TopicPartition, int], None] = lambda partition, offset: None
        self.tasks: dict[TopicPartition, PartitionTask] = {}

    async def start(self, seek: Callable[[TopicPartition, int], None]) -> list[str]:
        """Connect and begin to tick; `seek` moves the consumer. Returns the topics that are missing in Kafka."""
        self._seek = seek
        missing: list[str] = []
        for topic, rules in self._rules.items():
            log = KafkaLog(
                self._settings.bootstrap,
                prefix=self._settings.prefix,
                input_topic=topic,
                failpoint=self._failpoint,
            )
            await log.start()
            self._logs[topic] = log
            missing += await log.know_topics([topic, self._settings.prefix + rules.changelog])
        self._background = [asyncio.create_task(self._tick()), asyncio.create_task(self._watch())]
        return missing

    async def stop(self) -> None:
        """Finish the batches at hand, give the partitions up, close the connections. Bounded in time."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.released(set())
        for log in self._logs.values():
            await log.stop()

    def offer(self, batch: FetchedBatch) -> None:
        """Hand a fetched batch to its partition's task; never blocks, because only partitions with room are fetched."""
        task = self.tasks.get(batch.partition)
        if task is not None:
            topic = batch.partition.topic
            task.offer([record_from(record, topic) for record in batch.records], batch.epoch)

    def agents(self) -> list[str]:
        """The names of the rule sets that this worker runs."""
        return [rules.name for rules in self._rules.values()]

    def tasks_of(self, agent: str) -> list[PartitionTask]:
        """The partitions of one rule set that this worker holds."""
        return [task for place, task in self.tasks.items() if self._rules[place.topic].name == agent]

    def not_ready(self) -> str | None:
        """None when every partition held runs, else what keeps the others, for an operator."""
        if not self.tasks:
            return "no partitions are assigned to this worker yet"
        kept = {f"{task.phase}: {task.reason}" for task in self.tasks.values() if task.phase is not Phase.RUNNING}
        return "; ".join(sorted(kept)) or None

    # what the consumer asks (transport.Partitions)

    def with_room(self) -> set[TopicPartition]:
        return {partition for partition, task in self.tasks.items() if task.has_room()}

    def busy(self) -> bool:
        return any(task.phase is not Phase.HALTED and not task.has_room() for task in self.tasks.values())

    def committable(self) -> dict[TopicPartition, int]:
        marks = {partition: task.mark_offset() for partition, task in self.tasks.items()}
        return {partition: at for partition, at in marks.items() if at is not None}

    def resume_at(self, partition: TopicPartition) -> int | None:
        task = self.tasks.get(partition)
        return task.resume_at() if task else None

    def epoch(self, partition: TopicPartition) -> int:
        task = self.tasks.get(partition)
        return task.epoch if task else -1

    def assigned(self, partitions: set[TopicPartition]) -> None:
        for partition in sorted(partitions - self.tasks.keys()):
            if partition.topic in self._rules:
                self.tasks[partition] = self._new_task(partition)
                self.tasks[partition].start()

    async def released(self, kept: set[TopicPartition]) -> None:
        gone = [self.tasks.pop(partition) for partition in self.tasks.keys() - kept]
        await asyncio.gather(*(task.stop(self._settings.stop_within) for task in gone))

    def _new_task(self, partition: TopicPartition) -> PartitionTask:
        rules = self._rules[partition.topic]
        log = self._logs[partition.topic]
        names = Names(partition.topic, self._settings.prefix + rules.changelog)

        def writer(owner: bytes) -> PartitionWriter:
            return PartitionWriter(
                rules,
                names,
                partition.partition,
                log,
                owner,
                limits=self._settings.limits,
                failpoint=self._failpoint,
            )

        def seek(offset: int) -> None:
            with contextlib.suppress(IllegalStateError, ValueError):
                self._seek(partition, offset)

        return PartitionTask(
            rules,
            partition.partition,
            log,
            writer,
            seek,
            self._clock,
            on_written=lambda number, folded: self._on_written(rules, number, folded),
            retry_delay=self._settings.retry_delay,
        )

    async def _tick(self) -> None:
        """Append a tick where a timer is due. Ticks are not awaited one by one: a slow partition delays no other."""
        while True:
            await asyncio.sleep(self._settings.tick_interval)
            due = [task for task in list(self.tasks.values()) if task.timer_is_due()]
            if due:
                await asyncio.wait(
                    [asyncio.create_task(task.append_tick()) for task in due], timeout=self._settings.stop_within
                )

    async def _watch(self) -> None:
        """Look for partitions that have input and do not move although Kafka answers (aiokafka issue 1037)."""
        seen: dict[TopicPartition, tuple[int, float]] = {}
        while True:
            await asyncio.sleep(self._settings.stall_after / 6)
            for partition, task in list(self.tasks.items()):
                progress, since = seen.get(partition, (-1, 0.0))
                halted = task.phase is Phase.HALTED
                if task.progress != progress or halted or not await self._has_input(partition, task):
                    seen[partition] = (task.progress, monotonic())
                    task.stalled = False
                    continue
                self._alarm(partition, task, monotonic() - since)

    def _alarm(self, partition: TopicPartition, task: PartitionTask, idle: float) -> None:
        task.stalled = idle >= self._settings.stall_after
        if task.stalled:
            _log.error("partition does not move", partition=str(partition), phase=task.phase, idle_seconds=round(idle))
        if idle >= self._settings.fatal_after and task.phase is not Phase.WAITING:
            self._on_fatal(f"{partition.topic}/{partition.partition} has not moved for {idle:.0f} s")

    async def _has_input(self, partition: TopicPartition, task: PartitionTask) -> bool:
        try:
            async with asyncio.timeout(10):
                start, end = await self._logs[partition.topic].bounds(partition.topic, partition.partition)
        except (LogUnavailable, TimeoutError):
            return False
        mark = task.mark_offset()
        return end > (start if mark is None else mark)
