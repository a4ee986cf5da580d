"""Reading topics without a consumer group: the whole of them, or from now on; nothing is committed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.streams.processes.exit_codes import UNREACHABLE, CommandFailed
from tocsin.streams.processes.kafka import admin_of, kafka_unreachable, needed_bootstrap
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
) -> AsyncIterator[ConsumerRecord]:
    """The records of a topic (its name in Kafka), up to its end now, or for ever with `follow`.

    With `since` (milliseconds) only those that were appended then or later. In the order of each partition, partitions
    interleaved. Raises ServiceUnreachable, CommandFailed(69: no such topic).
    """
    places = [only] if only else await places_of(settings, topic)
    bootstrap = needed_bootstrap(settings)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=100)
    try:
        await consumer.start()
        consumer.assign(places)
        first, last = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        if since is not None:
            found = await consumer.offsets_for_times(dict.fromkeys(places, since))
            first = {place: at.offset if (at := found[place]) else last[place] for place in places}
        for place in places:
            consumer.seek(place, first[place] if start == "beginning" else last[place])
        left = {place for place in places if first[place] < last[place]}
        while follow or left:
            for place, records in (await consumer.getmany(timeout_ms=200)).items():
                for record in records:
                    if follow or record.offset < last[place]:
                        yield record
            left = {place for place in left if await consumer.position(place) < last[place]}
    except KafkaError as error:
        raise kafka_unreachable(bootstrap, error) from error
    finally:
        await consumer.stop()


async def places_of(settings: Settings, topic: str) -> list[TopicPartition]:
    """Every partition of a topic. Raises ServiceUnreachable, or CommandFailed(69) when there is no such topic."""
    async with admin_of(settings) as admin:
        [described] = await admin.describe_topics([topic])
    if described["error_code"]:
        raise CommandFailed(UNREACHABLE, f"Kafka has no topic {topic}: run `tocsin topics apply` (or `tocsin up`)")
    return [TopicPartition(topic, number) for number in sorted(row["partition"] for row in described["partitions"])]


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
