"""Publishing: `async with Publisher("localhost:9092") as p: await p.publish(problem("e.p.xfer", text="..."))`.

`MemoryPublisher` is the same without Kafka, for tests.
"""

from __future__ import annotations

from tocsin.connectors.dialects.context import ProblemContext
from tocsin.connectors.kafka_security import KafkaSecurity
from tocsin.connectors.publish.errors import (
    KafkaAway,
    NothingToPublish,
    PublishFailed,
    PublishRefused,
    PublishUnconfirmed,
    TopicMissing,
)
from tocsin.connectors.publish.exceptions import problem_of_exception
from tocsin.connectors.publish.headers import cloud_event_headers
from tocsin.connectors.publish.kafka import Publisher
from tocsin.connectors.publish.port import EventPublisher, InboxEvent, MemoryPublisher, Receipt
from tocsin.connectors.publish.reporting import Origin, problem, problem_reported

__all__ = [
    "EventPublisher",
    "InboxEvent",
    "KafkaAway",
    "KafkaSecurity",
    "MemoryPublisher",
    "NothingToPublish",
    "Origin",
    "ProblemContext",
    "PublishFailed",
    "PublishRefused",
    "PublishUnconfirmed",
    "Publisher",
    "Receipt",
    "TopicMissing",
    "cloud_event_headers",
    "problem",
    "problem_of_exception",
    "problem_reported",
]
