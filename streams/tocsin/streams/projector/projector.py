"""Reads the topics and takes them up, batch by batch; one projector of a store at a time.

Where it stands is in the store, with the rows: nothing is committed to Kafka, and whatever ends it, it goes on there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, time_ns
from typing import TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from tocsin.connectors.kafka import open_consumer, partitions_of
from tocsin.connectors.redaction import Redaction
from tocsin.connectors.store import StoreUnavailable
from tocsin.connectors.store.database import Database
from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable, UndecodableReason
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.engine.failpoints import failpoint_from
from tocsin.streams.engine.lag import Lag, Lags
from tocsin.streams.projector.batch import Applied, Overtaken, Place, apply, refused, standing_of
from tocsin.streams.projector.gathering import gather
from tocsin.streams.projector.keeping import AT_ONCE, KINDS, Keeping, forget_old
from tocsin.streams.projector.rows import TOPICS
from tocsin.streams.projector.taken import Taken
from tocsin.streams.topology import topic_name

_log = structlog.get_logger("tocsin.projector")

T = TypeVar("T")

RECORDS = 2000
"""The most records of one transaction."""
SIZE = 8 * 1024 * 1024
"""The most bytes of them; a larger record is alone."""
AGAIN_AFTER = 1.0
"""Seconds until what failed is tried again: a store that is away, a schema that is not known yet."""
LOOK_EVERY = 2.0
"""Seconds between two looks, without records, at whether somebody else changed where the store stands."""
FORGET_EVERY = 600.0
"""Seconds between two times that old rows are deleted."""


@dataclass(frozen=True, slots=True)
class ProjectorSettings:
    """`keeping` says how long rows are kept; `failpoint` as of engine/failpoints.py."""

    bootstrap: str
    prefix: str
    keeping: Keeping
    failpoint: str | None = None


class Projector:
    """Runs until it is stopped. `on_applied` is called after each transaction, `on_forgotten` with kind and number of
    what was deleted because it is old."""

    def __init__(
        self,
        settings: ProjectorSettings,
        database: Database,
        book: SchemaBook,
        redaction_of: Callable[[str], Redaction],
        on_applied: Callable[[Applied], None] = lambda applied: None,
        on_forgotten: Callable[[str, int], None] = lambda kind, number: None,
    ) -> None:
        self._settings, self._database, self._book = settings, database, book
        self._redaction_of, self._on_applied, self._on_forgotten = redaction_of, on_applied, on_forgotten
        self._passed = failpoint_from(settings.failpoint)
        self._standing: dict[Place, int] = {}
        self._waiting: dict[TopicPartition, str] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._looked_at = 0.0
        self._trouble: str | None = None
        self._lags = Lags()
        self.alone = False

    def not_ready(self) -> str | None:
        """Why nothing is taken up now; None when all is well."""
        return self._trouble

    def note(self) -> str | None:
        """For an operator: that another one is at work, that something waits, that it is behind."""
        if not self.alone:
            return "another projector writes this store; this one stands by"
        if self._waiting:
            place, why = next(iter(self._waiting.items()))
            return f"{len(self._waiting)} partitions wait: {place.topic}/{place.partition}: {why}"
        behind = sum(self.lags().values())
        return f"{behind} records are still to be taken up" if behind > 10 * RECORDS else None

    def lags(self) -> dict[str, int]:
        """How many records of each topic are not taken up, as far as was heard of them."""
        lags = dict.fromkeys(TOPICS, 0)
        for place in self._consumer.assignment() if self._consumer is not None and self.alone else ():
            end = self._consumer.highwater(place) if self._consumer is not None else None
            name = place.topic.removeprefix(self._settings.prefix)
            lags[name] += max(0, (end or 0) - self._standing.get((name, place.partition), 0))
        return lags

    def behind(self) -> dict[str, Lag]:
        """The same, and for how long about, of each topic."""
        now = time_ns() // 1000
        for topic, waiting in self.lags().items():
            self._lags.looked(topic, waiting, now)
        return {topic: self._lags.of(topic, now) for topic in TOPICS}

    async def run(self, stop: asyncio.Event, ready: asyncio.Event) -> None:
        """Take up records until `stop` is set; `ready` is set once it works, or stands by. Raises KafkaError."""
        while not (stop.is_set() or await self._have_it_alone()):
            ready.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), AGAIN_AFTER)
        if stop.is_set():
            return
        # What Kafka holds ready is bounded: a fetch of all, and of each partition what it must bring anyway.
        async with open_consumer(
            self._settings.bootstrap,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            fetch_max_bytes=2 * SIZE,
            max_partition_fetch_bytes=256 * 1024,
        ) as consumer:
            places = [
                place
                for name in TOPICS
                for place in await partitions_of(consumer, topic_name(self._settings.prefix, name))
            ]
            consumer.assign(places)
            self._consumer = consumer
            await self._begin(consumer)
            await self._settings_first(consumer, stop)
            ready.set()
            while not stop.is_set():
                self._resume(consumer)
                await self._read(consumer, consumer.assignment() - self._waiting.keys())

    async def forget(self) -> None:
        """Delete what is too old, again and again, until cancelled."""
        while True:
            await asyncio.sleep(FORGET_EVERY)
            if self.alone:
                with suppress(StoreUnavailable):  # it is tried again
                    await self.forget_now(time_ns() // 1000)

    async def forget_now(self, now: int) -> None:
        """Delete what is too old at `now` (microseconds). Raises StoreUnavailable."""
        for kind, tables in KINDS.items():
            for table in tables:
                gone = AT_ONCE
                while gone == AT_ONCE:
                    keeping = self._settings.keeping
                    gone = await self._database.write(lambda c: forget_old(c, kind, table, keeping, now))  # noqa: B023
                    self._on_forgotten(kind, gone)

    async def _have_it_alone(self) -> bool:
        try:
            self.alone = await self._database.alone()
            self._trouble = None
        except StoreUnavailable as away:
            self._told_trouble(str(away))
        return self.alone

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        """Go on where the store stands."""
        self._standing = await self._insist(lambda: self._database.read(standing_of))
        places = list(consumer.assignment())
        first, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        for place in places:
            at = self._standing.get(self._name(place), 0)
            if at > ends[place]:
                _log.error("topic was made again: it is read from its beginning", topic=place.topic, stood_at=at)
                at = first[place]
            elif 0 < at < first[place]:
                _log.error("records expired before they were taken up", topic=place.topic, lost=first[place] - at)
            consumer.seek(place, max(at, first[place]))

    async def _settings_first(self, consumer: AIOKafkaConsumer, stop: asyncio.Event) -> None:
        """What was erased must be known before anything is read that may be about it."""
        place = TopicPartition(topic_name(self._settings.prefix, "settings"), 0)
        end = (await consumer.end_offsets([place]))[place]
        while not stop.is_set() and await consumer.position(place) < end:
            await self._read(consumer, {place})

    async def _read(self, consumer: AIOKafkaConsumer, places: set[TopicPartition]) -> None:
        found = await consumer.getmany(*places, timeout_ms=500, max_records=RECORDS)
        try:
            began, taken_up = monotonic(), await self._take_all(consumer, found)
            await gather(consumer, [place for place in found if place not in self._waiting], began)
        except Overtaken as overtaken:
            # what else was read is void: it may be behind what was taken up, or beyond it
            _log.warning("somebody else changed where the store stands: this one begins there", why=str(overtaken))
            await self._begin(consumer)
            return
        if not taken_up and monotonic() - self._looked_at > LOOK_EVERY:
            self._looked_at = monotonic()
            if await self._insist(lambda: self._database.read(standing_of)) != self._standing:
                _log.warning("somebody else changed where the store stands: this one begins there")
                await self._begin(consumer)

    async def _take_all(
        self, consumer: AIOKafkaConsumer, found: Mapping[TopicPartition, Sequence[ConsumerRecord]]
    ) -> bool:
        batch: list[Taken] = []
        size = 0
        for place, records in found.items():
            for record in records:
                taken = self._taken(place, record)
                if taken is None:
                    consumer.seek(place, record.offset)
                    break
                batch.append(taken)
                size += len(taken.value)
                if size >= SIZE:
                    await self._take(batch)
                    batch, size = [], 0
        if batch:
            await self._take(batch)
        return bool(found)

    def _taken(self, place: TopicPartition, record: ConsumerRecord) -> Taken | None:
        """The record, decoded; None when its schema is not known yet: a later release wrote it."""
        name, partition = self._name(place)
        value, headers = record.value or b"", tuple(record.headers)
        event, reason, detail = None, "", ""
        if name != "dead" and record.value is not None:
            try:
                event = decode(value, book=self._book)
            except Undecodable as undecodable:
                reason, detail = undecodable.reason.value, undecodable.detail
                if undecodable.reason is UndecodableReason.UNKNOWN_OWN_SCHEMA:
                    if place not in self._waiting:
                        _log.error("schema not known yet: the partition waits", topic=place.topic, why=detail)
                    self._waiting[place] = f"{detail}; start a later release of `tocsin project`"
                    return None
        key = record.key or b""
        return Taken(name, partition, record.offset, record.timestamp, key, value, headers, event, reason, detail)

    def _resume(self, consumer: AIOKafkaConsumer) -> None:
        if self._waiting and monotonic() - self._looked_at > AGAIN_AFTER:
            self._looked_at = monotonic()
            self._waiting.clear()

    async def _take(self, batch: Sequence[Taken]) -> None:
        """Take the batch up, however long the store is away; one record at a time when the database takes it not.
        Raises Overtaken."""
        try:
            await self._insist(lambda: self._apply(batch))
        except Overtaken:
            raise
        except Exception as error:
            # any exception: what the database, or its driver, does not take of a record is not known beforehand
            if len(batch) > 1:
                _log.warning("batch not taken: one record after another", error=type(error).__name__)
                for taken in batch:
                    await self._take([taken])
            elif batch[0].reason:
                raise  # nothing of it but its place is written: it is not the record
            else:
                _log.error("record not taken", error=type(error).__name__, place=batch[0].place, at=batch[0].offset)
                await self._take([refused(batch[0], error)])

    async def _apply(self, batch: Sequence[Taken]) -> None:
        standing = dict(self._standing)
        applied = await self._database.write(
            lambda connection: apply(connection, batch, standing, self._redaction_of, self._passed)
        )
        self._passed("batch_taken")
        for taken in batch:
            self._standing[taken.place] = taken.offset + 1
        for topic, appended_at in {taken.topic: taken.timestamp for taken in batch}.items():
            self._lags.folded(topic, 1000 * appended_at)
        self._on_applied(applied)

    async def _insist(self, work: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                done = await work()
            except StoreUnavailable as away:
                self._told_trouble(str(away))
                await asyncio.sleep(AGAIN_AFTER)
            else:
                if self._trouble is not None:
                    _log.info("the store answers again")
                self._trouble = None
                return done

    def _told_trouble(self, why: str) -> None:
        if self._trouble is None:
            _log.error("the store does not answer", why=why)
        self._trouble = why

    def _name(self, place: TopicPartition) -> Place:
        return place.topic.removeprefix(self._settings.prefix), place.partition
