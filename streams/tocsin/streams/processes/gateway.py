"""`tocsin gateway`: HTTP in, Kafka out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import structlog
import uvicorn
from aiokafka.errors import KafkaError
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from tocsin.connectors.gateway import (
    LOOPBACK,
    Access,
    GatewayConfig,
    Limits,
    Rate,
    build_gateway,
    host_of,
    server_config,
)
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.publish import Publisher
from tocsin.connectors.sealing import seal_keys_of
from tocsin.connectors.store import Store
from tocsin.schemas.registry import Registry
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.ask import ask_routes
from tocsin.streams.ask.known_cases import KnownCases
from tocsin.streams.page import pages_of
from tocsin.streams.processes.answers_topic import AnswersTopic
from tocsin.streams.processes.audit_topic import AuditTopic
from tocsin.streams.processes.broken_settings import BrokenToDead
from tocsin.streams.processes.dead.serving import DeadLetters
from tocsin.streams.processes.didcomm import didcomm_config, fetching, opened_keys
from tocsin.streams.processes.endpoint_states import EndpointStates
from tocsin.streams.processes.endpoint_views import EndpointViews
from tocsin.streams.processes.event_stream import EventStream, logs_in_kafka
from tocsin.streams.processes.finding import CasesBehind
from tocsin.streams.processes.ignored import IgnoredToDead
from tocsin.streams.processes.kafka import kafka_unreachable, needed_bootstrap
from tocsin.streams.processes.kafka_watch import KafkaWatch, Metadata
from tocsin.streams.processes.lifecycle import OnReady, Ready, beside, check_host
from tocsin.streams.processes.links import links_of
from tocsin.streams.processes.rules_in_force import RulesInForce
from tocsin.streams.processes.rules_read import RulesAsRead
from tocsin.streams.processes.settings_ports import SettingsKeys, SettingsSilences
from tocsin.streams.processes.steering import Steering
from tocsin.streams.processes.subscriptions import RunningSubscriptions
from tocsin.streams.processes.tls import certificate_of
from tocsin.streams.processes.token_keys import issuer_keys_of
from tocsin.streams.rulesfile import load_redactions, load_wallets
from tocsin.streams.setting_values import without_user
from tocsin.streams.settings import Settings
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.telemetry.probes import Readiness, serve_probes
from tocsin.streams.telemetry.registry import count_unhandled, process_meters
from tocsin.streams.telemetry.tracing import open_tracing

_log = structlog.get_logger("tocsin.gateway")

DRAIN_SECONDS = 15

LOOK_BACK = 3600.0
"""Seconds before its start of which a gateway knows what was answered."""


async def run_gateway_process(settings: Settings, stop: asyncio.Event, on_ready: OnReady) -> None:
    """Serve until `stop` is set, then finish the requests at hand. Raises RulesFileError, ServiceUnreachable,
    OSError (port taken)."""
    bootstrap = needed_bootstrap(settings)
    check_host(settings)
    book = SchemaBook()
    redactions, wallets = load_redactions(settings.rules), load_wallets(settings.rules)
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
    meters = process_meters("gateway", settings)
    count_unhandled(meters)
    answers = AnswersTopic(bootstrap, settings.prefix, book, LOOK_BACK)
    states = EndpointStates(bootstrap, settings.prefix)
    audit = AuditTopic(bootstrap, settings.prefix, book, following)
    access = Access(keys=following.keys, tokens=issuer_keys_of(settings), audit=audit)
    subscriptions = RunningSubscriptions(
        bootstrap, settings, following, keys, answers, states, os.environ.get("TOCSIN_FAILPOINT")
    )
    rules = RulesAsRead(settings)
    letters = DeadLetters(settings, redactions)
    in_force = RulesInForce(settings, rules, following, redactions)
    views = EndpointViews(rules, following.subscriptions, states, keys)
    config = config_of(settings)
    tell_who_needs_no_credential(config, settings)
    store, pages = Store(settings.store_address()), pages_of(settings.public_url)
    happening = EventStream(logs_in_kafka(bootstrap, settings.prefix, book), stop)
    try:
        async with open_tracing("gateway", settings, meters) as tracing, opened_keys(settings) as packer:
            app = build_gateway(
                config, publisher, ready, meters.registry, Ports(schemas=Registry(book),
                silences=SettingsSilences(following, rules),
                ignored=ignored, redactions=redactions, wallets=wallets, answers=answers,
                cases=CasesBehind(bootstrap, settings), links=links_of(settings),
                known=KnownCases(store, lambda: time.time_ns() // 1000),
                subscriptions=subscriptions, access=access, keys=SettingsKeys(following),
                steering=Steering(bootstrap, settings), pages=pages,
                more=ask_routes(store, settings.public_url, happening, pages=pages, standings=views, letters=letters,
                    rules=in_force,
                ),
                tracing=tracing,
                didcomm=None if packer is None else (didcomm_config(settings), packer)),
            )  # fmt: skip
            async with (
                following,
                audit,
                answers,
                publisher,
                ignored,
                states,
                store,
                happening,
                beside(watch.run()),
                _metrics_apart(settings, meters.registry, watch.not_ready) as probes,
                fetching(settings, packer, getattr(app.state, "receiver", None)),
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
        anonymous=settings.anonymous or ("off" if hosts - LOOPBACK else "loopback"),
        secure=settings.tls_certificate is not None or (settings.public_url or "").lower().startswith("https:"),
        whole_addresses=settings.audit_addresses == "whole",
        subscriptions=settings.subscriptions == "on",
        subscriptions_private=settings.subscriptions_private,
        tenant_documents=Rate(settings.tenant_rate, settings.tenant_burst),
        tenant_bytes=Rate(settings.tenant_bytes, 4 * settings.tenant_bytes),
        tenant_reads=Rate(settings.tenant_reads, 5 * settings.tenant_reads),
        tenant_streams=settings.tenant_streams,
    )


def tell_who_needs_no_credential(config: GatewayConfig, settings: Settings) -> None:
    """Say at start, loudly, that anybody on this machine may do anything; or where keys come from."""
    if config.anonymous == "loopback":
        _log.warning(
            "NO KEY IS NEEDED: whoever reaches the gateway from this machine may publish, read and command, of every "
            "tenant; TOCSIN_ANONYMOUS=off ends that"
        )
    elif settings.jwt_keys is None:
        _log.info("a key is needed to use the gateway; the first is made with: tocsin keys create --scope admin")


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
    limits, certificate = Limits(most=settings.max_connections), certificate_of(settings)
    tls: dict[str, Any] = {} if certificate is None else {"ssl_context_factory": lambda *_: certificate.context}
    config = server_config(app, limits, lifespan="off", timeout_graceful_shutdown=DRAIN_SECONDS, **tls)
    listening = listen(settings, config.backlog)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.02)
    if not serving.done():
        scheme = "http" if certificate is None else "https"
        on_ready(Ready("gateway", f"{scheme}://{settings.host}:{listening.getsockname()[1]}", probes))
        stopping = asyncio.create_task(stop.wait())
        async with contextlib.nullcontext() if certificate is None else beside(certificate.follow()):
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        server.should_exit = True
    await serving


def listen(settings: Settings, backlog: int) -> socket.socket:
    """The socket on which the gateway takes connections. Raises OSError where it cannot be had."""
    listening = socket.create_server((settings.host, settings.port), backlog=backlog, reuse_port=False)
    # asyncio turns Nagle's algorithm off only where the socket says that it is TCP, and that of create_server does not:
    # the body of an answer, written after its head, waited for the client's delayed acknowledgement, 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setblocking(False)
    return listening
