"""A client whose Kafka is away asks for metadata ever more seldom, and not as fast as its connections are refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from aiokafka.admin import NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.structs import TopicPartition

from tocsin.connectors.kafka.client import open_admin, open_consumer, open_producer
from tocsin.connectors.kafka.pacing import pace
from tocsin.streams.up.broker import EmbeddedBroker


async def test_pauses_grow_until_it_answers() -> None:
    paused, answers = list[float](), [True, False, False, False, False, False, False, True, True, False]

    async def update(*about: Any) -> bool:
        return answers.pop(0)

    async def sleep(seconds: float) -> None:
        paused.append(seconds)

    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
    client._metadata_update = update
    pace(client, sleep)
    said = [await client._metadata_update(client.cluster, ()) for _ in range(10)]
    assert said == [True, False, False, False, False, False, False, True, True, False]
    assert paused == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


@pytest.mark.timeout(120)
async def test_without_kafka_and_leaders_there_are_few_connections(
    own_broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, ask = Counter[AIOKafkaClient](), AIOKafkaClient._metadata_update

    async def counting(client: AIOKafkaClient, *about: Any) -> Any:
        asked[client] += 1
        return await ask(client, *about)

    monkeypatch.setattr(AIOKafkaClient, "_metadata_update", counting)
    bootstrap = own_broker.bootstrap
    async with open_admin(bootstrap) as admin:
        await admin.create_topics([NewTopic("paced", 1, 1)])
    async with (
        open_producer(bootstrap) as producer,
        open_consumer(bootstrap, auto_offset_reset="earliest") as consumer,
    ):
        await producer.send_and_wait("paced", b"1")
        consumer.assign([TopicPartition("paced", 0)])
        assert await consumer.getone()
        own_broker.kill()
        for client in (producer.client, consumer._client):
            partitions = client.cluster._partitions["paced"]
            partitions[0] = partitions[0]._replace(leader=-1)  # as Kafka says when it ends in good order
        asked.clear()
        sending = asyncio.ensure_future(producer.send_and_wait("paced", b"2"))
        await asyncio.sleep(3)
        sending.cancel()
        assert {client: asked[client] for client in (producer.client, consumer._client) if asked[client] > 30} == {}
        assert len(asked) == 2
