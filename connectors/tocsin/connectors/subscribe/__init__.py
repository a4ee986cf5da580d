"""Subscribing: the events of the bus, in Python, each at least once (docs/subscribe.md).

    async with Subscriber("localhost:9092", group="billing", codes="e.p.xfer") as events:
        async for told in events:
            print(told.kind, told.case, told.text)

`await events.run(handler)` tries again what fails and puts aside what keeps failing; `Subscriber.sync(...)` is the same
for plain threads; `MemorySubscriber` is the same without Kafka, for tests. Part of the light package.
"""

from __future__ import annotations

from tocsin.connectors.kafka_security import KafkaSecurity
from tocsin.connectors.seen import MemorySeenIds, SeenIds, SqliteSeenIds, once
from tocsin.connectors.subscribe.errors import DeadLetter, SubscribeFailed, SubscribeRefused, TooManyDeadLetters
from tocsin.connectors.subscribe.memory import MemorySubscriber
from tocsin.connectors.subscribe.received import Received
from tocsin.connectors.subscribe.retries import Retries
from tocsin.connectors.subscribe.subscriber import Subscriber
from tocsin.connectors.subscribe.threads import SyncSubscriber

__all__ = [
    "DeadLetter",
    "KafkaSecurity",
    "MemorySeenIds",
    "MemorySubscriber",
    "Received",
    "Retries",
    "SeenIds",
    "SqliteSeenIds",
    "SubscribeFailed",
    "SubscribeRefused",
    "Subscriber",
    "SyncSubscriber",
    "TooManyDeadLetters",
    "once",
]
