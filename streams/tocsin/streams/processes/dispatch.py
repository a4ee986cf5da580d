"""`tocsin dispatch`: the dispatcher with the sinks of the rules file."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack

from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from tocsin.connectors.sinks import Sink, make_sink
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.dispatcher.dispatcher import Dispatcher, DispatcherSettings
from tocsin.streams.observe import DispatchMetrics
from tocsin.streams.probes import serve_probes
from tocsin.streams.processes.running import OnReady, Ready, check_host, kafka_unreachable, needed_bootstrap
from tocsin.streams.rules.rulebook import RuleBook
from tocsin.streams.rulesfile import load_rulebook, sink_settings
from tocsin.streams.settings import Settings
from tocsin.streams.settings_topic import SettingsTopic


async def run_dispatch_process(settings: Settings, stop: asyncio.Event, on_ready: OnReady) -> None:
    """Dispatch until `stop` is set. Raises RulesFileError, SinkMisconfigured, ServiceUnreachable, OSError."""
    bootstrap = needed_bootstrap(settings)
    check_host(settings)
    rulebook = load_rulebook(settings.rules)
    book = SchemaBook()
    registry = CollectorRegistry()
    metrics = DispatchMetrics(registry)
    ready = asyncio.Event()
    async with AsyncExitStack() as opened:
        sinks = await open_sinks(rulebook, opened)
        dispatcher = Dispatcher(
            DispatcherSettings(
                bootstrap,
                settings.prefix,
                session_timeout=settings.session_timeout,
                failpoint=os.environ.get("TOCSIN_FAILPOINT"),
            ),
            sinks,
            book,
            metrics.outcome,
            metrics.dead,
        )
        try:
            url = await opened.enter_async_context(
                serve_probes(
                    settings.host,
                    settings.metrics_port,
                    registry,
                    lambda: None if ready.is_set() else "not connected to Kafka yet",
                )
            )
            await opened.enter_async_context(SettingsTopic(bootstrap, settings.prefix, book, "dispatch"))
            waiting = asyncio.create_task(_announce(ready, on_ready, url))
            try:
                await dispatcher.run(stop, ready)
            finally:
                waiting.cancel()
        except KafkaError as error:
            raise kafka_unreachable(bootstrap, error) from error


async def open_sinks(rulebook: RuleBook, opened: AsyncExitStack) -> dict[str, Sink]:
    """Every endpoint's sink by name, opened; closed with the stack."""
    return {
        name: await opened.enter_async_context(make_sink(endpoint.sink, sink_settings(endpoint)))
        for name, endpoint in rulebook.endpoints.items()
    }


async def _announce(ready: asyncio.Event, on_ready: OnReady, url: str) -> None:
    await ready.wait()
    on_ready(Ready("dispatch", url))
