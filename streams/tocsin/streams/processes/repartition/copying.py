"""One topic into its new partitions: what is decided first, then one tick for the time, then what is not decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from aiokafka import ConsumerRecord, TopicPartition

from tocsin.connectors.kafka import merge_to_end, open_consumer, partitions_of, read_to_end
from tocsin.connectors.kafka.dead_letters import is_note
from tocsin.connectors.publish.headers import type_header
from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.schemas.events import Tick
from tocsin.streams.engine.outputs import key_hash
from tocsin.streams.engine.record import Record
from tocsin.streams.processes.repartition.filling import Disturbed, Filling
from tocsin.streams.processes.repartition.letters import MovedLetters, of_new_topic
from tocsin.streams.processes.repartition.placing import GoingOn, place_of
from tocsin.streams.processes.repartition.survey import Stretch
from tocsin.streams.processes.repartition.tally import Tally
from tocsin.streams.topology import CARRIER_LIMIT

INPUTS = ("inbox", "deliveries")
"""Topics with ticks."""
_TICK = ("ce_type", type_header(Tick))
FETCHED = 256 * 1024
"""Bytes of a partition that are fetched at once; a larger record is fetched whole all the same."""


def is_tick(topic: str, record: ConsumerRecord) -> bool:
    """Whether a record is a tick, and does not only say so."""
    if topic not in INPUTS or _TICK not in record.headers:
        return False
    try:
        return isinstance(decode(record.value), Tick)
    except Undecodable:
        return False


@dataclass(slots=True)
class Copied:
    """What became of one topic: `kept` counts what was copied as it was, `added` what was written besides, `ticks` were
    left out, `undecided` is how many records nobody has dealt with."""

    topic: str
    kept: Tally = field(default_factory=Tally)
    added: int = 0
    ticks: int = 0
    undecided: int = 0
    ends: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Part:
    """What is to be copied of a topic, by old partition: from `first` on; up to `decided` it has been dealt with."""

    first: Mapping[int, int]
    decided: Mapping[int, int]
    held: Mapping[int, Stretch]

    def ends(self) -> dict[int, int]:
        """Where each partition ends."""
        return {number: stretch.end for number, stretch in self.held.items()}


class TopicCopy:
    """Copies one topic. `readers` learn where groups go on; `boundary` gives the record that stands between what is
    decided and what is not on a new partition, if there is one."""

    def __init__(
        self,
        topic: str,
        prefixes: tuple[str, str],
        filling: Filling,
        readers: Mapping[str, GoingOn],
        boundary: Callable[[int], Record | None] = lambda new: None,
        on_read: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._topic, self._prefixes, self._filling = topic, prefixes, filling
        self._readers, self._boundary, self._on_read = tuple(readers.values()), boundary, on_read
        self._letters = MovedLetters()
        self._count = len(filling.ends)
        self.copied = Copied(topic)
        self.boundaries: dict[int, Record] = {}

    async def copy(self, bootstrap: str, part: Part) -> Copied:
        """Read and write it. Raises KafkaError (also for what was deleted meanwhile), LogUnavailable, Disturbed."""
        await self._read(bootstrap, part.first, part.decided)
        await self._stand_between()
        before = self.copied.kept.records
        await self._read(bootstrap, {at: max(part.first[at], part.decided[at]) for at in part.first}, part.ends())
        await self._filling.flush()
        self.copied.undecided = self.copied.kept.records - before
        self.copied.ends = list(self._filling.ends)
        return self.copied

    async def _stand_between(self) -> None:
        for new in range(self._count):
            record = self._boundary(new)
            if record is not None:
                milliseconds = record.timestamp // 1000
                offset = await self._filling.put(new, record.key, record.value, record.headers, milliseconds)
                self.boundaries[new] = Record(
                    record.topic, new, offset, milliseconds * 1000, record.key, record.value, record.headers
                )
                self.copied.added += 1

    async def _read(self, bootstrap: str, first: Mapping[int, int], ends: Mapping[int, int]) -> None:
        """The records of all partitions in the order of their times, each partition in its own order."""
        places = {TopicPartition(self._prefixes[0] + self._topic, number): end for number, end in ends.items()}
        wanted = {place: end for place, end in places.items() if end > first[place.partition]}
        if not wanted:
            return
        async with open_consumer(
            bootstrap,
            auto_offset_reset="none",  # what retention took must be an error, never passed over
            max_partition_fetch_bytes=FETCHED,
            fetch_max_wait_ms=50,
        ) as consumer:
            consumer.assign(list(wanted))
            for place in wanted:
                consumer.seek(place, first[place.partition])
            async with aclosing(merge_to_end(consumer, wanted)) as records:
                async for record in records:
                    await self._take(record)

    async def _take(self, record: ConsumerRecord) -> None:
        self._on_read(1)
        if is_tick(self._topic, record):
            self.copied.ticks += 1  # the owner of a partition makes its own
            return
        if self._topic == "dead" and is_note(record):
            await self._note(record)
            return
        headers = record.headers
        if self._topic == "dead":
            headers = of_new_topic(headers, *self._prefixes)
        new = place_of(record.key, record.partition, self._count)
        offset = await self._filling.put(new, record.key, record.value, headers, record.timestamp)
        self.copied.kept.add(record.key, record.value, record.headers, record.timestamp)
        if self._topic == "dead":
            self._letters.moved(record.partition, record.offset, new, offset)
        for reader in self._readers:
            reader.note(record.partition, record.offset, new, offset)

    async def _note(self, record: ConsumerRecord) -> None:
        for new, headers in self._letters.notes(record):
            await self._filling.put(new, None, record.value, tuple(headers), record.timestamp)
            self.copied.added += 1


async def check_copy(bootstrap: str, prefix: str, copied: Copied, on_read: Callable[[int], None]) -> None:
    """Read the new topic whole: the same records as were read from the old one, each where its key belongs. Raises
    Disturbed that says what is not."""
    found, added = Tally(), 0
    name = prefix + copied.topic
    async with open_consumer(
        bootstrap, auto_offset_reset="earliest", max_partition_fetch_bytes=CARRIER_LIMIT, fetch_max_wait_ms=50
    ) as consumer:
        places = await partitions_of(consumer, name)
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        if [ends[place] for place in places] != copied.ends:
            raise Disturbed(f"somebody else writes into {name}")
        async with aclosing(read_to_end(consumer, ends)) as records:
            async for record in records:
                on_read(1)
                if is_tick(copied.topic, record) or (copied.topic == "dead" and is_note(record)):
                    added += 1
                    continue
                found.add(record.key, record.value, record.headers, record.timestamp)
                if record.key is not None and key_hash(record.key) % len(places) != record.partition:
                    raise Disturbed(f"{name}/{record.partition}@{record.offset}: its key belongs elsewhere")
    if (why := copied.kept.differs(found)) is not None or added != copied.added:
        raise Disturbed(f"{name}: {why or f'{added} records beside the copied ones, not {copied.added}'}")
