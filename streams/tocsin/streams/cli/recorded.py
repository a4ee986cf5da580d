"""Recorded events of `inbox`: lines of `tocsin tail inbox --json`, or the last day of the topic itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any

import msgspec

from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.schemas.events import EVENTS, Event
from tocsin.streams.cli.failures import BAD_INPUT, CommandFailed
from tocsin.streams.cli.records import records_of
from tocsin.streams.settings import Settings
from tocsin.streams.topology import topic_name

DAY_MS = 24 * 3600 * 1000


class Recorded(msgspec.Struct, frozen=True):
    """One event, its partition, and when it was appended (microseconds)."""

    event: Event
    partition: int
    at: int


def recorded_in(file: Path) -> Iterator[Recorded]:
    """The events of a file of JSON lines, in its order; records that were no event are left out. Raises
    CommandFailed(65) with file:line."""
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                found = _recorded(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                why = " ".join(str(error).split())[:200]
                message = f"{file}:{number}: this is no line of `tocsin tail inbox --json`: {why}"
                raise CommandFailed(BAD_INPUT, message) from None
            if found is not None:
                yield found


async def recorded_last_day(settings: Settings) -> AsyncIterator[Recorded]:
    """The events of the topic `inbox` of the last 24 hours, in the order of each partition. Raises ServiceUnreachable,
    CommandFailed."""
    topic = topic_name(settings.prefix, "inbox")
    async for record in records_of(settings, topic, since=int(time() * 1000) - DAY_MS):
        try:
            event = decode(record.value)
        except Undecodable:
            continue
        yield Recorded(event, record.partition, record.timestamp * 1000)


def _recorded(seen: dict[str, Any]) -> Recorded | None:
    if not seen["type"]:
        return None
    kind = EVENTS.get(seen["type"])
    if kind is None:
        raise ValueError(f"there is no event {seen['type']}")
    event = msgspec.convert(seen["event"], kind)
    at = event.recorded_at
    if "time" in seen:
        at = int(datetime.fromisoformat(seen["time"]).replace(tzinfo=UTC).timestamp() * 1000) * 1000
    return Recorded(event, int(seen.get("partition", 0)), at)
