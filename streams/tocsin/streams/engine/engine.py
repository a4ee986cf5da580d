"""The engine of one worker: a task per assigned partition, ticks, and the watchdog."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter as Tally
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from time import monotonic, time_ns
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError
from aiokafka.structs import ConsumerRecord

from tocsin.streams.engine import audit
from tocsin.streams.engine.audit import TimerCensus
from tocsin.streams.engine.engine_settings import EngineSettings
from tocsin.streams.engine.failpoints import failpoint_from
from tocsin.streams.engine.fold import Folded
from tocsin.streams.engine.kafka_log import KafkaLog, record_from
from tocsin.streams.engine.lag import Lag, Lags
from tocsin.streams.engine.partition import Names, PartitionWriter
from tocsin.streams.engine.phase import Phase
from tocsin.streams.engine.ports import WorkerLog
from tocsin.streams.engine.readiness import by_topic, standing_still
from tocsin.streams.engine.record import RuleSet
from tocsin.streams.engine.setbacks import Setbacks
from tocsin.streams.engine.spoken import Spoken
from tocsin.streams.engine.task import PartitionTask
from tocsin.streams.engine.watchdog import Watchdog

_log = structlog.get_logger("tocsin.engine")


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
        open_log: Callable[[str], WorkerLog] | None = None,
    ) -> None:
        """`open_log` makes the log of an input topic (with prefix), not yet started; None is Kafka."""
        self._settings = settings
        self._clock = clock
        self._on_written, self._on_fatal = on_written, on_fatal
        self._failpoint = failpoint_from(settings.failpoint)
        self._rules = {settings.prefix + rules.input_topic: rules for rules in rule_sets}
        self._open_log = open_log or self._kafka_log
        self._logs: dict[str, WorkerLog] = {}
        self._background: list[asyncio.Task[None]] = []
        self._ticks: set[asyncio.Task[None]] = set()
        self._joined = False
        self._seek: Callable[[TopicPartition, int], None] = lambda partition, offset: None
        self.tasks: dict[TopicPartition, PartitionTask] = {}
        self._lags = Lags()
        self.timers_repaired: Tally[str] = Tally()
        """Timers that an auditor put back into a heap that had lost them, by agent, since this worker started."""

    async def start(self, seek: Callable[[TopicPartition, int], None]) -> list[str]:
        """Connect and begin to tick; `seek` moves the consumer. Returns the topics that are missing in Kafka."""
        self._seek = seek
        missing: list[str] = []
        for topic, rules in self._rules.items():
            log = self._open_log(topic)
            await log.start()
            self._logs[topic] = log
            missing += await log.know_topics([topic, self._settings.prefix + rules.changelog])
        watchdog = Watchdog(
            self.tasks,
            self._logs.__getitem__,
            stall_after=self._settings.stall_after,
            fatal_after=self._settings.fatal_after,
            on_fatal=self._on_fatal,
            looked=lambda place, waiting: self._lags.looked(place, waiting, self._clock()),
        )
        self._keep(self._tick())
        self._keep(self._audit())
        self._keep(watchdog.run())
        return missing

    async def stop(self) -> None:
        """Finish the batches at hand, give the partitions up, close the connections. Bounded in time."""
        background = [*self._background, *self._ticks]
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await self.released(set())
        for log in self._logs.values():
            await log.stop()

    def offer(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        """Hand what was fetched to its partition's task; never blocks, as only partitions with room are fetched."""
        task = self.tasks.get(partition)
        if task is not None:
            task.offer([record_from(record, partition.topic) for record in records])

    def agents(self) -> list[str]:
        """The names of the rule sets that this worker runs."""
        return [rules.name for rules in self._rules.values()]

    def topics(self) -> list[str]:
        """The topics that this worker reads, with the prefix: the input of each rule set, and its changelog."""
        return [*self._rules, *(self._settings.prefix + rules.changelog for rules in self._rules.values())]

    def tasks_of(self, agent: str) -> list[PartitionTask]:
        """The partitions of one rule set that this worker holds."""
        return [task for task in self.tasks.values() if task.agent == agent]

    def timers(self, agent: str) -> TimerCensus:
        """What the auditors of this worker's partitions found in their last rounds, together."""
        census = TimerCensus()
        for task in self.tasks_of(agent):
            census.add(task.timers())
        return census

    def not_ready(self) -> str | None:
        """None once this worker joined its group and each partition left its first take-over (or needs a person)."""
        if not self._joined:
            return "not in the consumer group yet"
        unsettled = sum(not task.settled for task in self.tasks.values())
        return f"{unsettled} of {len(self.tasks)} partitions are being taken over; {self.note()}" if unsettled else None

    def standing_still(self) -> str | None:
        """Which partitions are halted, or have input and do not move, in words for an operator; None without any."""
        waiting = {place: self.lag(place).records for place in self.tasks}
        return standing_still(self.tasks, waiting, monotonic())

    def lag(self, partition: TopicPartition) -> Lag:
        """How far a partition is behind, as it was a few seconds ago."""
        return self._lags.of(partition, self._clock())

    def note(self) -> str | None:
        """What an operator should know although the worker is ready, or None."""
        if not self.tasks:
            return "no partitions for this worker: there are as many workers as partitions without it"
        kept = Tally(note for task in self.tasks.values() if (note := task.note()) is not None)
        return "; ".join(f"{count} {why}" for why, count in sorted(kept.items())) or None

    def moved_at(self) -> float:
        """When (`time.monotonic`) any partition last did something; 0.0 without partitions."""
        return max((task.moved_at for task in self.tasks.values()), default=0.0)

    # what the consumer asks (transport.Partitions)

    def with_room(self) -> set[TopicPartition]:
        return {partition for partition, task in self.tasks.items() if task.has_room()}

    def busy(self) -> bool:
        return any(task.phase is not Phase.HALTED and not task.has_room() for task in self.tasks.values())

    def committable(self) -> dict[TopicPartition, tuple[int, str]]:
        marks = {partition: task.committable() for partition, task in self.tasks.items()}
        return {partition: at for partition, at in marks.items() if at is not None}

    def resume_at(self, partition: TopicPartition) -> int | None:
        task = self.tasks.get(partition)
        return task.next_offset if task else None

    def assigned(self, partitions: set[TopicPartition]) -> None:
        self._joined = True
        new = sorted(partitions - self.tasks.keys())
        _log.info("partitions assigned", all=by_topic(partitions), new=by_topic(new))
        for partition in new:
            if partition.topic in self._rules:
                self.tasks[partition] = self._new_task(partition)
                self.tasks[partition].start()

    async def released(self, kept: set[TopicPartition]) -> None:
        gone = [self.tasks.pop(partition) for partition in self.tasks.keys() - kept]
        await asyncio.gather(*(task.stop(self._settings.stop_within) for task in gone))

    def _kafka_log(self, topic: str) -> WorkerLog:
        settings = self._settings
        return KafkaLog(settings.bootstrap, prefix=settings.prefix, input_topic=topic, failpoint=self._failpoint)

    def _new_task(self, partition: TopicPartition) -> PartitionTask:
        rules = self._rules[partition.topic]
        log = self._logs[partition.topic]
        limits = replace(self._settings.limits, silence=int(2e6 * self._settings.heartbeat))
        names = Names(partition.topic, self._settings.prefix + rules.changelog)

        spoken = Spoken()

        def writer(owner: bytes) -> PartitionWriter:
            return PartitionWriter(
                rules,
                names,
                partition.partition,
                log,
                owner,
                limits=limits,
                dead_letters=self._settings.dead_letters,
                spoken=spoken,
                failpoint=self._failpoint,
            )

        def written(number: int, folded: Folded) -> None:
            self._lags.folded(partition, folded.now)
            self._on_written(rules, number, folded)

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
            on_written=written,
            setbacks=Setbacks(self._settings.retry_delay, rules.name, self._settings.watched),
            retry_delay=self._settings.retry_delay,
            heartbeat=self._settings.heartbeat,
        )

    async def _tick(self) -> None:
        """Append a tick where one is due; none is waited for: a slow partition delays no other."""
        while True:
            await asyncio.sleep(self._settings.tick_interval)
            for task in list(self.tasks.values()):
                if task.tick_is_due():
                    tick = asyncio.create_task(task.append_tick())
                    self._ticks.add(tick)
                    tick.add_done_callback(self._tick_appended)

    async def _audit(self) -> None:
        """One step of every partition's auditor after another; others have their turn between two."""
        while True:
            await asyncio.sleep(audit.STEP)
            for task in list(self.tasks.values()):
                self.timers_repaired[task.agent] += task.audit()
                await asyncio.sleep(0)

    def _tick_appended(self, tick: asyncio.Task[None]) -> None:
        self._ticks.discard(tick)
        if not tick.cancelled() and tick.exception() is not None:
            _log.error("tick failed; asked for again", exc_info=tick.exception())

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._background_ended)
        self._background.append(task)

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        """Without ticks no timer fires, without the watchdog nobody sees a stall: start the worker again."""
        if task.cancelled():
            return
        error = task.exception()
        _log.error("background task ended", task=task.get_name(), exc_info=error)
        self._on_fatal(f"a background task of the engine ended: {error!r}")
