"""Removes the topics of a bus that was only tried out. No other command deletes a topic."""

from __future__ import annotations

from contextlib import suppress

from aiokafka.errors import KafkaError

from tocsin.streams.cli.admin import admin_of
from tocsin.streams.processes.running import ServiceUnreachable
from tocsin.streams.settings import Settings
from tocsin.streams.topology import TOPICS, topic_name


async def remove_topics(settings: Settings) -> None:
    """Deletes every topic of the map under the settings' prefix; what cannot be deleted stays."""
    with suppress(KafkaError, ServiceUnreachable):
        async with admin_of(settings) as admin:
            await admin.delete_topics([topic_name(settings.prefix, spec.name) for spec in TOPICS])
