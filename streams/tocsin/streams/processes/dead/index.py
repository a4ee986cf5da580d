"""The first pass over `dead`: which letters are meant, counted by reason, and what the notes say of them.

What is kept is a bit for each offset, whatever the letters hold; so a million letters are found in a few megabytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from tocsin.connectors.kafka import merge_to_end, offsets_since, open_consumer, read_to_end
from tocsin.streams.engine.dead import NOT_A_PROBLEM
from tocsin.streams.processes.dead.letter import Opened
from tocsin.streams.processes.dead.notes import PURGED_OF, REPLAYED_OF, is_note, noted
from tocsin.streams.processes.dead.offsets import Offsets
from tocsin.streams.processes.dead.wanted import Wanted
from tocsin.streams.processes.kafka import kafka_unreachable, needed_bootstrap, places_of
from tocsin.streams.settings import Settings
from tocsin.streams.topology import CARRIER_LIMIT, topic_name

GROUPS = 200
"""The most combinations of stage, reason and topic that are counted one by one: whoever writes to Kafka makes them."""
OTHER = "other"

Refusal = Callable[[Opened], str | None]
"""Why a letter that is meant is left out; None: it is not."""


class Kind(Struct, frozen=True):
    """What letters are counted by; `refusal` is why they are left out, empty when they are not."""

    stage: str
    reason: str
    topic: str
    refusal: str = ""


class Count(Struct, frozen=True):
    """How many letters there are of a kind, and how many of them were replayed; times in milliseconds, of the oldest
    and the newest that were read."""

    kind: Kind
    count: int
    replayed: int
    oldest: int
    newest: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """The offsets of one partition that are looked at; the log began at `start` then."""

    start: int
    first: int
    last: int


class Index:
    """What the first pass found, by partition: `letters` are all of them, `chosen` those that are meant and not left
    out; `replayed` and `purged` is what the notes say. `documents` counts what is no problem and was not asked
    for, `repeats` what would be chosen if it had not been replayed already."""

    def __init__(self, stretches: dict[int, Stretch]) -> None:
        self.stretches = stretches
        self.letters, self.replayed, self.purged = (self._empty() for _ in range(3))
        self.chosen = self._empty()
        self.documents = self.repeats = 0
        self._kinds: dict[Kind, dict[int, Offsets]] = {}
        self._times: dict[Kind, list[int]] = {}

    def _empty(self) -> dict[int, Offsets]:
        return {number: Offsets(stretch.first, stretch.last) for number, stretch in self.stretches.items()}

    def note(self, record: ConsumerRecord) -> None:
        """A record that says what became of letters before it."""
        for kind, found in ((REPLAYED_OF, self.replayed), (PURGED_OF, self.purged)):
            for first, behind in noted(record, kind):
                found[record.partition].add(first, min(behind, record.offset))

    def meant(self, letter: Opened, refusal: str | None) -> None:
        """A letter that is meant."""
        kind = Kind(letter.stage[:60], letter.reason[:60], letter.topic[:120], refusal or "")
        if kind not in self._kinds and len(self._kinds) >= GROUPS:
            kind = Kind(OTHER, OTHER, OTHER, "" if refusal is None else OTHER)
        record = letter.record
        if kind not in self._kinds:
            self._kinds[kind], self._times[kind] = self._empty(), [record.timestamp, record.timestamp]
        self._kinds[kind][record.partition].add(record.offset)
        times = self._times[kind]
        times[0], times[1] = min(times[0], record.timestamp), max(times[1], record.timestamp)

    def settle(self, replayed: bool | None) -> None:
        """Everything was read: leave out what is purged and, when it matters (not None), what was not replayed, or
        was."""
        for kind, places in self._kinds.items():
            for number, offsets in places.items():
                kept = offsets.without(self.purged[number])
                if replayed is False and not kind.refusal:
                    self.repeats += len(kept.within(self.replayed[number]))
                if replayed is not None:
                    kept = kept.within(self.replayed[number]) if replayed else kept.without(self.replayed[number])
                places[number] = kept
        for number in self.stretches:
            good = (places[number] for kind, places in self._kinds.items() if not kind.refusal)
            self.chosen[number] = self.chosen[number].united(good)

    def counts(self) -> list[Count]:
        """Each kind that is there, the most first."""
        found = [
            Count(
                kind,
                sum(map(len, places.values())),
                sum(len(offsets.within(self.replayed[number])) for number, offsets in places.items()),
                *self._times[kind],
            )
            for kind, places in self._kinds.items()
        ]
        return sorted((one for one in found if one.count), key=_most_first)

    def total(self) -> int:
        """How many letters are chosen."""
        return sum(map(len, self.chosen.values()))


def _most_first(found: Count) -> tuple[int, str, str]:
    return -found.count, found.kind.reason, found.kind.stage


@dataclass(slots=True)
class Letters:
    """The topic `dead`, open to be read. `on_read` is called with how many records were read since the last call."""

    consumer: AIOKafkaConsumer
    places: list[TopicPartition]
    stretches: dict[int, Stretch] = field(default_factory=dict)

    async def index(
        self, wanted: Wanted, refusal: Refusal, replayed: bool | None, on_read: Callable[[int], None]
    ) -> Index:
        """One pass from the first letter of the time that is meant (the notes stand behind it) to the end."""
        index = Index(self.stretches)
        self._seek()
        async with aclosing(read_to_end(self.consumer, self._ends())) as records:
            async for record in records:
                on_read(1)
                if is_note(record):
                    index.note(record)
                    continue
                index.letters[record.partition].add(record.offset)
                letter = Opened(record)
                if wanted.fits(letter):
                    index.meant(letter, refusal(letter))
                elif letter.reason == NOT_A_PROBLEM and not wanted.reasons:
                    index.documents += 1
        index.settle(replayed)
        return index

    async def chosen(self, index: Index, limit: int | None = None) -> AsyncGenerator[Opened, None]:
        """A second pass: the letters that the first one chose, at most `limit`, in the order of their times."""
        self._seek()
        left = index.total() if limit is None else min(limit, index.total())
        if not left:
            return
        async with aclosing(merge_to_end(self.consumer, self._ends())) as records:
            async for record in records:
                if record.offset in index.chosen[record.partition]:
                    yield Opened(record)
                    left -= 1
                    if not left:
                        return

    async def one(self, partition: int, offset: int) -> tuple[Opened, bool] | None:
        """The letter of this id, and whether it was replayed; None when there is none, or it was purged."""
        place = next((place for place in self.places if place.partition == partition), None)
        stretch = self.stretches.get(partition)
        if place is None or stretch is None or not stretch.first <= offset < stretch.last:
            return None
        self.consumer.seek(place, offset)
        found, index = None, Index({partition: Stretch(stretch.start, offset, offset + 1)})
        async with aclosing(read_to_end(self.consumer, {place: stretch.last})) as records:
            async for record in records:
                if is_note(record):
                    index.note(record)
                elif record.offset == offset:
                    found = Opened(record)
        if found is None or offset in index.purged[partition]:
            return None
        return found, offset in index.replayed[partition]

    def size(self) -> int:
        """How many records one pass reads."""
        return sum(stretch.last - stretch.first for stretch in self.stretches.values())

    def _seek(self) -> None:
        for place in self.places:
            self.consumer.seek(place, self.stretches[place.partition].first)

    def _ends(self) -> dict[TopicPartition, int]:
        return {place: self.stretches[place.partition].last for place in self.places}


@asynccontextmanager
async def letters_of(settings: Settings, since: int | None = None) -> AsyncIterator[Letters]:
    """The topic `dead` from its first letter since then (milliseconds) up to its end now. Raises ServiceUnreachable,
    CommandFailed(69: no such topic)."""
    bootstrap, topic = needed_bootstrap(settings), topic_name(settings.prefix, "dead")
    places = await places_of(settings, topic)
    try:
        # What retention or a purge takes while it is read is gone; the rest is read from where it begins then.
        async with open_consumer(
            bootstrap, fetch_max_wait_ms=100, auto_offset_reset="earliest", max_partition_fetch_bytes=CARRIER_LIMIT // 4
        ) as consumer:
            consumer.assign(places)
            start, last = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
            first = start if since is None else await offsets_since(consumer, places, since)
            letters = Letters(consumer, places)
            for place in places:
                begin = min(max(first[place], start[place]), last[place])
                letters.stretches[place.partition] = Stretch(start[place], begin, last[place])
            yield letters
    except (KafkaError, TimeoutError) as error:
        raise kafka_unreachable(bootstrap, error) from error


def nothing_refused(letter: Opened) -> str | None:
    """Every letter that is meant is chosen."""
    return None


def by_reason(counts: Iterable[Count]) -> dict[str, int]:
    """How many letters that are not left out have which reason."""
    found = Counter[str]()
    for one in counts:
        if not one.kind.refusal:
            found[one.kind.reason] += one.count
    return dict(found)


def by_refusal(counts: Iterable[Count]) -> dict[str, int]:
    """How many letters are left out, by why."""
    found = Counter[str]()
    for one in counts:
        if one.kind.refusal:
            found[one.kind.refusal] += one.count
    return dict(found)
