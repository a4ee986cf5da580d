"""A worker process: the engine's own partition tasks of both agents, what is fetched for them, their ticks."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random

from tests.simulation.process_log import ProcessLog
from tests.simulation.simulated_kafka import SimulatedKafka
from tests.simulation.virtual_loop import VirtualLoop
from tests.streams.engine.simulated_log import Faults, Killed
from tocsin.streams.engine.fold import Folded
from tocsin.streams.engine.partition import PartitionWriter
from tocsin.streams.engine.phase import Phase
from tocsin.streams.engine.record import Record, RuleSet
from tocsin.streams.engine.spoken import Spoken
from tocsin.streams.engine.task import PartitionTask

FETCH = 200
"""Records that one fetch brings, at most."""


class HeldPartition:
    """One partition in one worker: a `PartitionTask` and the consumer and clock that production gives it."""

    def __init__(
        self,
        worker: SimulatedWorker,
        rules: RuleSet,
        partition: int,
        new_writer: Callable[[SimulatedWorker, RuleSet, int], PartitionWriter],
        heartbeat: float,
    ) -> None:
        self._worker, self._loop = worker, worker.loop
        self._place = worker.kafka.place(rules.input_topic, partition)
        self._heartbeat = heartbeat
        self._position: int | None = None
        self._seeks = 0
        self._writer: PartitionWriter | None = None
        self._fetching = False
        self._look: asyncio.TimerHandle | None = None

        def writer(owner: bytes) -> PartitionWriter:
            self._writer = new_writer(worker, rules, partition)
            return self._writer

        self.task = PartitionTask(
            rules,
            partition,
            worker.log,
            writer,
            self._seek,
            worker.clock,
            on_written=self._on_written,
            heartbeat=heartbeat,
        )
        self._place.listeners.append(self.wake)
        self.task.start()

    async def stop(self, within: float) -> None:
        """Give the partition up."""
        self._place.listeners.remove(self.wake)
        if self._look is not None:
            self._look.cancel()
        with suppress(Killed):
            await self.task.stop(within)

    def _seek(self, offset: int) -> None:
        self._position, self._seeks = offset, self._seeks + 1
        self.wake()
        self._loop.call_soon(self._look_at_timers)

    def _on_written(self, partition: int, folded: Folded) -> None:
        self.wake()
        self._look_at_timers()

    # the consumer

    def wake(self) -> None:
        """Something may be there to fetch."""
        if not self._fetching:
            self._fetching = True
            self._loop.call_later(self._worker.delay(), self._fetch)

    def _fetch(self) -> None:
        self._fetching = False
        position = self._position
        if self._worker.dead or position is None or not self.task.has_room() or self._place.end <= position:
            return
        records = self._place.read(position, position + self._worker.chance.choice((1, 5, FETCH)))
        if not records:
            return
        self._position = records[-1].offset + 1
        self._fetching = True
        self._loop.call_later(self._worker.delay(), self._offer, records, self._seeks)

    def _offer(self, records: list[Record], seeks: int) -> None:
        self._fetching = False
        if not self._worker.dead:
            if seeks == self._seeks:  # as aiokafka drops what it fetched before a seek
                self.task.offer(records)
            self.wake()

    # ticks

    def _look_at_timers(self, at_least: float = 0.001) -> None:
        """Ask the task when it may want a tick; production asks ten times a second."""
        writer = self._writer
        if self._worker.dead or writer is None or self.task.phase is not Phase.RUNNING:
            return
        head = writer.state.rows.timer_head()
        if head is not None:
            due = min(head, writer.state.now + int(self._heartbeat * 1e6))
            self._look_in(max(at_least, (due - self._worker.clock()) / 1e6 + self._worker.patience))

    def _look_in(self, seconds: float) -> None:
        when = self._loop.time() + seconds
        if self._look is not None:
            if self._look.when() <= when:
                return
            self._look.cancel()
        self._look = self._loop.call_at(when, self._tick_if_due)

    def _tick_if_due(self) -> None:
        self._look = None
        if self._worker.dead or self.task.phase is not Phase.RUNNING:
            return
        if self.task.tick_is_due():
            self._loop.create_task(self.task.append_tick())
        self._look_at_timers(at_least=1.0)


class SimulatedWorker:
    """One process with its own clock (which may be wrong), its own log, its own rules file."""

    def __init__(
        self,
        number: int,
        kafka: SimulatedKafka,
        loop: VirtualLoop,
        chance: Random,
        faults: Faults,
        new_log: Callable[[Callable[[], None]], ProcessLog],
    ) -> None:
        self.number = number
        self.kafka, self.loop, self.chance, self.faults = kafka, loop, chance, faults
        self.skew = chance.randint(-2_000_000, 2_000_000)
        self.dead = False
        self.generation = 0
        self.patience = 0.001
        """Seconds after a timer's time at which the task is asked whether it wants a tick."""
        self.log = new_log(self.die)
        self.rules: tuple[RuleSet, ...] = ()
        self.held: dict[tuple[str, int], HeldPartition] = {}
        self.spoken = defaultdict[tuple[str, int], Spoken](Spoken)
        self.on_death: Callable[[SimulatedWorker], None] = lambda worker: None

    def clock(self) -> int:
        """Microseconds, as this machine believes."""
        return self.loop.micros() + self.skew

    def delay(self) -> float:
        """Seconds until the process gets round to something."""
        return max(0.0005 + 0.02 * self.chance.random() ** 4, self.log.asleep_until - self.loop.time())

    def failpoint(self, place: str) -> None:
        """Between two steps of the write order: perhaps the end."""
        if self.dead or (self.faults.kill > 0 and self.chance.random() < self.faults.kill):
            self.die()
            raise Killed

    def die(self) -> None:
        """`kill -9`: nothing is finished, nothing is said."""
        if self.dead:
            return
        self.dead = self.log.dead = True
        for held in self.held.values():
            self.loop.create_task(held.stop(0))
        self.held.clear()
        self.loop.call_soon(partial(self.on_death, self))
