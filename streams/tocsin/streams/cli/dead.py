"""`tocsin dead list | show | replay`: dead letters as a person sees them, and the record that a replay writes."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Collection
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from tocsin.connectors.kafka import open_producer
from tocsin.connectors.printable import clipped, printable
from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.streams.cli.options import client_settings
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.cli.records import places_of, records_of, seen_of
from tocsin.streams.engine.dead import (
    BATCH_UNREADABLE,
    CONNECT_PREFIX,
    CUT_HEADER,
    GATEWAY_STAGE,
    NOT_A_PROBLEM,
    REASON_HEADER,
)
from tocsin.streams.processes.exit_codes import BAD_INPUT, CHECK_FAILED, USAGE, CommandFailed
from tocsin.streams.processes.kafka import kafka_unreachable, needed_bootstrap
from tocsin.streams.settings import Settings
from tocsin.streams.topology import TOPICS, topic_name

app = typer.Typer()
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per letter.")]
Reason = Annotated[str | None, typer.Option(help="Only those with this reason.")]
Letter = Annotated[str, typer.Argument(help="PARTITION:OFFSET, as `dead list` shows it.")]


@app.command("list")
def list_letters(reason: Reason = None, as_json: AsJson = False) -> None:
    """List the dead letters, oldest first within each partition; --reason not_a_problem lists what the gateway was sent
    and is no problem."""
    found = [letter for _, letter in asyncio.run(_all(client_settings(), reason))]
    letters = [letter for letter in found if reason or letter.reason != NOT_A_PROBLEM]
    for letter in letters:
        show_json(msgspec.to_builtins(letter)) if as_json else show(_line(letter))
    if not letters and not as_json:
        show("no dead letters")
    if len(letters) < len(found):
        show_error(f"{len(found) - len(letters)} documents that are no problem: --reason {NOT_A_PROBLEM}")


@app.command("show")
def show_letter(letter: Letter, as_json: AsJson = False) -> None:
    """Show one dead letter whole: headers, and the event, or its first bytes as hex; of what is no problem the text."""
    record = asyncio.run(_one(client_settings(), letter))
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    found = letter_of(record)
    seen = {**seen_of(record), **msgspec.to_builtins(found), "headers": headers}
    if found.stage == GATEWAY_STAGE:
        seen |= {"text": (record.value or b"").decode("utf-8", "replace")}
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

    It stays in `dead`, with a note; --all leaves out what was replayed already and what holds no record. What the bus
    has dealt with meanwhile under the same id is suppressed, never counted twice; a dead delivery is attempted anew.
    """
    if (letter is None) == (not everything):
        raise CommandFailed(USAGE, "say which: a PARTITION:OFFSET, or --all")
    settings = client_settings()
    replayed, left_out = asyncio.run(_replay(settings, letter, reason))
    for found in replayed:
        show_json(msgspec.to_builtins(found)) if as_json else show(f"replayed {_line(found)}")
    for why, count in left_out.items():
        show_error(f"{count} not replayed: {why}")
    if not replayed:
        show("no dead letters") if not as_json and not left_out else None
        raise typer.Exit(CHECK_FAILED)


async def _all(settings: Settings, reason: str | None) -> list[tuple[ConsumerRecord, DeadLetter]]:
    topic = topic_name(settings.prefix, "dead")
    records = [record async for record in records_of(settings, topic)]
    replayed = {replayed_of(record) for record in records}
    letters = [(record, letter_of(record)) for record in records if replayed_of(record) is None]
    return [
        (record, msgspec.structs.replace(letter, replayed=letter.id in replayed))
        for record, letter in letters
        if reason in (None, letter.reason)
    ]


async def _one(settings: Settings, wanted: str) -> ConsumerRecord:
    topic = topic_name(settings.prefix, "dead")
    place = re.fullmatch(r"([0-9]{1,6}):([0-9]{1,18})", wanted)
    if place is None:
        raise CommandFailed(USAGE, f"{wanted!r} is not PARTITION:OFFSET")
    only = TopicPartition(topic, int(place[1]))
    if only in await places_of(settings, topic):
        async with aclosing(records_of(settings, topic, only=only)) as records:
            async for record in records:
                if record.offset == int(place[2]) and replayed_of(record) is None:
                    return record
    raise CommandFailed(BAD_INPUT, f"there is no dead letter {wanted}: see `tocsin dead list`")


