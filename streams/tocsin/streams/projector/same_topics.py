"""Whether a store was filled from the topics that are to be read now, where others were copied into them: the offsets
of the old ones would pass over records in silence."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing

from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import Connection, select

from tocsin.connectors.kafka import open_admin, open_consumer, partitions_of, read_to_end
from tocsin.connectors.store.database import Database
from tocsin.connectors.store.tables import offsets
from tocsin.schemas.errors import TocsinError
from tocsin.streams.topics import FILLING
from tocsin.streams.topology import topic_name


class OtherTopics(TocsinError):
    """The store stands in other topics than these. Exit code 78."""

    exit_code = 78


async def require_same_topics(bootstrap: str, prefix: str, database: Database) -> None:
    """Check that the last record of each partition that the store has taken up is the one that stands there. Only where
    `tocsin topics repartition` made the topics. Raises OtherTopics, KafkaError, StoreUnavailable."""
    async with open_admin(bootstrap) as admin:
        if prefix + FILLING not in await admin.list_topics():
            return
    last = await database.read(_last_taken)
    async with open_consumer(bootstrap, fetch_max_wait_ms=50, auto_offset_reset="earliest") as consumer:
        for (name, partition), (following, timestamp) in last.items():
            place = TopicPartition(topic_name(prefix, name), partition)
            if await _stands_elsewhere(consumer, place, following, timestamp):
                raise OtherTopics(
                    f"this store was filled from other topics than {prefix}*: give another TOCSIN_STORE, or run "
                    "`tocsin project --rebuild`"
                )


def _last_taken(connection: Connection) -> Mapping[tuple[str, int], tuple[int, int]]:
    """Topic and partition -> the next offset, and the time (milliseconds) of the record before it, where known."""
    rows = connection.execute(select(offsets.c.topic, offsets.c.partition, offsets.c.next, offsets.c.timestamp))
    return {(topic, partition): (following, at) for topic, partition, following, at in rows if following and at}


async def _stands_elsewhere(consumer: AIOKafkaConsumer, place: TopicPartition, following: int, timestamp: int) -> bool:
    if place not in await partitions_of(consumer, place.topic):
        return True
    consumer.assign([place])
    first, end = await consumer.beginning_offsets([place]), await consumer.end_offsets([place])
    if following > end[place]:
        return True
    if following <= first[place]:
        return False  # it has expired: nothing can be said
    consumer.seek(place, following - 1)
    async with aclosing(read_to_end(consumer, {place: following})) as records:
        async for record in records:
            return bool(record.timestamp != timestamp)
    return False
