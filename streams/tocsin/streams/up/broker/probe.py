"""Is a Kafka there? Asked in Kafka's own protocol, never guessed from a log."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError


async def answers(bootstrap: str, timeout: float = 5.0) -> bool:
    """Whether `host:port` answers a metadata request with a broker that takes clients, within `timeout` seconds."""
    if not await _listens(bootstrap, timeout):
        return False
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=int(timeout * 1000))
    try:
        async with asyncio.timeout(timeout):
            await client.bootstrap()
            return bool(client.cluster.brokers())
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await client.close()


async def _listens(bootstrap: str, timeout: float) -> bool:
    # aiokafka logs an error for each refused connection: knock first
    host, _, port = bootstrap.rpartition(":")
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
