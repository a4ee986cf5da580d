"""The log on a real Kafka: what one failed, cancelled or oversized write may do to the next one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tocsin.streams.engine.changelog import Entry
from tocsin.streams.engine.kafka_log import KafkaLog
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.ports import LogUnavailable


@pytest.fixture
async def log(bootstrap: str, prefix: str) -> AsyncIterator[KafkaLog]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    limits = {"numbers": 2 * 1024 * 1024, "small": 100_000, "changelog": 4 * 1024 * 1024 + 65536}
    await admin.create_topics(
        [NewTopic(prefix + name, 1, 1, topic_configs={"max.message.bytes": str(size)}) for name, size in limits.items()]
    )
    log = KafkaLog(bootstrap, prefix=prefix, input_topic=prefix + "numbers")
    await log.start()
    yield log
    await log.stop()
    await admin.close()


def said(topic: str, size: int) -> OutboxRecord:
    return OutboxRecord(topic, b"k", b"x" * size, (), 1_700_000_000_000)


async def test_outputs_that_fit_one_by_one_fit_together(log: KafkaLog, prefix: str) -> None:
    await log.produce([said("numbers", 1_190_000), said("numbers", 10), said("numbers", 1_190_000)])
    found = [len(record.value or b"") async for record in log.read(prefix + "numbers", 0, 0, 3)]
    assert found == [1_190_000, 10, 1_190_000]


async def test_after_a_refused_batch_the_next_one_is_not_out_of_sequence(log: KafkaLog, prefix: str) -> None:
    await log.produce([said("small", 10)])
    with pytest.raises(LogUnavailable, match="TooLarge"):
        await log.produce([said("small", 200_000)])
    await log.produce([said("small", 11)])
    assert [len(r.value or b"") async for r in log.read(prefix + "small", 0, 0, 2)] == [10, 11]


async def test_a_cancelled_append_leaves_the_producer_well(log: KafkaLog, prefix: str) -> None:
    for number in range(20):
        appending = asyncio.create_task(
            log.append(prefix + "changelog", 0, b"o", [Entry(b"k", b"x" * 50_000), Entry(b"m", None)])
        )
        for _ in range(number):
            await asyncio.sleep(0)
        appending.cancel()
        with contextlib.suppress(asyncio.CancelledError):  # on a fast broker it may have ended before
            await appending
    offset = await log.append(prefix + "changelog", 0, b"o", [Entry(b"last", b"")])
    assert offset is not None
    assert (await log.bounds(prefix + "changelog", 0))[1] == offset + 1


async def test_a_range_that_is_gone_is_an_error_and_never_another_range(log: KafkaLog, prefix: str) -> None:
    await log.produce([said("numbers", 1)])
    with pytest.raises(LogUnavailable, match="OffsetOutOfRange"):
        assert [record async for record in log.read(prefix + "numbers", 0, 7, 9)]


async def test_a_topic_that_does_not_exist_is_named(log: KafkaLog) -> None:
    assert await log.know_topics(["no-such-topic"]) == ["no-such-topic"]


async def test_a_batch_lands_whole_at_the_offset_told(log: KafkaLog, prefix: str) -> None:
    place = prefix + "changelog"
    first = await log.append(place, 0, b"o1", [Entry(b"a", b"1"), Entry(b"b", None)])
    second = await log.append(place, 0, b"o2", [Entry(b"c", b"2")])
    assert (first, second) == (0, 2)
    found = [(r.key, r.value, r.headers) async for r in log.read(place, 0, 0, 3)]
    assert found == [
        (b"a", b"1", (("o", b"o1"),)),
        (b"b", None, (("o", b"o1"),)),
        (b"c", b"2", (("o", b"o2"),)),
    ]


async def test_many_who_speak_to_one_partition_queue_up_instead_of_timing_out(log: KafkaLog, prefix: str) -> None:
    # aiokafka 0.14: whoever waits for a partition loses patience with the square of the races lost (`add_batch`).
    await asyncio.gather(*(log.produce([said("numbers", size)]) for size in range(1, 401)))
    found = [len(record.value or b"") async for record in log.read(prefix + "numbers", 0, 0, 400)]
    assert sorted(found) == list(range(1, 401))
