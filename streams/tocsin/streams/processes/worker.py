"""`tocsin worker`: Faust, the engine, and the two agents."""

from __future__ import annotations

import asyncio
import os
from time import monotonic

import faust
from aiokafka.errors import KafkaError

from tocsin.connectors.tracing import NO_TRACING
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.decide import DecideAgent
from tocsin.streams.agents.deliver import DeliverAgent
from tocsin.streams.engine.dead import DeadLetterLimit
from tocsin.streams.engine.engine import Engine
from tocsin.streams.engine.engine_settings import EngineSettings
from tocsin.streams.engine.fold import Folded
from tocsin.streams.engine.record import RuleSet
from tocsin.streams.engine.worker import FatalWorker, build_app, run_worker
from tocsin.streams.processes.kafka import kafka_unreachable, needed_bootstrap
from tocsin.streams.processes.kafka_watch import KafkaWatch, Metadata
from tocsin.streams.processes.lifecycle import OnReady, Ready, Recovering, beside, check_host, ignore_hangups
from tocsin.streams.processes.live_config import LiveConfig, LiveDeliverConfig
from tocsin.streams.processes.rules_watch import WatchedRules
from tocsin.streams.settings import Settings
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.silences.silences import Silences
from tocsin.streams.silences.subscriptions import Subscriptions
from tocsin.streams.subscriptions.live_rules import LiveRules
from tocsin.streams.telemetry.decision_lines import log_decisions
from tocsin.streams.telemetry.engine_metrics import watch_endpoints, watch_engine, watch_silences
from tocsin.streams.telemetry.metrics import WorkerMetrics
from tocsin.streams.telemetry.probes import WORKER_PORT, all_notes, first_of, serve_probes
from tocsin.streams.telemetry.registry import count_unhandled, process_meters
from tocsin.streams.telemetry.tenant_metrics import TenantMetrics
from tocsin.streams.telemetry.tracing import open_tracing, trace_decisions

REPORT_EVERY = 10.0
"""Seconds between two reports of a worker that recovers; far below `up.member.READY_WITHIN`."""


async def run_worker_process(settings: Settings, stop: asyncio.Event, on_ready: OnReady) -> None:
    """Work until `stop` is set. Raises RulesFileError, ServiceUnreachable, FatalWorker (start it again), OSError."""
    ignore_hangups()
    bootstrap = needed_bootstrap(settings)
    check_host(settings)
    meters = process_meters("worker", settings)
    count_unhandled(meters)
    rules = WatchedRules(settings, meters)
    book = SchemaBook()
    silences, subscriptions = Silences(), Subscriptions()
    live = LiveRules(rules, subscriptions, sealed=True)
    agents = (
        DecideAgent(LiveConfig(settings, live, lambda: silences.in_force, live.wanted), settings.prefix, book),
        DeliverAgent(LiveDeliverConfig(live, live.wanted), settings.prefix, book),
    )
    metrics = WorkerMetrics(meters)
    fatal: list[str] = []

    def give_up(reason: str) -> None:
        fatal.append(reason)
        stop.set()

    def written(rule_set: RuleSet, partition: int, folded: Folded) -> None:
        metrics.written(rule_set, partition, folded)
        if tracing is not NO_TRACING:
            trace_decisions(tracing, rule_set, folded)
        log_decisions(rule_set, partition, folded)

    engine = Engine(
        agents,
        EngineSettings(
            bootstrap,
            settings.prefix,
            dead_letters=DeadLetterLimit(settings.dead_letter_limit, settings.dead_letter_window),
            failpoint=os.environ.get("TOCSIN_FAILPOINT"),
            watched=metrics.watched(),
        ),
        on_written=written,
        on_fatal=give_up,
    )
    watch_engine(meters, engine)
    meters.registry.register(TenantMetrics(meters, engine, lambda tenant: rules.book.limits_of(tenant)))
    watch_silences(meters, lambda: silences.in_force)
    watch_endpoints(meters, engine, lambda: live.book.endpoints)
    following = SettingsTopic(bootstrap, settings.prefix, book, "worker", silences, subscriptions)
    note = all_notes(engine.note, rules.note, following.note, live.note)
    watch = KafkaWatch(bootstrap, Metadata(bootstrap, engine.topics()))
    not_ready = first_of(watch.not_ready, engine.not_ready, engine.standing_still)
    app = build_app(f"{settings.prefix}worker", engine, agents, bootstrap, settings.prefix, settings.session_timeout)
    try:
        async with (
            open_tracing("worker", settings, meters) as tracing,
            serve_probes(
                settings.host, settings.metrics_port, meters.registry, not_ready, note, usual=WORKER_PORT
            ) as url,
            following,
            beside(rules.watch()),
            beside(watch.run()),
        ):
            await _run(app, engine, stop, on_ready, url)
    except KafkaError as error:
        raise kafka_unreachable(bootstrap, error) from error
    if fatal:
        raise FatalWorker(fatal[0])


async def _run(app: faust.App, engine: Engine, stop: asyncio.Event, on_ready: OnReady, url: str) -> None:
    started = asyncio.Event()
    working = asyncio.create_task(run_worker(app, engine, stop, started))
    waiting = asyncio.create_task(_announce(engine, started, on_ready, url))
    try:
        await working
    finally:
        waiting.cancel()


async def _announce(engine: Engine, started: asyncio.Event, on_ready: OnReady, url: str) -> None:
    """Report when the worker is ready; before that, about every ten seconds, that it recovers and makes progress."""
    await started.wait()
    reported_at = monotonic()
    while (why := engine.not_ready()) is not None:
        if monotonic() - reported_at > REPORT_EVERY and engine.moved_at() > reported_at:
            reported_at = monotonic()
            on_ready(Recovering("worker", why))
        await asyncio.sleep(0.05)
    on_ready(Ready("worker", url))
