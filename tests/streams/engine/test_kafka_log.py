"""The log on a real Kafka: what one failed, cancelled or oversized write may do to the next one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tocsin.streams.engine.changelog import Entry
from tocsin.streams.engine.dead import Skip
from tocsin.streams.engine.kafka_log import KafkaLog
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.ports import LogUnavailable
from tocsin.streams.engine.record import Record, checksum
from tocsin.streams.engine.skips import ask_to_skip


@pytest.fixture
async def log(bootstrap: str, prefix: str) -> AsyncIterator[KafkaLog]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    carrier = 4 * 1024 * 1024 + 65536
    limits = {"numbers": 2 * 1024 * 1024, "small": 100_000, "changelog": carrier, "dead": carrier}
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


async def sizes(log: KafkaLog, topic: str) -> list[int]:
    _, end = await log.bounds(topic, 0)
    return [len(record.value or b"") async for record in log.read(topic, 0, 0, end)]


async def test_an_output_that_its_topic_refuses_is_a_dead_letter_and_the_others_are_produced(
    log: KafkaLog, prefix: str
) -> None:
    await log.produce([said("small", 10)])
    await log.produce([said("small", 11), said("small", 200_000), said("numbers", 5), said("small", 12)])
    await log.produce([said("small", 13)])
    assert await sizes(log, prefix + "small") == [10, 11, 12, 13]
    assert await sizes(log, prefix + "numbers") == [5]
    (letter,) = [record async for record in log.read(prefix + "dead", 0, 0, 1)]
    headers = dict(letter.headers)
    assert (letter.key, len(letter.value or b"")) == (b"k", 200_000)
    assert headers["__connect.errors.topic"] == f"{prefix}small".encode()
    assert (headers["tocsin.reason"], headers["__connect.errors.stage"]) == (b"refused_by_topic", b"produce")


async def test_an_output_that_fits_no_topic_is_cut(log: KafkaLog, prefix: str) -> None:
    await log.produce([said("numbers", 5_000_000), said("numbers", 1)])
    assert await sizes(log, prefix + "numbers") == [1]
    assert await sizes(log, prefix + "dead") == [128 * 1024]


async def test_while_a_topic_is_missing_nothing_is_produced_and_dead_letters_go_first(
    log: KafkaLog, prefix: str
) -> None:
    with pytest.raises(LogUnavailable, match="no-such-topic does not exist") as failed:
        await log.produce([said("numbers", 1), said("no-such-topic", 1), said("dead", 1)])
    assert len(failed.value.unsaid or ()) == 3
    assert await log.bounds(prefix + "numbers", 0) == await log.bounds(prefix + "dead", 0) == (0, 0)


async def test_what_is_asked_to_be_let_go_is_found_by_its_owner(log: KafkaLog, bootstrap: str, prefix: str) -> None:
    assert await log.skip_asked(0) is None
    record = Record(f"{prefix}numbers", 0, 7, 0, b"k", b"v", (("a", None),))
    await ask_to_skip(bootstrap, prefix, record, "asked for by ann")
    assert await log.skip_asked(0) == Skip(7, "asked for by ann", crc=checksum(record))


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
