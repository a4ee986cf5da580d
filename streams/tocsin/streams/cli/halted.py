"""The partitions that stand still, as the processes commit it with their offsets: it can be read from Kafka alone."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient

from tocsin.streams.engine.phase import Trouble
from tocsin.streams.processes.kafka import coordinated
from tocsin.streams.settings import Settings

GROUPS = {"worker": ("inbox", "deliveries"), "dispatch": ("attempts",)}
"""Process -> the topics that its group (`<prefix><process>`) reads."""
READERS = {"inbox": "decide", "deliveries": "deliver", "attempts": "dispatch"}
"""Topic -> who reads it, as the metrics name it."""


async def troubles(admin: AIOKafkaAdminClient, settings: Settings) -> list[Trouble]:
    """One for each partition that halted or waits, as of the last commit (each second). Raises KafkaError."""
    found = []
    for process in GROUPS:
        group = f"{settings.prefix}{process}"
        await coordinated(admin, group)
        for place, at in sorted((await admin.list_consumer_group_offsets(group)).items()):
            trouble = Trouble.read(f"{place.topic.removeprefix(settings.prefix)} {place.partition}", at.metadata)
            if trouble is not None:
                found.append(trouble)
    return found
