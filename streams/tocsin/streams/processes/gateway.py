"""`tocsin gateway`: HTTP in, Kafka out."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from aiokafka.errors import KafkaConnectionError, KafkaError
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from tocsin.connectors.gateway import GatewayConfig, build_gateway
from tocsin.connectors.publish import KafkaAway, Publisher, PublishFailed, PublishUnconfirmed
from tocsin.schemas.events import SilenceSet
from tocsin.schemas.registry import Registry
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.processes.kafka import kafka_unreachable, needed_bootstrap
from tocsin.streams.processes.lifecycle import OnReady, Ready, check_host
from tocsin.streams.settings import Settings
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.silences.silences import SilenceUnusable, match_of

DRAIN_SECONDS = 15


async def run_gateway_process(settings: Settings, stop: asyncio.Event, on_ready: OnReady) -> None:
    """Serve until `stop` is set, then finish the requests at hand. Raises ServiceUnreachable, OSError (port taken)."""
    bootstrap = needed_bootstrap(settings)
    check_host(settings)
    book = SchemaBook()
    publisher = Publisher(bootstrap, tenant=settings.tenant, prefix=settings.prefix, source="tocsin:gateway")

    async def ready() -> bool | str:
        try:
            await publisher.check(2.0)
        except PublishFailed as failed:
            return str(failed)
        return True

    config = GatewayConfig(default_tenant=settings.tenant)
    following = SettingsTopic(bootstrap, settings.prefix, book, "gateway")
    app = build_gateway(
        config, publisher, ready, CollectorRegistry(), schemas=Registry(book), silences=SettingsSilences(following)
    )
    try:
        async with following, publisher:
            await _serve(app, settings, stop, on_ready)
    except KafkaError as error:
        raise kafka_unreachable(bootstrap, error) from error


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(app: FastAPI, settings: Settings, stop: asyncio.Event, on_ready: OnReady) -> None:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    listening = _listen(settings)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.02)
    if not serving.done():
        on_ready(Ready("gateway", f"http://{settings.host}:{listening.getsockname()[1]}"))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        server.should_exit = True
    await serving


def _listen(settings: Settings) -> socket.socket:
    listening = socket.create_server((settings.host, settings.port), backlog=2048, reuse_port=False)
    listening.setblocking(False)
    return listening


class SettingsSilences:
    """A `SilencePort` on an open SettingsTopic."""

    def __init__(self, settings: SettingsTopic) -> None:
        self._settings = settings

    def current(self) -> tuple[SilenceSet, ...]:
        """Those that have not ended."""
        return self._settings.silences.current()

    def refusal(self, silence: SilenceSet) -> str | None:
        """The reason why the rules cannot use it, or None."""
        try:
            match_of(silence.matchers)
        except SilenceUnusable as unusable:
            return str(unusable)
        return None

    async def store(self, silence: SilenceSet) -> None:
        """Store it; raises PublishUnconfirmed (KafkaAway: nothing was sent) when Kafka did not acknowledge it."""
        try:
            await self._settings.put_silence(silence)
        except KafkaConnectionError as error:
            raise KafkaAway(silence.event_id) from error
        except KafkaError as error:
            raise PublishUnconfirmed(silence.event_id) from error
