"""Reading what a topic holds now, without a consumer group: nothing is committed, and reading ends."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Collection, Mapping
from time import monotonic

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

STALL = 30.0
"""Seconds without progress after which reading is given up: what it waits for may be gone (a topic made again)."""


async def read_to_end(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int] | None = None, *, poll_ms: int = 500
) -> AsyncGenerator[ConsumerRecord, None]:
    """Every record from where the consumer stands up to, not including, `ends` (default: the ends of its partitions
    now); in the order of each partition, partitions interleaved. Afterwards the consumer stands at the ends, or where
    it stood if that is beyond. Raises KafkaError, or TimeoutError after STALL seconds without progress.
    """
    if ends is None:
        ends = await consumer.end_offsets(list(consumer.assignment()))
    standing = {partition: await _position(consumer, partition) for partition in ends}
    left = {partition for partition in ends if standing[partition] < ends[partition]}
    moved_at = monotonic()
    while left:
        found = await asyncio.wait_for(consumer.getmany(*left, timeout_ms=poll_ms), STALL)
        for partition, records in found.items():
            for record in records:
                if record.offset >= ends[partition]:
                    consumer.seek(partition, ends[partition])
                    break
                yield record
        # By position and not by record: compaction and transactions leave offsets without a record, also the last one.
        for partition in left:
            before, standing[partition] = standing[partition], await _position(consumer, partition)
            if standing[partition] != before:
                moved_at = monotonic()
        left = {partition for partition in left if standing[partition] < ends[partition]}
        if left and monotonic() - moved_at > STALL:
            partition = min(left)
            raise TimeoutError(f"nothing at offset {standing[partition]} although {ends[partition]} was promised")


async def merge_to_end(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], *, poll_ms: int = 500
) -> AsyncGenerator[ConsumerRecord, None]:
    """As `read_to_end`, but the records of all partitions in the order of their times, as far as each partition has
    them in that order. What a partition is ahead of the others is one fetch."""
    ahead: dict[TopicPartition, deque[ConsumerRecord]] = {partition: deque() for partition in ends}
    unread, standing = set(ends), dict[TopicPartition, int]()
    moved_at = monotonic()
    while True:
        hungry = [partition for partition in unread if not ahead[partition]]
        for partition in tuple(hungry):
            before, standing[partition] = standing.get(partition), await _position(consumer, partition)
            if standing[partition] != before:
                moved_at = monotonic()
            if standing[partition] >= ends[partition]:
                unread.discard(partition)
                hungry.remove(partition)
        if hungry:
            found = await asyncio.wait_for(consumer.getmany(*hungry, timeout_ms=poll_ms), STALL)
            for partition, records in found.items():
                ahead[partition].extend(record for record in records if record.offset < ends[partition])
                if records and records[-1].offset >= ends[partition]:
                    consumer.seek(partition, ends[partition])
            if monotonic() - moved_at > STALL:
                stuck = min(hungry)
                raise TimeoutError(f"nothing at offset {standing[stuck]} although {ends[stuck]} was promised")
            continue
        waiting = [records for records in ahead.values() if records]
        if not waiting:
            return
        yield min(waiting, key=lambda records: records[0].timestamp).popleft()


async def _position(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int:
    return int(await asyncio.wait_for(consumer.position(partition), STALL))


async def offsets_since(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition], since: int
) -> dict[TopicPartition, int]:
    """For each partition the offset of its first record appended at `since` (milliseconds since the epoch) or later,
    else its end. Raises KafkaError."""
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, since))
    ends = await consumer.end_offsets(list(partitions))
    return {place: at.offset if (at := found.get(place)) else ends[place] for place in partitions}


async def partitions_of(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """Every partition of the topic, in order. Raises KafkaError when Kafka does not know the topic."""
    await consumer._client._wait_on_metadata(topic)
    return [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
