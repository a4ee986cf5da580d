"""`tocsin project`: the projector in the foreground, or the store made anew."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Annotated, Any

import typer
from aiokafka import TopicPartition

from tocsin.connectors.kafka import open_consumer, partitions_of
from tocsin.connectors.store_address import StoreAddress
from tocsin.streams.cli.options import client_settings
from tocsin.streams.cli.output import show, show_error
from tocsin.streams.cli.processes import MetricsPort, Rules, print_ready
from tocsin.streams.cli.progress import bar
from tocsin.streams.processes.exit_codes import CHECK_FAILED, USAGE, CommandFailed
from tocsin.streams.processes.kafka import reachable
from tocsin.streams.processes.lifecycle import run_process, stop_on_signals, unless
from tocsin.streams.processes.project import open_database, run_project_process
from tocsin.streams.settings import Settings
from tocsin.streams.topology import topic_name
from tocsin.streams.up.home import located_settings

LOOK_EVERY = 0.5


def project(
    rules: Rules = None,
    store: Annotated[str | None, typer.Option(help="Where the store is (TOCSIN_STORE).")] = None,
    metrics_port: MetricsPort = None,
    rebuild: Annotated[bool, typer.Option(help="Empty the store, fill it from Kafka, and end.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it is emptied.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Say that it is ready as one line of JSON.")] = False,
) -> None:
    """Keep what the topics hold as rows, until Ctrl-C. One works at a time; others stand by, and go on when it ends."""
    if rebuild:
        _confirmed(yes)
        asyncio.run(_rebuild(client_settings(rules=rules, store=store, metrics_port=metrics_port)))
        return
    settings = located_settings(rules=rules, store=store, metrics_port=metrics_port)
    run_process("project", settings, print_ready(as_json))


def _confirmed(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandFailed(USAGE, "nobody is there to confirm it: say --yes")
    show_error("The store is emptied, and filled with what Kafka still holds; what is older is gone for good.")
    if not typer.confirm("Make it anew?", err=True):
        raise typer.Exit(CHECK_FAILED)


async def _rebuild(settings: Settings) -> None:
    """By a projector that is at work, or else by one of our own."""
    await reachable(settings)
    address, stop = settings.store_address(), asyncio.Event()
    async with open_database(address) as database:
        from tocsin.streams.projector.keeping import empty

        await database.write(empty)
    settings = settings.but(metrics_port=0)
    working = asyncio.ensure_future(run_project_process(settings, stop, lambda ready: None))
    asked = stop_on_signals()
    try:
        done, records = await unless(asked, _first(working, _filled(settings, address)))
    finally:
        stop.set()
        await working
    if not done:
        raise CommandFailed(CHECK_FAILED, "interrupted: the store is not whole; `tocsin project` goes on from here")
    show(f"made anew from {records} records")


async def _first(working: asyncio.Future[None], filling: Coroutine[Any, Any, int]) -> int:
    """What `filling` returns; raises what `working` raises before."""
    found = asyncio.ensure_future(filling)
    try:
        both: set[asyncio.Future[Any]] = {working, found}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not found.done():
            await working
        return int(await found)
    finally:
        found.cancel()


async def _filled(settings: Settings, address: StoreAddress) -> int:
    """Returns the number of records once the store has all that Kafka has now."""
    from tocsin.connectors.store import Store
    from tocsin.streams.projector.rows import TOPICS

    async with open_consumer(await reachable(settings)) as consumer, Store(address) as store:
        places: list[TopicPartition] = []
        for name in TOPICS:
            places += await partitions_of(consumer, topic_name(settings.prefix, name))
        first, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        wanted = {place: ends[place] - first[place] for place in places if ends[place] > first[place]}
        total, before = sum(wanted.values()), 0
        with bar("records", total) as advance:
            while before < total:
                await asyncio.sleep(LOOK_EVERY)
                at = {(one.topic, one.partition): one.next for one in await store.progress()}
                left = sum(
                    max(0, ends[place] - max(first[place], at.get(_name(settings, place), 0))) for place in wanted
                )
                advance(total - left - before)
                before = total - left
    return int(total)


def _name(settings: Settings, place: TopicPartition) -> tuple[str, int]:
    return place.topic.removeprefix(settings.prefix), place.partition
