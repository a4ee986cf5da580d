"""The map of topics, and Kafka made to match it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import MessageSizeTooLargeError

from tocsin.streams.settings import Settings
from tocsin.streams.topics import ChangeKind, TopicsRefused, apply, plan
from tocsin.streams.topology import CARRIER_LIMIT, MIB, RECORD_LIMIT, TOPICS, topic_name


@pytest.fixture
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
def settings(bootstrap: str, prefix: str) -> Settings:
    return Settings(bootstrap=bootstrap, prefix=prefix, partitions=3)


def test_a_changelog_has_the_partitions_of_its_input() -> None:
    specs = {spec.name: spec for spec in TOPICS}
    assert specs["decide-changelog"].partitions == specs["inbox"].partitions
    assert specs["deliver-changelog"].partitions == specs["deliveries"].partitions


def test_what_carries_whole_records_takes_more_than_a_record() -> None:
    limits = {spec.name: int(spec.config["max.message.bytes"]) for spec in TOPICS}
    assert limits["inbox"] == limits["deliveries"] == RECORD_LIMIT == 2 * MIB
    for carrier in ("dead", "decide-changelog", "deliver-changelog"):
        assert limits[carrier] == CARRIER_LIMIT > 2 * RECORD_LIMIT


def test_what_is_read_by_its_age_is_stamped_by_the_broker() -> None:
    stamped = {spec.name for spec in TOPICS if spec.config.get("message.timestamp.type") == "LogAppendTime"}
    assert stamped == {"inbox", "deliveries", "attempts"}


def test_a_topic_that_is_not_on_the_map_has_no_name() -> None:
    assert topic_name("tocsin.", "inbox") == "tocsin.inbox"
    with pytest.raises(KeyError):
        topic_name("tocsin.", "outbox")


async def test_a_fresh_kafka_misses_all_and_apply_makes_it(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    before = await plan(admin, settings)
    assert [change.topic for change in before] == [settings.prefix + spec.name for spec in TOPICS]
    assert {change.kind for change in before} == {ChangeKind.MISSING}
    assert await apply(admin, settings) == before
    assert await plan(admin, settings) == []
    assert await apply(admin, settings) == []


async def test_after_apply_every_partition_can_be_written(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    await apply(admin, settings)
    async with AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap, max_request_size=CARRIER_LIMIT + MIB, acks="all"
    ) as producer:
        for partition in range(3):
            await producer.send_and_wait(settings.prefix + "inbox", b"x" * (MIB + 1), partition=partition)
        await producer.send_and_wait(settings.prefix + "decide-changelog", b"x" * 4 * MIB, b"key")
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(settings.prefix + "inbox", b"x" * (RECORD_LIMIT + 1))


async def test_differences_are_reported_and_never_done(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    inbox = settings.prefix + "inbox"
    await admin.create_topics([NewTopic(inbox, 2, 1, topic_configs={"retention.ms": "60000"})])
    await apply(admin, settings)
    left = await plan(admin, settings)
    assert {change.topic for change in left} == {inbox}
    assert [change.kind for change in left if change.kind is not ChangeKind.CONFIG] == [ChangeKind.PARTITIONS]
    details = "\n".join(change.detail for change in left)
    assert "has 2, the settings say 3" in details
    assert "message.timestamp.type is CreateTime, should be LogAppendTime" in details
    assert f"--entity-name {inbox} --add-config retention.ms=" in details


async def test_kafkas_reason_is_passed_on(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    with pytest.raises(TopicsRefused, match="replication") as refused:
        await apply(admin, settings.but(replication=3))
    assert refused.value.exit_code == 69
