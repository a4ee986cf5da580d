"""The gateway over the real publisher: a 202 is in Kafka, and without Kafka there is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client import CollectorRegistry

from tocsin.connectors.gateway import GatewayConfig, build_gateway
from tocsin.connectors.publish import Publisher
from tocsin.streams.settings import Settings
from tocsin.streams.topics import apply
from tocsin.streams.up.broker import EmbeddedBroker

from .conftest import serving


@asynccontextmanager
async def gateway_over(publisher: Publisher) -> AsyncIterator[aiohttp.ClientSession]:
    async def ready() -> bool:
        return True

    async with (
        serving(build_gateway(GatewayConfig(), publisher, ready, CollectorRegistry())) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        yield http


async def post(http: aiohttp.ClientSession, key: str) -> tuple[int, str]:
    document, headers = {"title": "t", "status": 500}, {"idempotency-key": key}
    async with http.post("/v1/problems", json=document, headers=headers) as answer:
        return answer.status, (await answer.json(content_type=None))["event_id"]


async def test_a_kill_of_kafka(own_broker: EmbeddedBroker, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=own_broker.bootstrap)
    await admin.start()
    await apply(admin, Settings(bootstrap=own_broker.bootstrap, prefix=prefix, partitions=3))
    await admin.close()
    publisher = Publisher(own_broker.bootstrap, prefix=prefix, deadline=2)
    async with publisher, gateway_over(publisher) as http:
        status, event_id = await post(http, "k1")
        assert status == 202
        own_broker.kill()
        answers = await asyncio.gather(*(post(http, f"k{n}") for n in range(2, 12)))
        assert {status for status, _ in answers} == {503}
        await own_broker.restart()
        async with asyncio.timeout(30):
            while (await post(http, "k2"))[0] != 202:
                pass
        assert await post(http, "k1") == (202, event_id)
