"""Kafka in memory, with seeded faults: what the write order must survive, thousands of times faster than a broker.

Time is a counter of steps. Nothing waits for a clock and nothing is random but by the seed, so a seed replays exactly.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from tocsin.streams.engine.changelog import OWNER_HEADER, Entry
from tocsin.streams.engine.dead import Skip
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.ports import LogUnavailable
from tocsin.streams.engine.record import Headers, Output, Record

COMPACTION_LAG = 1_500
"""Steps before a record may be compacted: longer than any pause, as 15 minutes are in production."""

LONGEST_PAUSE = 150


class Killed(BaseException):
    """The process died here: nothing after this point runs, nothing is cleaned up."""


@dataclass(slots=True)
class Faults:
    """How often each fault strikes, of one call; all 0 is a perfect Kafka."""

    kill: float = 0.0
    refuse: float = 0.0
    lose_answer: float = 0.0
    hide_offset: float = 0.0
    pause: float = 0.0
    late: float = 0.0

    def stop(self) -> None:
        """From now on a perfect Kafka."""
        for name in self.__slots__:
            setattr(self, name, 0.0)


@dataclass(slots=True)
class Topic:
    """One partition: its records (with holes after compaction), the steps they came at, start and end."""

    records: list[tuple[Record, int]] = field(default_factory=list)
    start: int = 0
    end: int = 0
    generation: int = 0


class SimulatedBroker:
    """The partitions (one per topic), the step counter, and writes that are still on their way."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.topics: dict[str, Topic] = defaultdict(Topic)
        self.steps = 0
        self.on_its_way: list[tuple[int, Callable[[], object]]] = []

    def step(self) -> None:
        """One step of time: late writes land now."""
        self.steps += 1
        due = [land for at, land in self.on_its_way if at <= self.steps]
        self.on_its_way = [(at, land) for at, land in self.on_its_way if at > self.steps]
        for land in due:
            land()

    def send_late(self, land: Callable[[], object]) -> None:
        self.on_its_way.append((self.steps + self.random.randint(1, LONGEST_PAUSE), land))

    def land(self, topic: str, records: Sequence[tuple[bytes | None, bytes | None, Headers]], timestamp: int) -> int:
        """Append records together; the first offset."""
        place = self.topics[topic]
        first = place.end
        for number, (key, value, headers) in enumerate(records):
            record = Record(topic, 0, first + number, timestamp, key, value, headers)
            place.records.append((record, self.steps))
        place.end += len(records)
        return first

    def compact(self, topic: str) -> None:
        """Drop every record old enough that has a newer one of its key, itself old enough."""
        place = self.topics[topic]
        old = [record for record, at in place.records if self.steps - at > COMPACTION_LAG]
        newest = {record.key: record.offset for record in old}
        place.records = [
            (record, at)
            for record, at in place.records
            if self.steps - at <= COMPACTION_LAG or newest[record.key] == record.offset
        ]

    def make_again(self, topic: str) -> None:
        """Delete the topic and create an empty one of the same name."""
        self.topics[topic] = Topic(generation=self.topics[topic].generation + 1)

    def forget_before(self, topic: str, offset: int) -> None:
        """Retention: the records before `offset` are gone."""
        place = self.topics[topic]
        place.start = max(place.start, min(offset, place.end))
        place.records = [(record, at) for record, at in place.records if record.offset >= place.start]

    def values(self, topic: str) -> list[Record]:
        return [record for record, _ in self.topics[topic].records]


class SimulatedLog:
    """One process's access to a `SimulatedBroker`: `ports.Log`, with faults."""

    def __init__(self, broker: SimulatedBroker, faults: Faults) -> None:
        self._broker = broker
        self._faults = faults
        self._generations: dict[str, int] = {}
        self.asked: Skip | None = None

    async def append(self, topic: str, partition: int, owner: bytes, entries: Sequence[Entry]) -> int | None:
        headers = ((OWNER_HEADER, owner),)
        records = [(entry.key, entry.value, headers) for entry in entries]
        return await self._write(lambda: self._broker.land(topic, records, self._broker.steps))

    async def produce(self, outputs: Sequence[OutboxRecord]) -> None:
        for output in outputs:
            record = (output.key, output.value, output.headers)
            await self._write(partial(self._broker.land, output.topic, [record], output.timestamp * 1000))

    async def produce_tick(self, partition: int, tick: Output) -> None:
        await self._write(lambda: self._broker.land(tick.topic, [(tick.key, tick.value, tick.headers)], 0))

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[Record, None]:
        await self._pass_time()
        place = self._broker.topics[topic]
        if self._generations.get(topic, place.generation) != place.generation or start < place.start:
            raise LogUnavailable(f"offset {start} of {topic} is out of range")
        for record, _ in list(place.records):
            if start <= record.offset < end:
                yield record

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        await self._pass_time()
        place = self._broker.topics[topic]
        self._generations[topic] = place.generation
        return place.start, place.end

    async def record_at(self, topic: str, partition: int, offset: int) -> Record | None:
        found = [record async for record in self.read(topic, partition, offset, offset + 1)]
        return found[0] if found else None

    async def skip_asked(self, partition: int) -> Skip | None:
        return self.asked

    def partition_for(self, topic: str, key: bytes) -> int | None:
        return 0

    async def _write(self, land: Callable[[], int]) -> int | None:
        """A write lands once, whatever is answered: at once, late, or never when it was refused."""
        await self._pass_time()
        if self._strikes(self._faults.refuse):
            raise LogUnavailable("refused")
        if self._strikes(self._faults.late):
            self._broker.send_late(land)
            self._die_or_fail()
        offset = land()
        await self._pass_time()
        if self._strikes(self._faults.lose_answer):
            self._die_or_fail()
        return None if self._strikes(self._faults.hide_offset) else offset

    def _die_or_fail(self) -> None:
        if self._broker.random.random() < 0.5:
            raise Killed
        raise LogUnavailable("no answer")

    async def _pass_time(self) -> None:
        steps = self._broker.random.randint(1, 4)
        if self._strikes(self._faults.pause):
            steps = self._broker.random.randint(1, LONGEST_PAUSE)
        for _ in range(steps):
            self._broker.step()
            await asyncio.sleep(0)

    def _strikes(self, rate: float) -> bool:
        return rate > 0 and self._broker.random.random() < rate
