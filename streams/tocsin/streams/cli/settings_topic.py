"""The topic `settings`, as commands read it and write to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.errors import KafkaError

from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.processes.kafka import kafka_unreachable, reachable
from tocsin.streams.settings import Settings
from tocsin.streams.silences.settings_topic import SettingsTopic


@asynccontextmanager
async def settings_topic(settings: Settings) -> AsyncIterator[SettingsTopic]:
    """The topic, read to its end. Raises ServiceUnreachable, also for what Kafka raises in the block."""
    bootstrap = await reachable(settings)
    try:
        async with SettingsTopic(bootstrap, settings.prefix, SchemaBook(), "cli") as topic:
            yield topic
    except KafkaError as error:
        raise kafka_unreachable(bootstrap, error) from error
