"""Reading a topic to its end, with a consumer that has what a real one may have: holes, late records, nothing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic

from tocsin.connectors.kafka import merge_to_end, offsets_since, open_producer, partitions_of, read_to_end, reading
from tocsin.connectors.kafka.client import open_admin, open_consumer

A, B = TopicPartition("t", 0), TopicPartition("t", 1)


class Consumer:
    """`records`: the offsets that a partition holds; `ends`: its next offset. Gives two records at a time."""

    def __init__(self, records: dict[TopicPartition, list[int]], ends: dict[TopicPartition, int]) -> None:
        self.records, self.ends = records, ends
        self.at: dict[TopicPartition, int] = defaultdict(int)
        self.times: Callable[[TopicPartition, int], int] = lambda partition, offset: offset

    def assignment(self) -> set[TopicPartition]:
        return set(self.ends)

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {partition: self.ends[partition] for partition in partitions}

    async def position(self, partition: TopicPartition) -> int:
        return self.at[partition]

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.at[partition] = offset

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        found = {}
        for partition in partitions:
            offsets = [offset for offset in self.records[partition] if offset >= self.at[partition]][:2]
            self.at[partition] = offsets[-1] + 1 if offsets else self.ends[partition]
            found[partition] = [
                SimpleNamespace(partition=partition.partition, offset=offset, timestamp=self.times(partition, offset))
                for offset in offsets
            ]
        return found


async def merged(consumer: Consumer, ends: dict[TopicPartition, int]) -> list[tuple[int, int]]:
    return [(one.partition, one.offset) async for one in merge_to_end(consumer, ends)]


async def read(consumer: Consumer, ends: dict[TopicPartition, int] | None = None) -> list[tuple[int, int]]:
    return [(one.partition, one.offset) async for one in read_to_end(consumer, ends)]


async def test_every_record_of_every_partition_is_read_in_the_order_of_its_partition() -> None:
    found = await read(Consumer({A: [0, 1, 2], B: [0]}, {A: 3, B: 1}))
    assert sorted(found) == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert [offset for partition, offset in found if partition == 0] == [0, 1, 2]


async def test_an_end_without_a_record_is_reached() -> None:
    assert await read(Consumer({A: [0, 3], B: []}, {A: 9, B: 4})) == [(0, 0), (0, 3)]


async def test_merged_in_the_order_of_time() -> None:
    consumer = Consumer({A: [0, 1, 2, 3, 4], B: [0, 1, 5]}, {A: 7, B: 6})
    consumer.times = lambda partition, offset: 10 * offset + (25 if partition == B else 0)
    expected = [(0, 0), (0, 1), (0, 2), (1, 0), (0, 3), (1, 1), (0, 4), (1, 5)]
    assert await merged(consumer, {A: 7, B: 6}) == expected


async def test_merged_up_to_the_ends_and_no_further() -> None:
    consumer = Consumer({A: [0, 1, 2, 3, 4], B: []}, {A: 5, B: 0})
    assert await merged(consumer, {A: 3, B: 0}) == [(0, 0), (0, 1), (0, 2)]
    assert consumer.at[A] == 3


async def test_what_came_later_is_left_to_who_reads_on() -> None:
    consumer = Consumer({A: [0, 1, 2, 3]}, {A: 4})
    assert await read(consumer, {A: 3}) == [(0, 0), (0, 1), (0, 2)]
    assert consumer.at[A] == 3
    assert await read(consumer, {A: 2}) == [], "it stands beyond the end"
    assert consumer.at[A] == 3


async def test_what_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(Consumer):
        async def getmany(self, *partitions: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
            await asyncio.sleep(0.005)
            return {}

    monkeypatch.setattr(reading, "STALL", 0.1)
    with pytest.raises(TimeoutError, match="nothing at offset 0 although 3 was promised"):
        await read(Stuck({A: [0]}, {A: 3}))
    with pytest.raises(TimeoutError, match="nothing at offset 0 although 3 was promised"):
        await merged(Stuck({A: [0]}, {A: 3}), {A: 3})


async def test_on_kafka_a_topic_is_read_whole_or_since_a_time(bootstrap: str, prefix: str) -> None:
    topic = f"{prefix}t"
    async with (
        open_admin(bootstrap) as admin,
        open_producer(bootstrap) as producer,
        open_consumer(bootstrap) as consumer,
    ):
        await admin.create_topics([NewTopic(topic, 2, 1)])
        for number in range(6):
            await producer.send_and_wait(topic, b"%d" % number, partition=number % 2, timestamp_ms=1000 + number)
        places = await partitions_of(consumer, topic)
        assert places == [TopicPartition(topic, 0), TopicPartition(topic, 1)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        assert sorted([record.value async for record in read_to_end(consumer)]) == [b"%d" % n for n in range(6)]
        since = await offsets_since(consumer, places, 1003)
        assert list(since.values()) == [2, 1]
        assert list((await offsets_since(consumer, places, 9000)).values()) == [3, 3], "the end, when there is nothing"
