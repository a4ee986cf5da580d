"""Confluent's own client reads our bytes through the registry that the gateway serves."""

from __future__ import annotations

import asyncio
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from tocsin.schemas.codec import decode
from tocsin.schemas.events import EVENTS
from tocsin.schemas.lock import shipped_entries

from .conftest import Gateway

GOLDEN = sorted((Path(__file__).parents[2] / "schemas" / "golden").glob("*.bin"))
ENTRIES = {entry.event_name: entry for entry in shipped_entries()}


def in_micros(value: Any) -> Any:
    """The value with each datetime as microseconds since the epoch."""
    match value:
        case datetime():
            return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        case dict():
            return {key: in_micros(each) for key, each in value.items()}
        case list():
            return [in_micros(each) for each in value]
        case _:
            return value


async def test_confluent_kafka_reads_every_golden_value_through_the_gateway(gateway: Gateway) -> None:
    # The client is synchronous, so it gets a thread; the gateway answers from this loop.
    assert await asyncio.to_thread(read_all, f"http://127.0.0.1:{gateway.port}") == set(ENTRIES)


def read_all(url: str) -> set[str]:
    """Read every golden value with AvroDeserializer and compare it with ours; the names of what was read."""
    # authlib, which confluent-kafka imports, turns its own deprecation warnings on: no pytest filter comes before it.
    with warnings.catch_warnings(record=True):
        from confluent_kafka.schema_registry import SchemaRegistryClient
        from confluent_kafka.schema_registry.avro import AvroDeserializer
        from confluent_kafka.serialization import MessageField, SerializationContext

    context = SerializationContext("tocsin.inbox", MessageField.VALUE)
    read: set[str] = set()
    with SchemaRegistryClient({"url": url}) as client:
        deserialise = AvroDeserializer(client)
        for path in GOLDEN:
            data = path.read_bytes()
            event = decode(data)
            name = type(event).__name__
            document = deserialise(data, context)
            assert msgspec.convert(in_micros(document), EVENTS[name], builtin_types=(bytes,)) == event
            read.add(name)
        assert client.get_latest_version("io.tocsin.Tick").schema_id == ENTRIES["Tick"].id
        assert len(client.get_subjects()) == len(ENTRIES)
    return read
