"""Publishing: `async with Publisher("localhost:9092") as p: await p.publish(problem("e.p.xfer", text="..."))`.

`MemoryPublisher` is the same without Kafka, for tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.connectors.dialects.context import ProblemContext
from tocsin.connectors.kafka_security import KafkaSecurity
from tocsin.connectors.publish.errors import (
    GatewayAway,
    KafkaAway,
    NoRoom,
    NotAllowed,
    NothingToPublish,
    PublishFailed,
    PublishRefused,
    PublishUnconfirmed,
    TopicMissing,
)
from tocsin.connectors.publish.exception_codes import problem_code
from tocsin.connectors.publish.exceptions import problem_of_exception
from tocsin.connectors.publish.headers import cloud_event_headers
from tocsin.connectors.publish.port import EventPublisher, InboxEvent, MemoryPublisher, Receipt
from tocsin.connectors.publish.reporting import Origin, problem, problem_reported
from tocsin.connectors.publish.spool import Spool, SpoolUnusable
from tocsin.connectors.publish.stats import PublisherStats
from tocsin.connectors.publish.threads import SyncPublisher

if TYPE_CHECKING:
    from tocsin.connectors.publish.http import HttpPublisher
    from tocsin.connectors.publish.kafka import Publisher

__all__ = [
    "EventPublisher",
    "GatewayAway",
    "HttpPublisher",
    "InboxEvent",
    "KafkaAway",
    "KafkaSecurity",
    "MemoryPublisher",
    "NoRoom",
    "NotAllowed",
    "NothingToPublish",
    "Origin",
    "ProblemContext",
    "PublishFailed",
    "PublishRefused",
    "PublishUnconfirmed",
    "Publisher",
    "PublisherStats",
    "Receipt",
    "Spool",
    "SpoolUnusable",
    "SyncPublisher",
    "TopicMissing",
    "cloud_event_headers",
    "problem",
    "problem_code",
    "problem_of_exception",
    "problem_reported",
]


def __getattr__(name: str) -> object:
    """What sends is imported when it is asked for: aiokafka takes longer than all else together, and who publishes to
    Kafka needs no HTTP."""
    match name:
        case "Publisher":
            from tocsin.connectors.publish.kafka import Publisher

            return Publisher
        case "HttpPublisher":
            from tocsin.connectors.publish.http import HttpPublisher

            return HttpPublisher
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
