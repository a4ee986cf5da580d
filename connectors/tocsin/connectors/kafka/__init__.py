"""Kafka as every process of ours uses it: clients from one set of options, one producer that survives its own faults,
and reading a topic to its end.
"""

from __future__ import annotations

from tocsin.connectors.kafka.bounded import BoundedConsumer, refusal_of
from tocsin.connectors.kafka.client import (
    CLOSE_WITHIN,
    client_options,
    ended_within,
    open_admin,
    open_consumer,
    open_producer,
)
from tocsin.connectors.kafka.dead_letters import CONNECT_PREFIX, CUT_HEADER, REASON_HEADER, dead_headers, within_bounds
from tocsin.connectors.kafka.partitions import Admission, Offsets, PartitionProgress
from tocsin.connectors.kafka.producer import BatchProducer, ProducerReplaced, ReadyBatch, TopicNotThere
from tocsin.connectors.kafka.reading import merge_to_end, offsets_since, partitions_of, read_to_end
from tocsin.connectors.kafka.settled import Settled
from tocsin.connectors.kafka_security import Kafka, KafkaSecurity, SecurityUnusable

__all__ = [
    "CLOSE_WITHIN",
    "CONNECT_PREFIX",
    "CUT_HEADER",
    "REASON_HEADER",
    "Admission",
    "BatchProducer",
    "BoundedConsumer",
    "Kafka",
    "KafkaSecurity",
    "Offsets",
    "PartitionProgress",
    "ProducerReplaced",
    "ReadyBatch",
    "SecurityUnusable",
    "Settled",
    "TopicNotThere",
    "client_options",
    "dead_headers",
    "ended_within",
    "merge_to_end",
    "offsets_since",
    "open_admin",
    "open_consumer",
    "open_producer",
    "partitions_of",
    "read_to_end",
    "refusal_of",
    "within_bounds",
]
