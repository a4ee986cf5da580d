"""The publisher against a real Kafka: what it writes, and what it says when Kafka is away, silent or not ready."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from tocsin.connectors.publish import KafkaAway, Publisher, PublishUnconfirmed, TopicMissing, problem
from tocsin.schemas.codec import decode
from tocsin.schemas.events import ProblemReported
from tocsin.streams.settings import Settings
from tocsin.streams.topics import apply
from tocsin.streams.up.broker import EmbeddedBroker


async def make_topics(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await apply(admin, Settings(bootstrap=bootstrap, prefix=prefix, partitions=3))
    finally:
        await admin.close()


@asynccontextmanager
async def reading(bootstrap: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def stored_ids(bootstrap: str, topic: str, at_least: int) -> list[str]:
    ids: list[str] = []
    async with reading(bootstrap, topic) as consumer:
        while True:
            batches = await consumer.getmany(timeout_ms=1000)
            if not batches and len(ids) >= at_least:
                return ids
            ids += [decode(record.value).event_id for batch in batches.values() for record in batch]


async def test_a_record_as_every_consumer_finds_it(bootstrap: str, prefix: str) -> None:
    await make_topics(bootstrap, prefix)
    async with Publisher(bootstrap, prefix=prefix, tenant="acme", source="svc") as publisher:
        await publisher.check()
        receipt = await publisher.publish(b'{"title": "t", "status": 500}', dialect="rfc9457")
        async with reading(bootstrap, f"{prefix}inbox") as consumer:
            record = await consumer.getone()
    event = decode(record.value)
    assert isinstance(event, ProblemReported)
    assert (event.event_id, event.tenant, event.problem.dialect) == (receipt.event_id, "acme", "rfc9457")
    assert (record.partition, record.offset, record.key) == (receipt.partition, receipt.offset, b"acme")
    headers = dict(record.headers)
    assert headers["ce_id"] == event.event_id.encode()
    assert (headers["ce_type"], headers["ce_source"]) == (b"io.tocsin.ProblemReported", b"svc")


async def test_many_at_once_through_little_room(bootstrap: str, prefix: str) -> None:
    await make_topics(bootstrap, prefix)
    async with Publisher(bootstrap, prefix=prefix, max_in_flight=20_000) as publisher:
        receipts = await asyncio.gather(*(publisher.publish(problem("e.p.x", text="y" * 500)) for _ in range(500)))
    offsets = [receipt.offset for receipt in receipts]
    assert offsets == sorted(offsets), "one tenant, one partition, in the order of asking"
    assert await stored_ids(bootstrap, f"{prefix}inbox", 500) == [receipt.event_id for receipt in receipts]


async def test_the_largest_event_goes_through(bootstrap: str, prefix: str) -> None:
    await make_topics(bootstrap, prefix)
    async with Publisher(bootstrap, prefix=prefix, compression=None) as publisher:
        document = b'{"code": "x", "noise": "' + os.urandom(127_980).hex().encode() + b'"}'
        assert (await publisher.publish(document, dialect="canonical")).offset == 0


async def test_a_topic_that_is_not_there_is_named_at_once(bootstrap: str, prefix: str) -> None:
    async with Publisher(bootstrap, prefix=prefix, deadline=60) as publisher:
        with pytest.raises(TopicMissing, match=r"inbox does not exist: run: tocsin topics apply") as refusal:
            await publisher.publish(problem("e.p.x"), event_id="e1")
        assert refusal.value.event_id == "e1"
        await make_topics(bootstrap, prefix)
        await publisher.publish(problem("e.p.x"))


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with Publisher(f"127.0.0.1:{taken.getsockname()[1]}", deadline=0.7) as publisher:
            with pytest.raises(KafkaAway, match="nothing was sent") as refusal:
                await publisher.publish(problem("e.p.x"), event_id="e1")
            assert refusal.value.event_id == "e1"
            assert f" at 127.0.0.1:{taken.getsockname()[1]} cannot be reached" in str(refusal.value)
            with pytest.raises(KafkaAway):
                await publisher.check(0.3)


@pytest.mark.parametrize("fault", ["killed", "paused"])
async def test_while_kafka_is_away_nothing_is_confirmed_and_afterwards_all_is_well(
    own_broker: EmbeddedBroker, prefix: str, fault: str
) -> None:
    bootstrap = own_broker.bootstrap
    await make_topics(bootstrap, prefix)
    async with Publisher(bootstrap, prefix=prefix, deadline=2) as publisher:
        before = await repeat(publisher, "before")  # a busy Kafka takes its time with new topics
        pid = own_broker.pid
        assert pid is not None
        own_broker.kill() if fault == "killed" else os.kill(pid, signal.SIGSTOP)
        during = [publisher.publish(problem("e.p.during"), event_id=f"during-{n}") for n in range(20)]
        results = await asyncio.gather(*during, return_exceptions=True)
        assert all(isinstance(result, PublishUnconfirmed) for result in results)
        if fault == "killed":
            await own_broker.restart()
        else:
            os.kill(pid, signal.SIGCONT)
        async with asyncio.timeout(30):
            repeated = [await repeat(publisher, f"during-{n}") for n in range(20)]
    ids = await stored_ids(bootstrap, f"{prefix}inbox", 21)
    assert set(ids) == {before, *repeated}
    assert len(ids) - ids.count(before) <= 40, "a repeat is stored at most once more than the unconfirmed one"


async def repeat(publisher: Publisher, event_id: str) -> str:
    """What the exception says: again, with the same id, until it is confirmed."""
    while True:
        try:
            return (await publisher.publish(problem("e.p.during"), event_id=event_id)).event_id
        except PublishUnconfirmed:
            continue
