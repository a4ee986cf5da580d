"""`tocsin gateway`: HTTP in, Kafka out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from aiokafka.errors import KafkaConnectionError, KafkaError
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from tocsin.connectors.gateway import LOOPBACK, GatewayConfig, Limits, Rate, build_gateway, host_of, server_config
from tocsin.connectors.publish import KafkaAway, Publisher, PublishUnconfirmed
from tocsin.connectors.sealing import seal_keys_of
from tocsin.schemas.events import SilenceSet
from tocsin.schemas.registry import Registry
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.processes.answers_topic import AnswersTopic
from tocsin.streams.processes.broken_settings import BrokenToDead
from tocsin.streams.processes.endpoint_states import EndpointStates
from tocsin.streams.processes.finding import CasesBehind
from tocsin.streams.processes.ignored import IgnoredToDead
from tocsin.streams.processes.kafka import kafka_unreachable, needed_bootstrap
from tocsin.streams.processes.kafka_watch import KafkaWatch, Metadata
from tocsin.streams.processes.lifecycle import OnReady, Ready, beside, check_host
from tocsin.streams.processes.links import links_of
from tocsin.streams.processes.subscriptions import RunningSubscriptions
from tocsin.streams.rulesfile import load_redactions
from tocsin.streams.settings import Settings, without_user
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.silences.silences import SilenceUnusable, match_of
from tocsin.streams.telemetry.probes import Readiness, serve_probes
from tocsin.streams.telemetry.registry import process_registry

DRAIN_SECONDS = 15

LOOK_BACK = 3600.0
"""Seconds before its start of which a gateway knows what was answered."""


async def run_gateway_process(settings: Settings, stop: asyncio.Event, on_ready: OnReady) -> None:
    """Serve until `stop` is set, then finish the requests at hand. Raises RulesFileError, ServiceUnreachable,
    OSError (port taken)."""
    bootstrap = needed_bootstrap(settings)
    check_host(settings)
    book = SchemaBook()
    redactions = load_redactions(settings.rules)
    publisher = Publisher(
        bootstrap,
        tenant=settings.tenant,
        prefix=settings.prefix,
        source="tocsin:gateway",
        redactions=redactions,
    )
    ignored = IgnoredToDead(bootstrap, settings.prefix)

    watch = KafkaWatch(bootstrap, Metadata(bootstrap, [publisher.topic]))

    async def ready() -> bool | str:
        return watch.not_ready() or True

    keys = seal_keys_of(settings.seal_key)
    broken = BrokenToDead(bootstrap, settings.prefix)
    following = SettingsTopic(bootstrap, settings.prefix, book, "gateway", on_broken=broken)
    metrics = process_registry("gateway")
    answers = AnswersTopic(bootstrap, settings.prefix, book, LOOK_BACK)
    states = EndpointStates(bootstrap, settings.prefix)
    subscriptions = RunningSubscriptions(
        bootstrap, settings, following, keys, answers, states, os.environ.get("TOCSIN_FAILPOINT")
    )
    app = build_gateway(
        config_of(settings), publisher, ready, metrics, schemas=Registry(book), silences=SettingsSilences(following),
        ignored=ignored, redactions=redactions, answers=answers, cases=CasesBehind(bootstrap, settings),
        links=links_of(settings),
        subscriptions=subscriptions,
    )  # fmt: skip
    try:
        async with (
            following,
            answers,
            publisher,
            ignored,
            states,
            beside(watch.run()),
            _metrics_apart(settings, metrics, watch.not_ready) as probes,
        ):
            await _serve(app, settings, stop, on_ready, probes)
    except KafkaError as error:
        raise kafka_unreachable(bootstrap, error) from error


def config_of(settings: Settings) -> GatewayConfig:
    """What the settings say of the gateway."""
    named = {
        settings.host,
        host_of(without_user(settings.public_url or "")),
        *settings.allowed_hosts.lower().split(","),
    }
    hosts = frozenset(host.strip() for host in named if host and host.strip())
    return GatewayConfig(
        default_tenant=settings.tenant,
        hosts=hosts,
        show_metrics=settings.gateway_metrics_port is None,
        # behind a proxy that says nothing of itself everybody seems to ask from here
        subscriptions=settings.subscriptions or ("off" if hosts - LOOPBACK else "loopback"),
        subscriptions_private=settings.subscriptions_private,
        tenant_documents=Rate(settings.tenant_rate, settings.tenant_burst),
        tenant_bytes=Rate(settings.tenant_bytes, 4 * settings.tenant_bytes),
    )


@contextlib.asynccontextmanager
async def _metrics_apart(
    settings: Settings, registry: CollectorRegistry, not_ready: Readiness
) -> AsyncIterator[str | None]:
    """Serve the metrics on a port of their own while the block runs, if they have one; yields the base URL."""
    port = settings.gateway_metrics_port
    if port is None:
        yield None
        return
    async with serve_probes(settings.host, port, registry, not_ready) as url:
        yield url


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(app: FastAPI, settings: Settings, stop: asyncio.Event, on_ready: OnReady, probes: str | None) -> None:
    limits = Limits(most=settings.max_connections)
    config = server_config(app, limits, lifespan="off", timeout_graceful_shutdown=DRAIN_SECONDS)
    listening = _listen(settings, config.backlog)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.02)
    if not serving.done():
        on_ready(Ready("gateway", f"http://{settings.host}:{listening.getsockname()[1]}", probes))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        server.should_exit = True
    await serving


def _listen(settings: Settings, backlog: int) -> socket.socket:
    listening = socket.create_server((settings.host, settings.port), backlog=backlog, reuse_port=False)
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
