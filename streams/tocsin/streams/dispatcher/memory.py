"""Which attempts have an outcome in Kafka: what is not to be made again.

When the group has no committed offsets (first start, or they expired) all attempts are read anew. Those older than
`RECALL` are not made: whatever of them has no outcome is asked for again by its lease, which is never longer
(`DeliverConfig.max_lease`). Of the younger ones, the outcomes in `deliveries` say which were made.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from time import time

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from tocsin.connectors.kafka import offsets_since, open_admin, open_consumer, partitions_of, read_to_end
from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.schemas.events import DeliveryOutcome
from tocsin.schemas.schema_book import SchemaBook

RECALL = 3600 + 300
"""Seconds: the longest lease, and a margin for clocks."""
REMEMBERED = 20_000
"""Attempts that are remembered, besides those that were recalled at the start."""
REMEMBERED_FOR = 3600
"""Seconds: no longer than `deliver` remembers the end of a delivery (`DeliverConfig.finished_ttl`). A replay that
comes later counts its attempts from 1 again, and those are new ones."""

Identity = tuple[str, int]
"""Delivery id and attempt number."""


class AttemptMemory:
    """The attempts that ended, with the time (seconds since the epoch) when their outcome was acknowledged."""

    def __init__(self) -> None:
        self._ended: OrderedDict[Identity, float] = OrderedDict()
        self._recalled: Mapping[Identity, float] = {}

    def recall(self, ended: Mapping[Identity, float]) -> None:
        """Add what an earlier process left in `deliveries`."""
        self._recalled = ended

    def add(self, identity: Identity, now: float) -> None:
        """The attempt's outcome was acknowledged at `now`."""
        self._ended[identity] = now
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)

    def knows(self, identity: Identity, now: float) -> bool:
        """Whether the attempt ended within the last REMEMBERED_FOR seconds, or RECALL if an earlier process made it."""
        ended, recalled = self._ended.get(identity), self._recalled.get(identity)
        # As long as its record is not stale: what is read anew is exactly what is not stale.
        by_another = recalled is not None and now - recalled < RECALL
        return by_another or (ended is not None and now - ended < REMEMBERED_FOR)


def is_stale(timestamp: int) -> bool:
    """Whether an attempt of this record timestamp (milliseconds) is left to its lease."""
    return timestamp < (time() - RECALL) * 1000


async def offsets_are_missing(bootstrap: str, group: str, topic: str) -> bool:
    """Whether some partition of the topic has no offset of the group. Raises KafkaError."""
    async with open_admin(bootstrap) as admin:
        described = await admin.describe_topics([topic])
        committed = await _committed(admin, group)
    held = sum(place.topic == topic for place in committed)
    return bool(held < len(described[0]["partitions"]))


async def _committed(admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, object]:
    # A Kafka that never had a group makes its coordinator's topic first, which takes some seconds.
    for patience in (0.2, 0.5, 1.0, 2.0, 4.0, 8.0):
        try:
            return dict(await admin.list_consumer_group_offsets(group))
        except GroupCoordinatorNotAvailableError:
            await asyncio.sleep(patience)
    return dict(await admin.list_consumer_group_offsets(group))


async def finished_attempts(bootstrap: str, topic: str, book: SchemaBook) -> dict[tuple[str, int], float]:
    """(delivery id, attempt) of every outcome in `deliveries` of the last `RECALL` seconds, with the seconds since the
    epoch of its record. Raises KafkaError, TimeoutError."""
    finished: dict[tuple[str, int], float] = {}
    async with open_consumer(bootstrap) as consumer:
        places = await partitions_of(consumer, topic)
        consumer.assign(places)
        for place, offset in (await offsets_since(consumer, places, int((time() - RECALL) * 1000))).items():
            consumer.seek(place, offset)
        async for record in read_to_end(consumer):
            finished.update(_outcomes(record, book))
    return finished


def _outcomes(record: ConsumerRecord, book: SchemaBook) -> Iterable[tuple[tuple[str, int], float]]:
    with suppress(Undecodable):  # `deliver` dead-letters it
        event = decode(record.value, book=book)
        if isinstance(event, DeliveryOutcome):
            yield (event.delivery_id, event.attempt), record.timestamp / 1000
