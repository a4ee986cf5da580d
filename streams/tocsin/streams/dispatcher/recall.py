"""What not to repeat when the group has no committed offsets (first start, or they expired) and reads all anew.

Attempts older than `RECALL` are not made: whatever of them has no outcome is asked for again by its lease, which is
never longer (rules.deliver_config.max_lease). Of the younger ones, the outcomes in `deliveries` say which were made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from time import time

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.schemas.events import DeliveryOutcome
from tocsin.schemas.schema_book import SchemaBook

RECALL = 3600 + 300
"""Seconds: the longest lease, and a margin for clocks."""


def is_stale(timestamp: int) -> bool:
    """Whether an attempt of this record timestamp (milliseconds) is left to its lease."""
    return timestamp < (time() - RECALL) * 1000


async def offsets_are_missing(bootstrap: str, group: str, topic: str) -> bool:
    """Whether some partition of the topic has no offset of the group. Raises KafkaError."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics([topic])
        committed = await _committed(admin, group)
        held = sum(place.topic == topic for place in committed)
        return bool(held < len(described[0]["partitions"]))
    finally:
        await admin.close()


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
    epoch of its record. Raises KafkaError."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client._wait_on_metadata(topic)
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place, offset in (await _offsets_since(consumer, places)).items():
            consumer.seek(place, offset)
        finished: dict[tuple[str, int], float] = {}
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                finished.update(_outcomes(records, book))
        return finished
    finally:
        await consumer.stop()


async def _offsets_since(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
    since = int((time() - RECALL) * 1000)
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, since))
    ends = await consumer.end_offsets(partitions)
    return {place: at.offset if (at := found.get(place)) else ends[place] for place in partitions}


def _outcomes(records: Iterable[ConsumerRecord], book: SchemaBook) -> Iterable[tuple[tuple[str, int], float]]:
    for record in records:
        try:
            event = decode(record.value, book=book)
        except Undecodable:
            continue  # `deliver` buries it
        if isinstance(event, DeliveryOutcome):
            yield (event.delivery_id, event.attempt), record.timestamp / 1000
