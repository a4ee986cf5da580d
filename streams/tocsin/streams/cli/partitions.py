"""`tocsin partitions skip`: let one record go that a partition halted at."""

from __future__ import annotations

import asyncio
import getpass
import sys
from contextlib import aclosing
from typing import Annotated

import typer
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from tocsin.connectors.commands import reason, who
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.kafka import open_consumer, read_to_end
from tocsin.connectors.printable import printable
from tocsin.streams.cli.halted import READERS, troubles
from tocsin.streams.cli.options import AsJson, Why, client_settings, usage_error
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.cli.records import seen_of
from tocsin.streams.engine.kafka_log import record_from
from tocsin.streams.engine.skips import ask_to_skip
from tocsin.streams.processes.exit_codes import BAD_INPUT, CHECK_FAILED, USAGE, CommandFailed
from tocsin.streams.processes.kafka import admin_of, kafka_unreachable, needed_bootstrap
from tocsin.streams.settings import Settings
from tocsin.streams.topology import CARRIER_LIMIT, topic_name

app = typer.Typer()


@app.callback()
def partitions() -> None:
    """Partitions that stand still."""


@app.command()
def skip(
    topic: Annotated[str, typer.Argument(help="inbox, deliveries or attempts.")],
    partition: Annotated[int, typer.Argument(min=0)],
    offset: Annotated[int, typer.Option(min=0, help="The record that it stands at: the alarm names it.")],
    by: Annotated[str | None, typer.Option(help="Who says so; by default the user of this machine.")] = None,
    why: Why = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let one record go that a partition halted at: it becomes a dead letter (reason `skipped`), and the next is read.

    The instruction is kept by Kafka for a week. Whoever owns the partition reads it at its next try, within a minute;
    when no worker runs, the next one does. Only the record that the partition stands at can be let go.
    """
    said = _said(by, why)
    settings, name = client_settings(), topic.removeprefix(client_settings().prefix)
    if name not in READERS:
        raise CommandFailed(
            USAGE, f"{topic!r} is none of {', '.join(READERS)}: only these are read by a process of ours"
        )
    record = asyncio.run(_record_stood_at(settings, name, partition, offset))
    what = seen_of(record)
    named = f"{name}/{partition}@{offset}: {what['type'] or what['undecodable']}, {len(record.value or b'')} bytes"
    if not yes:
        _confirm(printable(named))
    asyncio.run(_ask(settings, record, said))
    if as_json:
        show_json({"asked": True, "topic": name, "partition": partition, "offset": offset, "why": said})
    else:
        show(f"asked to let go {printable(named)}")
        show("whoever owns it does so at its next try, within a minute; then: tocsin dead list --reason skipped")


def _said(by: str | None, why: str | None) -> str:
    try:
        by, why = who(by or getpass.getuser()), reason(why)
    except Unreadable as unreadable:
        raise usage_error(unreadable) from None
    return f"asked for by {by}" + (f": {why}" if why else "")


def _confirm(named: str) -> None:
    if not sys.stdin.isatty():
        raise CommandFailed(USAGE, "nobody is there to confirm it: say --yes")
    show_error(f"this record will not be processed, only kept in `dead`: {named}")
    if not typer.confirm("let it go?", err=True):
        raise typer.Exit(CHECK_FAILED)


async def _record_stood_at(settings: Settings, name: str, partition: int, offset: int) -> ConsumerRecord:
    """The record. Raises CommandFailed when the partition does not stand at it."""
    bootstrap, place = needed_bootstrap(settings), f"{name} {partition}"
    try:
        async with admin_of(settings) as admin:
            trouble = next((one for one in await troubles(admin, settings) if one.place == place), None)
        if trouble is None:
            raise CommandFailed(BAD_INPUT, f"{place} does not stand still: nothing to let go (tocsin doctor)")
        if trouble.offset is None:
            raise CommandFailed(BAD_INPUT, f"{place} halted, but at no record ({trouble.reason}): {trouble.help()}")
        if trouble.offset != offset:
            raise CommandFailed(BAD_INPUT, f"{place} stands at offset {trouble.offset}, not at {offset}")
        at = TopicPartition(topic_name(settings.prefix, name), partition)
        async with open_consumer(bootstrap, max_partition_fetch_bytes=CARRIER_LIMIT) as consumer:
            consumer.assign([at])
            consumer.seek(at, offset)
            async with aclosing(read_to_end(consumer, {at: offset + 1})) as records:
                async for record in records:
                    if record.offset == offset:
                        return record
    except (KafkaError, TimeoutError) as error:
        raise kafka_unreachable(bootstrap, error) from error
    raise CommandFailed(BAD_INPUT, f"{place} has no record at offset {offset} any more: it goes on by itself")


async def _ask(settings: Settings, record: ConsumerRecord, why: str) -> None:
    bootstrap = needed_bootstrap(settings)
    try:
        await ask_to_skip(bootstrap, settings.prefix, record_from(record, record.topic), why)
    except KafkaError as error:
        raise kafka_unreachable(bootstrap, error) from error
