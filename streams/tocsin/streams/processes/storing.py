"""One record stored by a producer that is kept open, as those who answer requests need it: stored, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from tocsin.connectors.kafka import BatchProducer, TopicNotThere
from tocsin.connectors.publish import KafkaAway, PublishUnconfirmed, TopicMissing


async def stored(
    producer: BatchProducer,
    topic: str,
    value: bytes,
    *,
    key: bytes,
    headers: Sequence[tuple[str, bytes]],
    deadline: float,
    event_id: str = "",
) -> None:
    """Store a record within `deadline` seconds. Raises PublishUnconfirmed, or KafkaAway or TopicMissing: nothing was
    sent."""
    sent = False
    try:
        async with asyncio.timeout(deadline):
            started = await producer.started()
            sent = True
            await started.send_and_wait(topic, value, key=key, headers=list(headers))
    except TopicNotThere:
        raise TopicMissing(event_id, topic) from None
    except (KafkaError, TimeoutError, OSError) as error:
        if sent:
            producer.replace()
            raise PublishUnconfirmed(event_id) from error
        raise KafkaAway(event_id) from error
