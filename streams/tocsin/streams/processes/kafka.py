"""The connection of a process or a command to Kafka: whether it answers, and an admin client."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import create_conn
from aiokafka.errors import AuthenticationFailedError, BrokerResponseError, KafkaError

from tocsin.connectors.kafka import Kafka, client_options, open_admin
from tocsin.schemas.errors import TocsinError
from tocsin.streams.processes.exit_codes import UNREACHABLE, CommandFailed
from tocsin.streams.settings import Settings

COORDINATOR_TRIES = 40


class ServiceUnreachable(TocsinError):
    """A service that is needed does not answer; the message says which, and how to start it. Exit code 69."""

    exit_code = 69


def needed_bootstrap(settings: Settings) -> Kafka:
    """The bootstrap servers to use, with how to connect; raises ServiceUnreachable when none are set."""
    if settings.bootstrap is None:
        raise ServiceUnreachable(
            "TOCSIN_BOOTSTRAP is not set: give the address of Kafka (host:port), or start everything with `tocsin up`"
        )
    return Kafka(settings.bootstrap, settings.kafka_security())


def kafka_unreachable(bootstrap: str, error: KafkaError | OSError) -> ServiceUnreachable:
    """The exception to raise when a client of Kafka raised `error`."""
    return ServiceUnreachable(
        f"Kafka at {bootstrap} does not answer ({type(error).__name__}); "
        "start it (`tocsin broker`) or correct TOCSIN_BOOTSTRAP"
    )


@asynccontextmanager
async def admin_of(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An open admin client. Raises ServiceUnreachable when Kafka does not answer."""
    bootstrap = await reachable(settings)
    async with AsyncExitStack() as opening:
        try:
            admin = await opening.enter_async_context(open_admin(bootstrap))
        except KafkaError as error:
            raise kafka_unreachable(bootstrap, error) from None
        yield admin


async def reachable(settings: Settings) -> Kafka:
    """The bootstrap servers, of which one answers now. Raises ServiceUnreachable."""
    bootstrap = needed_bootstrap(settings)
    if await any_answers(bootstrap, 5.0):
        return bootstrap
    if (refused := await refusal(bootstrap)) is not None:
        raise ServiceUnreachable(f"Kafka at {bootstrap} refuses us ({refused}); correct the settings TOCSIN_KAFKA_*")
    raise ServiceUnreachable(
        f"Kafka at {bootstrap} does not answer; start it (`tocsin up` or `tocsin broker`) or correct TOCSIN_BOOTSTRAP"
    )


async def refusal(bootstrap: Kafka, timeout: float = 5.0) -> str | None:
    """Why a server that listens does not let us in: a certificate or a login that one side does not take. None when
    none is heard of."""
    if bootstrap.security is None or bootstrap.security.protocol == "PLAINTEXT":
        return None
    options = client_options(bootstrap)
    del options["bootstrap_servers"]
    for server in bootstrap.servers():
        host, _, port = server.rpartition(":")
        try:
            async with asyncio.timeout(timeout):
                (await create_conn(host, int(port), **options)).close()
        except (ssl.SSLError, AuthenticationFailedError, BrokerResponseError) as error:
            return f"{type(error).__name__}: {error}"
        except (KafkaError, OSError, TimeoutError):
            continue
    return None


async def any_answers(bootstrap: str, timeout: float = 1.5) -> bool:
    """Whether one of the bootstrap servers (host:port, comma-separated) answers, each within `timeout` seconds."""
    return any(await asyncio.gather(*(answers(server, timeout) for server in Kafka(bootstrap).servers())))


async def any_listens(bootstrap: str, timeout: float) -> bool:
    """Whether one of the bootstrap servers takes connections, each within `timeout` seconds."""
    return any(await asyncio.gather(*(_listens(server, timeout) for server in Kafka(bootstrap).servers())))


async def answers(bootstrap: str, timeout: float = 5.0) -> bool:
    """Whether `host:port` answers a metadata request with a broker that takes clients, within `timeout` seconds."""
    if not await _listens(bootstrap, timeout):
        return False
    client = AIOKafkaClient(**client_options(bootstrap), request_timeout_ms=int(timeout * 1000))
    try:
        async with asyncio.timeout(timeout):
            await client.bootstrap()
            return bool(client.cluster.brokers())
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await client.close()


async def _listens(bootstrap: str, timeout: float) -> bool:
    # aiokafka logs an error for each refused connection: connect first
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


async def places_of(settings: Settings, topic: str) -> list[TopicPartition]:
    """Every partition of a topic. Raises ServiceUnreachable, or CommandFailed(69) when there is no such topic."""
    async with admin_of(settings) as admin:
        [described] = await admin.describe_topics([topic])
    if described["error_code"]:
        raise CommandFailed(UNREACHABLE, f"Kafka has no topic {topic}: run `tocsin topics apply` (or `tocsin up`)")
    return [TopicPartition(topic, number) for number in sorted(row["partition"] for row in described["partitions"])]


async def coordinated(admin: AIOKafkaAdminClient, group: str) -> None:
    """Wait for a coordinator: Kafka makes its own topic of groups when one is first asked for, and has none before."""
    for _ in range(COORDINATOR_TRIES):
        with suppress(BrokerResponseError):
            await admin.find_coordinator(group)
            return
        await asyncio.sleep(0.25)
