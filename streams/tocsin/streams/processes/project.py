"""`tocsin project`: the projector, with the store that it fills."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog
from aiokafka.errors import KafkaError

from tocsin.connectors.store_address import StoreAddress
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.processes.kafka import kafka_unreachable, needed_bootstrap
from tocsin.streams.processes.kafka_watch import KafkaWatch, Metadata
from tocsin.streams.processes.lifecycle import OnReady, Ready, beside, check_host, ignore_hangups
from tocsin.streams.processes.rules_watch import WatchedRules
from tocsin.streams.settings import Settings, SettingsInvalid
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.telemetry.probes import (
    PROJECT_PORT,
    Note,
    Readiness,
    all_notes,
    first_of,
    nothing_to_note,
    serve_probes,
)
from tocsin.streams.telemetry.projector_metrics import ProjectorMetrics
from tocsin.streams.telemetry.registry import count_unhandled, process_meters
from tocsin.streams.telemetry.tracing import open_tracing

if TYPE_CHECKING:
    from tocsin.connectors.store.database import Database
    from tocsin.streams.projector.projector import Projector

_log = structlog.get_logger("tocsin.projector")


async def run_project_process(settings: Settings, stop: asyncio.Event, on_ready: OnReady) -> None:
    """Project until `stop` is set. Raises RulesFileError, SettingsInvalid, StoreMisconfigured, StoreTooNew,
    StoreUnavailable, OtherTopics, ServiceUnreachable, OSError."""
    _need_the_extra()
    from tocsin.streams.projector.keeping import keeping_of
    from tocsin.streams.projector.projector import Projector, ProjectorSettings
    from tocsin.streams.projector.rows import TOPICS

    ignore_hangups()
    bootstrap = needed_bootstrap(settings)
    check_host(settings)
    try:
        keeping = keeping_of(settings.store_days)
    except ValueError as wrong:
        raise SettingsInvalid([f"TOCSIN_STORE_DAYS: {wrong}"]) from None
    meters = process_meters("project", settings)
    count_unhandled(meters)
    rules = WatchedRules(settings, meters)
    book = SchemaBook()
    following = SettingsTopic(bootstrap, settings.prefix, book, "project")
    watch = KafkaWatch(bootstrap, Metadata(bootstrap, [settings.prefix + name for name in TOPICS]))
    ready, starting = asyncio.Event(), _Starting()
    async with (
        serve_probes(
            settings.host,
            settings.metrics_port,
            meters.registry,
            first_of(starting.not_ready, watch.not_ready),
            all_notes(rules.note, following.note, lambda: starting.note()),
            usual=PROJECT_PORT,
        ) as url,
        open_database(settings.store_address(), starting.migrating) as database,
    ):
        projector = Projector(
            ProjectorSettings(bootstrap, settings.prefix, keeping, os.environ.get("TOCSIN_FAILPOINT")),
            database,
            book,
            lambda tenant: rules.book.redaction_of(tenant),
            lambda applied: metrics.applied(applied.records, applied.unreadable, applied.erased),
            lambda kind, number: metrics.forgotten(kind, number),
        )
        metrics = ProjectorMetrics(meters, projector.behind)
        starting.not_ready_yet, starting.note = projector.not_ready, projector.note
        try:
            async with (
                open_tracing("project", settings, meters),
                following,
                beside(_announce(ready, on_ready, url)),
                beside(rules.watch()),
                beside(watch.run()),
                beside(projector.forget()),
            ):
                await _run(projector, settings, database, stop, ready)
        except KafkaError as error:
            raise kafka_unreachable(bootstrap, error) from error


async def _run(
    projector: Projector, settings: Settings, database: Database, stop: asyncio.Event, ready: asyncio.Event
) -> None:
    from tocsin.streams.projector.same_topics import require_same_topics

    await require_same_topics(needed_bootstrap(settings), settings.prefix, database)
    await projector.run(stop, ready)


class _Starting:
    """What the probes say before there is a projector, and then what it says."""

    def __init__(self) -> None:
        self.not_ready_yet: Readiness = lambda: "opening the store"
        self.note: Note = nothing_to_note

    def not_ready(self) -> str | None:
        return self.not_ready_yet()

    def migrating(self, number: int, of: int) -> None:
        self.not_ready_yet = lambda: f"migrating the store: {number} of {of}"


@asynccontextmanager
async def open_database(
    address: StoreAddress, told: Callable[[int, int], None] = lambda number, of: None
) -> AsyncIterator[Database]:
    """The store, made if it is not there and brought up to date, each migration in a transaction of its own: what was
    done stays done. `told` hears which of how many comes next. Raises SettingsInvalid, StoreMisconfigured,
    StoreTooNew, StoreUnavailable."""
    _need_the_extra()
    from tocsin.connectors.store.database import database_of
    from tocsin.connectors.store.migrating import missing, next_step

    database = database_of(address, make=True)
    try:
        done, of = list[str](), await database.read(missing)
        told(1, of)
        while step := await database.write(next_step):
            done += step
            told(min(len(done) + 1, of), of)
        if done:
            _log.info("the store was brought up to date", store=address.shown, migrations=done)
        yield database
    finally:
        await database.close()


def _need_the_extra() -> None:
    for name in ("sqlalchemy", "alembic"):
        if find_spec(name) is None:
            raise SettingsInvalid([f"the store needs tocsin[store]: {name} is not installed"])


async def _announce(ready: asyncio.Event, on_ready: OnReady, url: str) -> None:
    await ready.wait()
    on_ready(Ready("project", url))
