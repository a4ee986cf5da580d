"""One process's access to the simulated Kafka: `ports.Log` with faults, each rolled by the seed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from random import Random

from tests.simulation.simulated_kafka import Item, SimulatedKafka
from tests.simulation.virtual_loop import VirtualLoop
from tests.streams.engine.simulated_log import Faults, Killed
from tocsin.streams.engine.changelog import OWNER_HEADER, Entry
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.ports import LogUnavailable
from tocsin.streams.engine.record import Output, Record

LONGEST_PAUSE = 240.0
"""Seconds that a process may stand still, and a write may be on its way."""


class Witness:
    """Hears of everything that engines write, at the moment it lands in the log."""

    def about_to_append(self, owner: bytes) -> object:
        """A batch was handed over; what is returned comes back when it lands."""
        return None

    def appended(self, topic: str, partition: int, records: Sequence[Record], then: object) -> None:
        """A record batch landed in a changelog."""

    def said(self, output: OutboxRecord, partition: int) -> None:
        """An output landed."""


class ProcessLog:
    """The log as one process sees it. `on_death` is called when the process is killed in the middle of a write.

    `at_once` is the share of its calls that take no time, so that nothing comes between two steps: time is saved, and
    when there are no faults any more nothing is lost by it.
    """

    def __init__(
        self,
        kafka: SimulatedKafka,
        loop: VirtualLoop,
        chance: Random,
        faults: Faults,
        witness: Witness,
        on_death: Callable[[], None],
        at_once: float,
    ) -> None:
        self._kafka = kafka
        self._loop = loop
        self._chance = chance
        self._faults = faults
        self._witness = witness
        self._on_death = on_death
        self.dead = False
        self.at_once = at_once
        self.asleep_until = 0.0

    # ports.Log

    async def append(self, topic: str, partition: int, owner: bytes, entries: Sequence[Entry]) -> int | None:
        headers = ((OWNER_HEADER, owner),)
        items: list[Item] = [(entry.key, entry.value, headers) for entry in entries]
        then = self._witness.about_to_append(owner)

        def land() -> int:
            first = self._kafka.land(topic, partition, items)
            self._witness.appended(topic, partition, self._kafka.place(topic, partition).records[-len(items) :], then)
            return first

        return await self._write(land)

    async def produce(self, outputs: Sequence[OutboxRecord]) -> None:
        if not outputs:
            return
        await self._pass_time()
        if len(outputs) > 1 and self._strikes(self._faults.lose_answer):
            # Each partition has its own batch, so any of them may have got less far than another.
            reached = {place: self._chance.random() for place in map(self._where, outputs)}
            for number, output in enumerate(outputs):
                if number / len(outputs) < reached[self._where(output)]:
                    self._land_output(output)
            self._die_or_fail()
        if self._strikes(self._faults.refuse):
            raise LogUnavailable("refused")
        if self._strikes(self._faults.late):
            self._later(lambda: [self._land_output(output) for output in outputs])
            self._die_or_fail()
        for output in outputs:
            self._land_output(output)
        await self._pass_time()
        if self._strikes(self._faults.lose_answer):
            self._die_or_fail()

    async def produce_tick(self, partition: int, tick: Output) -> None:
        item: Item = (tick.key, tick.value, tick.headers)
        await self._write(partial(self._kafka.land, tick.topic, partition, [item]))

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[Record, None]:
        await self._pass_time()
        place = self._kafka.place(topic, partition)
        if start < place.start:
            raise LogUnavailable(f"offset {start} of {topic} is out of range")
        for record in place.read(start, end):
            yield record

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        await self._pass_time()
        place = self._kafka.place(topic, partition)
        return place.start, place.end

    async def record_at(self, topic: str, partition: int, offset: int) -> Record | None:
        await self._pass_time()
        found = self._kafka.place(topic, partition).read(offset, offset + 1)
        return found[0] if found else None

    async def skip_asked(self, partition: int) -> None:
        """Nobody asks for anything here."""

    def partition_for(self, topic: str, key: bytes) -> int | None:
        return self._kafka.partition_for(key)

    # faults

    def stand_still(self) -> None:
        """The whole process is paused: garbage collection, a swapped-out machine, SIGSTOP."""
        self.asleep_until = max(self.asleep_until, self._loop.time() + self._chance.uniform(1.0, LONGEST_PAUSE))

    async def _write(self, land: Callable[[], int]) -> int | None:
        """A write lands once, whatever is answered: at once, late, or never when it was refused."""
        await self._pass_time()
        if self._strikes(self._faults.refuse):
            raise LogUnavailable("refused")
        if self._strikes(self._faults.late):
            self._later(land)
            self._die_or_fail()
        offset = land()
        await self._pass_time()
        if self._strikes(self._faults.lose_answer):
            self._die_or_fail()
        return None if self._strikes(self._faults.hide_offset) else offset

    def _later(self, land: Callable[[], object]) -> None:
        self._loop.call_later(self._chance.uniform(0.01, LONGEST_PAUSE), land)

    def _die_or_fail(self) -> None:
        if self._chance.random() < 0.5:
            self._on_death()
            raise Killed
        raise LogUnavailable("no answer")

    async def _pass_time(self) -> None:
        if self.dead:
            raise Killed
        if self._strikes(self.at_once) and self._loop.time() >= self.asleep_until:
            return
        if self._strikes(self._faults.pause):
            self.stand_still()
        delay = 0.0003 + 0.003 * self._chance.random()
        await asyncio.sleep(max(delay, self.asleep_until - self._loop.time()))
        if self.dead:
            raise Killed

    def _strikes(self, rate: float) -> bool:
        return rate > 0 and self._chance.random() < rate

    def _where(self, output: OutboxRecord) -> tuple[str, int]:
        return output.topic, self._kafka.partition_for(output.key)

    def _land_output(self, output: OutboxRecord) -> int:
        topic, partition = self._where(output)
        self._witness.said(output, partition)
        return self._kafka.land(topic, partition, [(output.key, output.value, output.headers)])
