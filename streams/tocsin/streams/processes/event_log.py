"""What happens, read from Kafka a piece at a time, from wherever one is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from msgspec import Struct

from tocsin.connectors.kafka import partitions_of
from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.schemas.events import Event
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.ask.event_routes import TYPES
from tocsin.streams.ask.positions import TOPICS, Positions
from tocsin.streams.topology import topic_name

POLL_MS = 500
FETCHED = 256 * 1024
"""Bytes that a reader fetches of all partitions together, about."""

PIECE_RECORDS = 200
PIECE_BYTES = 128 * 1024
"""How much is read and decoded at a time, about: others have their turn between two pieces, and it is what a stream
holds whose client takes nothing."""
TAKEN = 8
"""Records that are taken together: a piece is larger than PIECE_BYTES by fewer than these."""

UNANSWERED = 30.0
"""Seconds after which a reader is given up that Kafka tells no position."""


class Told(Struct, frozen=True):
    """An event that streams tell, and where it stands."""

    topic: str
    partition: int
    offset: int
    event: Event


class Piece(Struct, frozen=True):
    """What was read at once: what is told, by tenant and in order; and where who has it all stands then."""

    told: dict[str, list[Told]]
    after: Positions
    size: int
    """Bytes in Kafka of what is told."""


class EventLog(Protocol):
    """A reader of what happens."""

    async def bounds(self) -> tuple[Positions, Positions]:
        """For each partition the first offset that is kept, and the next one that will be."""
        ...

    async def read(self, places: Positions) -> Piece:
        """The next piece of these partitions, from these offsets on; nothing when nothing comes within a moment."""
        ...


class KafkaLog:
    """An `EventLog` over a consumer. Its methods raise KafkaError, or TimeoutError; one at a time may run."""

    def __init__(self, consumer: AIOKafkaConsumer, prefix: str, book: SchemaBook) -> None:
        self._consumer, self._prefix, self._book = consumer, prefix, book
        self._standing: Positions | None = None

    async def bounds(self) -> tuple[Positions, Positions]:
        """As EventLog."""
        places = [place for topic in TOPICS for place in await partitions_of(self._consumer, self._name(topic))]
        return (
            self._positions((await self._consumer.beginning_offsets(places)).items()),
            self._positions((await self._consumer.end_offsets(places)).items()),
        )

    async def read(self, places: Positions) -> Piece:
        """As EventLog. What was fetched ahead is used when it is asked for next, else it is fetched again."""
        if self._standing != places:
            self._stand(places)
        self._standing = None  # until it is known again, also when this is cancelled
        records = await self._records()
        told: dict[str, list[Told]] = {}
        size = 0
        for record in records:
            try:
                event = decode(record.value, book=self._book)
            except Undecodable:
                continue
            if isinstance(event, TYPES):
                topic = record.topic.removeprefix(self._prefix)
                told.setdefault(event.tenant, []).append(Told(topic, record.partition, record.offset, event))
                size += len(record.value or b"")
        # by the reader's position: what Kafka keeps no longer is passed over
        async with asyncio.timeout(UNANSWERED):
            assigned = sorted(self._consumer.assignment())
            after = self._positions([(place, await self._consumer.position(place)) for place in assigned])
        self._standing = after
        return Piece(told, after, size)

    async def _records(self) -> list[ConsumerRecord]:
        found: list[ConsumerRecord] = []
        size, wait = 0, POLL_MS
        while len(found) < PIECE_RECORDS and size < PIECE_BYTES:
            taken = await self._consumer.getmany(timeout_ms=wait, max_records=TAKEN)
            more = [record for records in taken.values() for record in records]
            if not more:
                break
            found += more
            size += sum(len(record.value or b"") for record in more)
            wait = 0
        return found

    def _stand(self, places: Positions) -> None:
        wanted = {
            TopicPartition(self._name(topic), partition): offset
            for topic, offsets in places.items()
            for partition, offset in offsets.items()
        }
        if self._consumer.assignment() != set(wanted):
            self._consumer.assign(list(wanted))
        for place, offset in wanted.items():
            self._consumer.seek(place, offset)

    def _name(self, topic: str) -> str:
        return topic_name(self._prefix, topic)

    def _positions(self, offsets: Iterable[tuple[Any, int]]) -> Positions:
        positions: Positions = {}
        for place, offset in offsets:
            positions.setdefault(place.topic.removeprefix(self._prefix), {})[place.partition] = offset
        return positions
