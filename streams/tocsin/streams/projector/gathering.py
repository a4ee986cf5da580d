"""The wait between two reads of the projector, in which records gather: decisions 0016 and 0022."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from time import monotonic

from aiokafka import AIOKafkaConsumer, TopicPartition

GATHER = 0.1
"""Seconds from one read to the next, at least: a read asks for each partition of all topics, whatever it brings."""


async def gather(consumer: AIOKafkaConsumer, places: Iterable[TopicPartition], began: float) -> None:
    """Wait until GATHER after `began`, of `time.monotonic`; not at all if nothing was read of these places, or one has
    more, as far as is known, than was read."""
    behind, read = False, False
    for place in places:
        read = True
        behind = behind or (consumer.highwater(place) or 0) > await consumer.position(place)
    if read and not behind:
        await asyncio.sleep(max(0.0, began + GATHER - monotonic()))
