"""Whole topics through a real Kafka: groups, dead letters, old history, and whoever writes meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from time import time
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from tests.harness.judging import read_topic
from tocsin.connectors.kafka import Kafka
from tocsin.connectors.kafka.dead_letters import dead_headers
from tocsin.streams.engine.outputs import key_hash
from tocsin.streams.processes.dead.notes import REPLAYED_OF, noted
from tocsin.streams.processes.exit_codes import CommandFailed
from tocsin.streams.processes.repartition.command import Repartition
from tocsin.streams.processes.repartition.filling import Disturbed
from tocsin.streams.processes.repartition.report import Report, Wanted
from tocsin.streams.settings import Settings
from tocsin.streams.topics import TopicsNotFilled, apply, plan, require_topics

OLD, NEW = 4, 7
BASE = int(time() * 1000) - 5 * 3_600_000
"""Milliseconds: hours ago, when the first record was written."""


@pytest.fixture
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def producer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    client = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await client.start()
    yield client
    await client.stop()


@pytest.fixture
async def wanted(bootstrap: str, prefix: str, admin: AIOKafkaAdminClient) -> Wanted:
    old = Settings(bootstrap=bootstrap, prefix=f"{prefix}a.", partitions=OLD)
    await apply(admin, old)
    return Wanted(old, old.model_copy(update={"prefix": f"{prefix}b.", "partitions": NEW}))


@contextmanager
def unseen(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    yield lambda count: None


async def run(wanted: Wanted, bootstrap: str, admin: AIOKafkaAdminClient, bar: Any = unseen) -> Report:
    repartition = Repartition(wanted, Kafka(bootstrap), admin, bar)
    assert await repartition.done_before() is None
    assert (await repartition.survey()).alive == []
    return await repartition.run()


def key(number: int) -> bytes:
    return f"case-{number}".encode()


async def filled(producer: AIOKafkaProducer, topic: str, count: int) -> None:
    for number in range(count):
        await producer.send_and_wait(topic, str(number).encode(), key=key(number), timestamp_ms=BASE + number)


async def test_records_keep_their_bytes_their_times_and_the_order_of_each_key(
    wanted: Wanted, bootstrap: str, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer
) -> None:
    for _ in range(3):
        await filled(producer, f"{wanted.old.prefix}problems", 20)
    report = await run(wanted, bootstrap, admin)
    found = await read_topic(bootstrap, f"{wanted.new.prefix}problems")
    assert len(found) == NEW
    for partition, records in found.items():
        for record in records:
            assert record.key is not None
            assert key_hash(record.key) % NEW == partition
            assert record.value is not None
            assert record.timestamp == (BASE + int(record.value)) * 1000
    assert {one.topic: one.records for one in report.topics}["problems"] == 60
    assert await plan(admin, wanted.new) == []
    assert sum(map(len, (await read_topic(bootstrap, f"{wanted.old.prefix}problems")).values())) == 60


async def test_a_subscriber_goes_on_where_it_was(
    wanted: Wanted, bootstrap: str, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer, prefix: str
) -> None:
    group, old = f"{prefix}billing", f"{wanted.old.prefix}problems"
    await filled(producer, old, 40)
    before = await read_topic(bootstrap, old)
    places = {TopicPartition(old, at): OffsetAndMetadata(len(records) // 2, "") for at, records in before.items()}
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign(list(places))
    await consumer.commit(places)
    await consumer.stop()
    unread = {record.value for records in before.values() for record in records[len(records) // 2 :]}
    assert group in (await run(wanted, bootstrap, admin)).groups
    committed = await admin.list_consumer_group_offsets(group)
    after = await read_topic(bootstrap, f"{wanted.new.prefix}problems")
    at = {place.partition: one.offset for place, one in committed.items() if place.topic.startswith(wanted.new.prefix)}
    assert at.keys() == after.keys()
    assert {record.value for partition, records in after.items() for record in records[at[partition] :]} >= unread


async def test_letters_are_replayed_into_the_new_topics_and_what_was_replayed_is_known(
    wanted: Wanted, bootstrap: str, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer
) -> None:
    dead, replayed = f"{wanted.old.prefix}dead", []
    for number in range(12):
        headers = dead_headers(f"{wanted.old.prefix}inbox", 3, number, "fold", "rule_raised", "")
        at = await producer.send_and_wait(dead, str(number).encode(), key=key(number), headers=list(headers))
        if number % 3 == 0:
            replayed.append(str(number).encode())
            note = [(REPLAYED_OF, f"{at.partition}:{at.offset}".encode()), ("tocsin.by", b"ann")]
            await producer.send_and_wait(dead, b"", partition=at.partition, headers=note)
    await run(wanted, bootstrap, admin)
    found, known = await read_topic(bootstrap, f"{wanted.new.prefix}dead"), []
    for records in found.values():
        for record in records:
            ranges = list(noted(record, REPLAYED_OF))
            known += [records[offset].value for first, behind in ranges for offset in range(first, behind)]
            names = [value for name, value in record.headers if name == "__connect.errors.topic"]
            assert names == ([] if ranges else [f"{wanted.new.prefix}inbox".encode()])
    assert sorted(filter(None, known)) == sorted(replayed)


async def test_old_history_may_be_left_behind_but_nothing_that_a_group_has_not_read(
    wanted: Wanted, bootstrap: str, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer
) -> None:
    await filled(producer, f"{wanted.old.prefix}problems", 30)
    await filled(producer, f"{wanted.old.prefix}audit", 5)
    later = Wanted(wanted.old, wanted.new, since=(BASE + 25) * 1000)
    records = {one.topic: one.records for one in (await run(later, bootstrap, admin)).topics}
    assert 5 <= records["problems"] < 30
    assert records["audit"] == 5


async def test_whoever_writes_meanwhile_is_found_and_nothing_is_called_done(
    wanted: Wanted, bootstrap: str, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer
) -> None:
    class Writing(Repartition):
        async def _check(self, held: Any, groups: Any) -> None:
            await producer.send_and_wait(f"{wanted.old.prefix}inbox", b"late", key=b"acme")
            await super()._check(held, groups)

    repartition = Writing(wanted, Kafka(bootstrap), admin, unseen)
    with pytest.raises(Disturbed, match=rf"written into {wanted.old.prefix}inbox/\d"):
        await repartition.run()
    with pytest.raises(TopicsNotFilled, match=f"set TOCSIN_PREFIX to {wanted.old.prefix}"):
        await require_topics(bootstrap, wanted.new.prefix)
    report = await run(wanted, bootstrap, admin)
    assert {one.topic: one.undecided for one in report.topics}["inbox"] == 1
    await require_topics(bootstrap, wanted.new.prefix)


@pytest.mark.parametrize("changed", ["partitions", "source"])
async def test_what_is_begun_for_another_bus_is_left_alone(
    wanted: Wanted, bootstrap: str, admin: AIOKafkaAdminClient, changed: str
) -> None:
    await run(wanted, bootstrap, admin)
    other = {"partitions": Wanted(wanted.old, wanted.new.model_copy(update={"partitions": 9})),
             "source": Wanted(wanted.old.model_copy(update={"prefix": "other."}), wanted.new)}[changed]  # fmt: skip
    with pytest.raises(CommandFailed, match=f"was begun with {NEW} partitions of {wanted.old.prefix}"):
        await Repartition(other, Kafka(bootstrap), admin, unseen).done_before()


async def test_topics_of_another_bus_are_not_filled(wanted: Wanted, bootstrap: str, admin: AIOKafkaAdminClient) -> None:
    await apply(admin, wanted.new)
    with pytest.raises(CommandFailed, match="there are such topics already"):
        await Repartition(wanted, Kafka(bootstrap), admin, unseen).done_before()
