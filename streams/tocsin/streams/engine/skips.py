"""Letting one record go: what `tocsin partitions skip` writes, and the owner of the partition reads.

It is a committed offset of a consumer group without members: Kafka keeps it for a week, it survives every restart, and
the owner looks at it only while it stands still. So it may be written while workers run, and is carried out once, by
whoever owns the partition then: the dead letter and the mark behind the record are one batch.
"""

from __future__ import annotations

import msgspec
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from tocsin.connectors.kafka import open_admin, open_consumer
from tocsin.streams.engine.dead import Skip
from tocsin.streams.engine.record import Record, checksum

LONGEST_WHY = 500
"""Characters of the reason that are kept: Kafka keeps 4,096 bytes in all."""


class _Asked(msgspec.Struct, frozen=True):
    why: str
    crc: int


def skip_group(prefix: str) -> str:
    """The group that the instructions stand in."""
    return f"{prefix}skip"


async def ask_to_skip(bootstrap: str, prefix: str, record: Record, why: str) -> None:
    """Write it down that this record (its topic with prefix) is to be let go. Raises KafkaError."""
    place = TopicPartition(record.topic, record.partition)
    metadata = msgspec.json.encode(_Asked(why[:LONGEST_WHY], checksum(record))).decode()
    async with open_consumer(bootstrap, group_id=skip_group(prefix)) as consumer:
        consumer.assign([place])
        await consumer.commit({place: OffsetAndMetadata(record.offset, metadata)})


async def skip_asked(bootstrap: str, prefix: str, topic: str, partition: int) -> Skip | None:
    """What was last asked for of a partition (the topic with prefix), or None. Raises KafkaError."""
    place = TopicPartition(topic, partition)
    async with open_admin(bootstrap) as admin:
        found = (await admin.list_consumer_group_offsets(skip_group(prefix), partitions=[place])).get(place)
    if found is None or found.offset < 0:
        return None
    try:
        asked = msgspec.json.decode(found.metadata, type=_Asked)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None  # not ours
    return Skip(found.offset, asked.why, crc=asked.crc)
