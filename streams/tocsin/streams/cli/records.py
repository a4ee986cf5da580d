"""Reading topics without a consumer group, whole or from now on; nothing is committed."""

from __future__ import annotations

import heapq
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from tocsin.connectors.kafka import merge_to_end, offsets_since, open_consumer
from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.streams.processes.kafka import kafka_unreachable, needed_bootstrap, places_of
from tocsin.streams.settings import Settings

Start = Literal["beginning", "now"]

HEX_SHOWN = 64
"""Bytes of an undecodable value that are shown."""


async def records_of(
    settings: Settings,
    topic: str,
    start: Start = "beginning",
    *,
    follow: bool = False,
    only: TopicPartition | None = None,
    since: int | None = None,
) -> AsyncGenerator[ConsumerRecord, None]:
    """The records of a topic (its name in Kafka), up to its end now, or indefinitely with `follow`.

    With `since` (milliseconds) only those that were appended then or later. In the order of each partition, and of
    their times over all partitions, as far as they were appended when it was called. Close it (`aclosing`) to leave it
    before its end. Raises ServiceUnreachable, CommandFailed(69: no such topic).
    """
    places = [only] if only else await places_of(settings, topic)
    bootstrap = needed_bootstrap(settings)
    try:
        async with open_consumer(bootstrap, fetch_max_wait_ms=100) as consumer:
            consumer.assign(places)
            last = await consumer.end_offsets(places)
            first = last
            if since is not None:
                first = await offsets_since(consumer, places, since)
            elif start == "beginning":
                first = await consumer.beginning_offsets(places)
            for place in places:
                consumer.seek(place, first[place])
            async for record in merge_to_end(consumer, last, poll_ms=200):
                yield record
            while follow:
                found = await consumer.getmany(timeout_ms=200)
                for record in heapq.merge(*found.values(), key=lambda record: record.timestamp):
                    yield record
    except (KafkaError, TimeoutError) as error:
        raise kafka_unreachable(bootstrap, error) from error


def seen_of(record: ConsumerRecord) -> dict[str, Any]:
    """A record as JSON types: its event, or the reason why it has none and its first bytes as hex."""
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