async def _replay(settings: Settings, wanted: str | None, reason: str | None) -> tuple[list[DeadLetter], Counter[str]]:
    """The letters that were replayed, and how many were not, by reason. A letter wanted by its id is replayed however
    often it was before. Raises CommandFailed when that one cannot be replayed."""
    ours = {topic_name(settings.prefix, spec.name) for spec in TOPICS} - {topic_name(settings.prefix, "dead")}
    if wanted:
        record = await _one(settings, wanted)
        letter = letter_of(record)
        if refusal := why_not_replayable(record, letter, ours):
            raise CommandFailed(BAD_INPUT, f"dead letter {letter.id} cannot be replayed: {refusal}")
        await _write_again(settings, [(record, letter)])
        return [letter], Counter()
    chosen, left_out = list[tuple[ConsumerRecord, DeadLetter]](), Counter[str]()
    for record, letter in await _all(settings, reason):
        refusal = "it was replayed already" if letter.replayed else why_not_replayable(record, letter, ours)
        if refusal:
            left_out[refusal] += 1
        else:
            chosen.append((record, letter))
    await _write_again(settings, chosen)
    return [letter for _, letter in chosen], left_out


async def _write_again(settings: Settings, chosen: list[tuple[ConsumerRecord, DeadLetter]]) -> None:
    """Write each letter to its topic, then a note of it to `dead`: after a kill in between it is replayed again."""
    bootstrap = needed_bootstrap(settings)
    try:
        async with open_producer(bootstrap, max_request_size=5 * 1024 * 1024) as producer:
            for record, letter in chosen:
                headers = original_headers(record)
                await producer.send_and_wait(letter.topic, record.value, key=record.key, headers=headers)
                await producer.send_and_wait(record.topic, b"", partition=record.partition, headers=replay_note(letter))
    except KafkaError as error:
        raise kafka_unreachable(bootstrap, error) from error


def _line(letter: DeadLetter) -> str:
    came = f"{letter.topic}/{letter.partition}@{letter.offset}" if letter.topic else letter.stage
    what = f"{letter.type} {letter.event_id}" if letter.type else f"{letter.bytes} bytes that are no event"
    again = " (replayed)" if letter.replayed else ""
    # Whoever may write to Kafka wrote these headers.
    reason, stage, came, what = (clipped(text, 160) for text in (letter.reason, letter.stage, came, what))
    return printable(f"{letter.id} {letter.time} {reason} ({stage}) {came}: {what}{again}") + (
        f": {clipped(letter.detail, 160)}" if letter.detail else ""
    )


REPLAYED_OF = "tocsin.replayed-of"
OWN = (CONNECT_PREFIX, REASON_HEADER, CUT_HEADER, "tocsin.attempts")
"""Headers that were added when the record died: a replayed record goes without them."""


class DeadLetter(Struct, frozen=True, kw_only=True):
    """One record of `dead`. `id` is `partition:offset` within `dead`; `event_id` is empty when it is no event.
    `replayed`: it has been replayed, which `letter_of` alone cannot know."""

    id: str
    time: str
    reason: str
    stage: str
    topic: str
    partition: str
    offset: str
    detail: str
    type: str
    event_id: str
    bytes: int
    replayed: bool = False


def letter_of(record: ConsumerRecord) -> DeadLetter:
    """What a record of `dead` tells about itself; headers may be missing or not text."""
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    try:
        event = decode(record.value)
        kind, event_id = type(event).__name__, event.event_id
    except Undecodable:
        kind, event_id = "", ""
    return DeadLetter(
        id=f"{record.partition}:{record.offset}",
        time=datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(timespec="milliseconds"),
        reason=headers.get(REASON_HEADER, "unknown"),
        stage=headers.get(CONNECT_PREFIX + "stage", ""),
        topic=headers.get(CONNECT_PREFIX + "topic", ""),
        partition=headers.get(CONNECT_PREFIX + "partition", ""),
        offset=headers.get(CONNECT_PREFIX + "offset", ""),
        detail=headers.get(CONNECT_PREFIX + "exception.message", ""),
        type=kind,
        event_id=event_id,
        bytes=len(record.value or b""),
    )


def replayed_of(record: ConsumerRecord) -> str | None:
    """The id of the letter that was replayed, when this record of `dead` is no letter but the note of a replay."""
    return next(
        ((value or b"").decode("utf-8", "replace") for name, value in record.headers if name == REPLAYED_OF), None
    )


def replay_note(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """The headers of the record of `dead` that notes the replay of a letter."""
    return [(REPLAYED_OF, letter.id.encode())]


def why_not_replayable(record: ConsumerRecord, letter: DeadLetter, topics: Collection[str]) -> str | None:
    """Why writing this letter to its topic again is pointless, or None; `topics` are those it may come from."""
    if letter.stage == GATEWAY_STAGE:
        return "it is a document that is no problem, and never was a record"
    if letter.stage == "timer":
        return "it holds the row of a timer that failed, not a record"
    if letter.stage == "input" or letter.reason == BATCH_UNREADABLE or record.value is None:
        return "it reports something and holds no record"
    if any(name == CUT_HEADER for name, _ in record.headers):
        return "it holds only a part of the record, which was too large"
    if letter.topic not in topics:
        return "it does not say which of our topics it came from"
    return None


def original_headers(record: ConsumerRecord) -> list[tuple[str, bytes]]:
    """The headers that the record had before it died."""
    return [(name, value) for name, value in record.headers if not name.startswith(OWN)]
