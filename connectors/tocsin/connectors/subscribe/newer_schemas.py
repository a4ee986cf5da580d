"""The schemas that newer releases write with, as each process of the bus announces them on the topic `settings`."""

from __future__ import annotations

import logging

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from tocsin.connectors.kafka import open_consumer, read_to_end
from tocsin.schemas.codec import decode
from tocsin.schemas.errors import SchemaRefused, Undecodable
from tocsin.schemas.events import SchemaInUse
from tocsin.schemas.schema_book import SchemaBook

log = logging.getLogger("tocsin.subscribe")


async def learn_schemas(bootstrap: str, prefix: str, book: SchemaBook) -> None:
    """Add to `book` what was announced until now. What cannot be read or used is left out; a fault of Kafka too, for
    who needs a schema asks again."""
    place = TopicPartition(f"{prefix}settings", 0)
    try:
        async with open_consumer(bootstrap) as consumer:
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            async for record in read_to_end(consumer):
                _learn(record.value, book)
    except (KafkaError, TimeoutError) as error:
        log.warning("%s cannot be read: %s", place.topic, type(error).__name__)


def _learn(value: bytes | None, book: SchemaBook) -> None:
    try:
        event = decode(value, book=book)
        if isinstance(event, SchemaInUse):
            book.add_foreign_schema(event.schema_id, event.schema)
    except (SchemaRefused, Undecodable):
        return  # an event of a newer release is not readable by it, then: it is waited for, and said so
