"""`tocsin tail`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer
from aiokafka import ConsumerRecord

from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.streams.cli.failures import USAGE, CommandFailed
from tocsin.streams.cli.filtering import Filter
from tocsin.streams.cli.locating import located_settings
from tocsin.streams.cli.logs import set_up_logging
from tocsin.streams.cli.records import records_of
from tocsin.streams.cli.showing import clipped, show, show_json, tell
from tocsin.streams.processes.running import stop_on_signals
from tocsin.streams.processes.waiting import unless
from tocsin.streams.settings import Settings, load_settings
from tocsin.streams.topology import TOPICS, topic_name

HEX_SHOWN = 64
"""Bytes of an undecodable value that are shown."""


class From(StrEnum):
    """Where to begin."""

    BEGINNING = "beginning"
    NOW = "now"


def run(
    topic: Annotated[str, typer.Argument(help="A topic of the map, with or without its prefix.")] = "problems",
    start: Annotated[
        From, typer.Option("--from", help="Where to begin. Order holds within a partition only.")
    ] = From.NOW,
    expression: Annotated[
        str | None,
        typer.Option(
            "--filter", help="CEL on type, event, key, partition, offset: 'event.problem.severity == \"error\"'."
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on for ever, or end at the end.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per record.")] = False,
) -> None:
    """Show the events of a topic as they come, until Ctrl-C; commits nothing and disturbs nobody."""
    name = _name_of(topic)
    wanted = Filter(expression)
    settings = located_settings()
    set_up_logging(settings.log_format, "warning")
    showing = show_json if as_json else lambda seen: show(line_of(seen))
    asyncio.run(_tail(settings, topic_name(settings.prefix, name), start, follow, wanted, showing))


async def _tail(
    settings: Settings, topic: str, start: From, follow: bool, wanted: Filter, showing: Callable[[dict[str, Any]], None]
) -> None:
    stop = stop_on_signals()

    async def until_the_end() -> None:
        async for record in records_of(settings, topic, start.value, follow=follow):
            seen = seen_of(record)
            if wanted.wants(seen):
                showing(seen)

    await unless(stop, until_the_end())
    if complaint := wanted.complaint():
        tell(f"tocsin: {complaint}")


def _name_of(topic: str) -> str:
    known = [spec.name for spec in TOPICS]
    name = topic if topic in known else topic.removeprefix(load_settings().prefix)
    if name not in known:
        raise CommandFailed(USAGE, f"no topic {topic!r} is on the map; there are {', '.join(known)}")
    return name


def seen_of(record: ConsumerRecord) -> dict[str, Any]:
    """What a record is, as JSON types: an event, or the reason why it is none and its first bytes as hex."""
    key = None if record.key is None else record.key.decode("utf-8", "replace")
    seen: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "time": datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(timespec="milliseconds"),
        "key": key,
    }
    try:
        event = decode(record.value)
    except Undecodable as undecodable:
        value = record.value or b""
        return seen | {"type": "", "undecodable": str(undecodable), "hex": value[:HEX_SHOWN].hex(), "bytes": len(value)}
    return seen | {"type": type(event).__name__, "event": msgspec.to_builtins(event)}


def line_of(seen: dict[str, Any]) -> str:
    """One line for a person; nothing in it can control a terminal."""
    head = f"{seen['time'][11:23]} {seen['partition']}:{seen['offset']}"
    if not seen["type"]:
        return f"{head} undecodable ({seen['undecodable']}): {seen['hex']} ({seen['bytes']} bytes)"
    event = seen["event"]
    problem = event.get("problem") or {}
    said = [
        f"{name}={clipped(str(value), 100)}"
        for name, value in (
            ("tenant", event.get("tenant")),
            ("code", problem.get("code")),
            ("thread", problem.get("thread_id")),
            *((name, event.get(name)) for name in _TOLD),
            ("text", problem.get("text")),
        )
        if value not in (None, "", [])
    ]
    return f"{head} {seen['type']} {' '.join(said)}"


_TOLD = ("case", "reason", "endpoint", "endpoints", "attempt", "outcome", "status", "count", "delivery_id", "event_id")
