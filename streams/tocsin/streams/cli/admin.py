"""A connection to Kafka for administration."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tocsin.streams.processes.running import ServiceUnreachable, kafka_unreachable, needed_bootstrap
from tocsin.streams.settings import Settings
from tocsin.streams.up.broker.probe import answers


@asynccontextmanager
async def admin_of(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An open admin client. Raises ServiceUnreachable (exit code 69) when Kafka does not answer."""
    bootstrap = await reachable(settings)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
    except KafkaError as error:
        await admin.close()
        raise kafka_unreachable(bootstrap, error) from None
    try:
        yield admin
    finally:
        await admin.close()


async def reachable(settings: Settings) -> str:
    """The bootstrap of a Kafka that answers now. Raises ServiceUnreachable (69)."""
    bootstrap = needed_bootstrap(settings)
    for server in bootstrap.split(","):
        if await answers(server.strip()):
            return bootstrap
    raise ServiceUnreachable(
        f"Kafka at {bootstrap} does not answer; start it (`tocsin up` or `tocsin broker`) or correct TOCSIN_BOOTSTRAP"
    )
