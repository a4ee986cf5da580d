"""`tocsin dispatch`: the dispatcher with the sinks of the rules file."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from functools import partial

from aiokafka.errors import KafkaError

from tocsin.connectors.sealing import seal_keys_of
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.dispatcher.dispatcher import Dispatcher, DispatcherSettings
from tocsin.streams.dispatcher.progress import Progress
from tocsin.streams.processes.kafka import kafka_unreachable, needed_bootstrap
from tocsin.streams.processes.kafka_watch import KafkaWatch, Metadata
from tocsin.streams.processes.lifecycle import OnReady, Ready, beside, check_host, ignore_hangups
from tocsin.streams.processes.open_sinks import OpenSinks
from tocsin.streams.processes.rules_watch import WatchedRules
from tocsin.streams.processes.sink_equipment import equipment_of
from tocsin.streams.rules.config import RuleBook
from tocsin.streams.settings import Settings
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.silences.subscriptions import Subscriptions
from tocsin.streams.subscriptions.live_rules import LiveRules
from tocsin.streams.telemetry.engine_metrics import DispatchLag, HaltedPartitions
from tocsin.streams.telemetry.metrics import DispatchMetrics
from tocsin.streams.telemetry.probes import DISPATCH_PORT, all_notes, first_of, serve_probes
from tocsin.streams.telemetry.registry import count_unhandled, process_meters
from tocsin.streams.telemetry.tracing import open_tracing

LOOK_EVERY = 0.1
"""Seconds between two looks at whether the subscriptions changed."""


async def run_dispatch_process(settings: Settings, stop: asyncio.Event, on_ready: OnReady) -> None:
    """Dispatch until `stop` is set. Raises RulesFileError, SinkMisconfigured, ServiceUnreachable, OSError."""
    ignore_hangups()
    bootstrap = needed_bootstrap(settings)
    check_host(settings)
    meters = process_meters("dispatch", settings)
    count_unhandled(meters)
    rules = WatchedRules(settings, meters)
    book = SchemaBook()
    subscriptions = Subscriptions()
    live = LiveRules(rules, subscriptions, seal_keys_of(settings.seal_key))
    following = SettingsTopic(bootstrap, settings.prefix, book, "dispatch", subscriptions=subscriptions)
    metrics = DispatchMetrics(meters)
    ready = asyncio.Event()
    watch = KafkaWatch(bootstrap, Metadata(bootstrap, [f"{settings.prefix}attempts", f"{settings.prefix}deliveries"]))
    progress = Progress()
    running: list[Dispatcher] = []
    meters.registry.register(
        HaltedPartitions(lambda: [("dispatch", why) for each in running for why in each.unreadable.troubles().values()])
    )
    meters.registry.register(DispatchLag(lambda: running[0].lags() if running else {}))
    under_way = meters.gauge("tocsin_attempts_under_way")()
    under_way.set_function(lambda: sum(len(each.running) for each in running))
    async with AsyncExitStack() as opened:
        tracing = await opened.enter_async_context(open_tracing("dispatch", settings, meters))
        sinks = await opened.enter_async_context(OpenSinks(rules.book, equipment_of(settings)))
        rules.on_new = partial(_change, live, sinks)
        try:
            url = await opened.enter_async_context(
                serve_probes(
                    settings.host,
                    settings.metrics_port,
                    meters.registry,
                    first_of(watch.not_ready, progress.not_ready),
                    all_notes(
                        rules.note, following.note, live.note, lambda: running[0].unreadable.note() if running else None
                    ),
                    usual=DISPATCH_PORT,
                )
            )
            await opened.enter_async_context(following)
            await sinks.change(live.whole.book, live.whole.made)
            # Not before: it holds clients of Kafka, and only `run` closes them.
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
                progress,
                tracing,
            )
            running.append(dispatcher)
            async with (
                beside(_announce(ready, on_ready, url)),
                beside(rules.watch()),
                beside(watch.run()),
                beside(_follow(live, sinks)),
            ):
                await dispatcher.run(stop, ready)
        except KafkaError as error:
            raise kafka_unreachable(bootstrap, error) from error


async def _change(live: LiveRules, sinks: OpenSinks, file: RuleBook) -> None:
    would = live.with_file(file)
    await sinks.change(would.book, would.made)


async def _follow(live: LiveRules, sinks: OpenSinks) -> None:
    """Have the sinks of the subscriptions as they are, until cancelled."""
    while True:
        await asyncio.sleep(LOOK_EVERY)
        # not what was there when this began: while sinks were opened, a further one may have been made
        if live.book is not sinks.book:
            await sinks.change(live.book, live.whole.made)


async def _announce(ready: asyncio.Event, on_ready: OnReady, url: str) -> None:
    await ready.wait()
    on_ready(Ready("dispatch", url))
