"""`tocsin dead list | show | replay`."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated

import msgspec
import typer
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from tocsin.streams.commands.dead_letters import DeadLetter, letter_of, original_headers
from tocsin.streams.commands.failures import BAD_INPUT, CHECK_FAILED, USAGE, CommandFailed
from tocsin.streams.commands.locating import located_settings
from tocsin.streams.commands.logs import set_up_logging
from tocsin.streams.commands.records import places_of, records_of
from tocsin.streams.commands.showing import clipped, printable, show, show_json
from tocsin.streams.commands.tail import seen_of
from tocsin.streams.processes.running import kafka_unreachable, needed_bootstrap
from tocsin.streams.settings import Settings
from tocsin.streams.topology import TOPICS, topic_name

app = typer.Typer()
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per letter.")]
Reason = Annotated[str | None, typer.Option(help="Only those with this reason.")]
Letter = Annotated[str, typer.Argument(help="PARTITION:OFFSET, as `dead list` shows it.")]


@app.command("list")
def list_letters(reason: Reason = None, as_json: AsJson = False) -> None:
    """List the dead letters, oldest first within each partition."""
    found = asyncio.run(_all(_settings(), reason))
    for _, letter in found:
        show_json(msgspec.to_builtins(letter)) if as_json else show(_line(letter))
    if not found and not as_json:
        show("no dead letters")


@app.command("show")
def show_letter(letter: Letter, as_json: AsJson = False) -> None:
    """Show one dead letter whole: headers, and the event, or its first bytes as hex."""
    record = asyncio.run(_one(_settings(), letter))
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    seen = {**seen_of(record), **msgspec.to_builtins(letter_of(record)), "headers": headers}
    if as_json:
        show_json(seen)
        return
    for name, value in seen.items():
        show(f"{name:12} {printable(str(value))}")


@app.command()
def replay(
    letter: Annotated[str | None, typer.Argument(help="PARTITION:OFFSET, as `dead list` shows it.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them (with --reason: all of these).")] = False,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Write a dead letter's original bytes to the topic where it died again, under the same key and event id.

    It stays in `dead`. What the bus has dealt with meanwhile under the same id is suppressed, never counted twice.
    """
    if (letter is None) == (not everything):
        raise CommandFailed(USAGE, "say which: a PARTITION:OFFSET, or --all")
    settings = _settings()
    replayed = asyncio.run(_replay(settings, letter, reason))
    for found in replayed:
        show_json(msgspec.to_builtins(found)) if as_json else show(f"replayed {_line(found)}")
    if not replayed:
        show("no dead letters") if not as_json else None
        raise typer.Exit(CHECK_FAILED)


def _settings() -> Settings:
    settings = located_settings()
    set_up_logging(settings.log_format, "warning")
    return settings


async def _all(settings: Settings, reason: str | None) -> list[tuple[ConsumerRecord, DeadLetter]]:
    topic = topic_name(settings.prefix, "dead")
    found = [(record, letter_of(record)) async for record in records_of(settings, topic)]
    return [(record, letter) for record, letter in found if reason in (None, letter.reason)]


async def _one(settings: Settings, wanted: str) -> ConsumerRecord:
    topic = topic_name(settings.prefix, "dead")
    place = re.fullmatch(r"([0-9]{1,6}):([0-9]{1,18})", wanted)
    if place is None:
        raise CommandFailed(USAGE, f"{wanted!r} is not PARTITION:OFFSET")
    only = TopicPartition(topic, int(place[1]))
    if only in await places_of(settings, topic):
        async for record in records_of(settings, topic, only=only):
            if record.offset == int(place[2]):
                return record
    raise CommandFailed(BAD_INPUT, f"there is no dead letter {wanted}: see `tocsin dead list`")


async def _replay(settings: Settings, wanted: str | None, reason: str | None) -> list[DeadLetter]:
    records = [await _one(settings, wanted)] if wanted else [record for record, _ in await _all(settings, reason)]
    letters = [letter_of(record) for record in records]
    ours = {topic_name(settings.prefix, spec.name) for spec in TOPICS} - {topic_name(settings.prefix, "dead")}
    for letter in letters:
        if letter.topic not in ours:
            raise CommandFailed(BAD_INPUT, f"dead letter {letter.id} does not say which of our topics it came from")
    bootstrap = needed_bootstrap(settings)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_request_size=5 * 1024 * 1024
    )
    try:
        await producer.start()
        for record, letter in zip(records, letters, strict=True):
            await producer.send_and_wait(letter.topic, record.value, key=record.key, headers=original_headers(record))
    except KafkaError as error:
        raise kafka_unreachable(bootstrap, error) from error
    finally:
        await producer.stop()
    return letters


def _line(letter: DeadLetter) -> str:
    came = f"{letter.topic}/{letter.partition}@{letter.offset}"
    what = f"{letter.type} {letter.event_id}" if letter.type else f"{letter.bytes} bytes that are no event"
    return printable(f"{letter.id} {letter.time} {letter.reason} ({letter.stage}) {came}: {what}") + (
        f": {clipped(letter.detail, 160)}" if letter.detail else ""
    )
