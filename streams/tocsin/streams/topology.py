"""The map: every topic of the bus, what it is keyed by, how Kafka keeps it, and how large its records may be.

The order of the topics is the flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

KIB, MIB = 1024, 1024 * 1024

RECORD_LIMIT = 2 * MIB
"""The largest record of a topic of events, in bytes. A valid event is at most 1 MiB; the topics take more, so that a
larger one can be read and put into `dead`."""

LARGEST_BATCH = 4 * MIB
"""The largest record batch that Tocsin writes, in bytes: a batch's rows and outputs, or a dead letter."""

CARRIER_LIMIT = LARGEST_BATCH + 64 * KIB
"""The largest record batch, in bytes, that Kafka takes (`max.message.bytes` of changelogs and of `dead`), a request
carries and a fetch must bring: a whole record of another topic, or a batch's rows and outputs, and its own frame."""

MINUTE, DAY = 60_000, 86_400_000  # milliseconds, Kafka's unit


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic. `name` has no prefix; `partitions` None = the setting TOCSIN_PARTITIONS; `config` is Kafka's."""

    name: str
    keyed_by: str
    doc: str
    config: Mapping[str, str] = field(default_factory=dict)
    partitions: int | None = None


def _config(**values: object) -> Mapping[str, str]:
    return MappingProxyType({key.replace("_", "."): str(value) for key, value in values.items()})


# LogAppendTime: the broker's clock is the bus's clock; timers fire by it.
_INPUT = _config(
    cleanup_policy="delete",
    retention_ms=30 * DAY,
    message_timestamp_type="LogAppendTime",
    max_message_bytes=RECORD_LIMIT,
)
_FLOW = _config(cleanup_policy="delete", retention_ms=30 * DAY, max_message_bytes=RECORD_LIMIT)
# Whoever waits for an answer reads them all: apart from `problems`, where they would be few among many.
_ANSWERS = _config(cleanup_policy="delete", retention_ms=7 * DAY, max_message_bytes=RECORD_LIMIT)
_AUDIT = _config(cleanup_policy="delete", retention_ms=365 * DAY, max_message_bytes=RECORD_LIMIT)
# A paused reader must find the records that name the owner, hence the lag before compaction:
# docs/architecture.md#ownership.
_CHANGELOG = _config(
    cleanup_policy="compact",
    min_compaction_lag_ms=15 * MINUTE,
    max_compaction_lag_ms=DAY,
    segment_bytes=64 * MIB,
    max_message_bytes=CARRIER_LIMIT,
)

TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec("inbox", "tenant", "What was published: reports, activity, commands; and the ticks of `decide`.", _INPUT),
    TopicSpec("problems", "case", "What `decide` says of each problem: opened, repeated, suppressed, resolved.", _FLOW),
    TopicSpec("escalations", "case", "The steps of each escalation.", _FLOW),
    TopicSpec("answers", "command", "What became of each command: of people, programs and the bus itself.", _ANSWERS),
    TopicSpec(
        "deliveries", "endpoint", "What is to be told to whom, the outcomes, and the ticks of `deliver`.", _INPUT
    ),
    # LogAppendTime: the dispatcher leaves an attempt that has lain here too long to its lease (dispatcher/memory.py).
    TopicSpec("attempts", "endpoint", "Try this delivery now: for the dispatcher.", _INPUT),
    TopicSpec(
        "settings",
        "setting",
        "Tenants, keys, subscriptions, silences, overrides, schemas in use: the last of each key.",
        _config(cleanup_policy="compact", min_compaction_lag_ms=15 * MINUTE, max_message_bytes=RECORD_LIMIT),
        partitions=1,
    ),
    TopicSpec(
        "audit", "tenant", "Who used, made or ended a credential, and who changed what; one order of all.", _AUDIT, 1
    ),
    TopicSpec(
        "dead",
        "original key",
        "What could not be read, folded or delivered: the original bytes, and headers that say where and why.",
        _config(cleanup_policy="delete", retention_ms=90 * DAY, max_message_bytes=CARRIER_LIMIT),
    ),
    TopicSpec(
        "decide-changelog",
        "row",
        "The rows, marks and outboxes of `decide`, one partition per `inbox` one.",
        _CHANGELOG,
    ),
    TopicSpec(
        "deliver-changelog",
        "row",
        "The rows, marks and outboxes of `deliver`, one partition per `deliveries` one.",
        _CHANGELOG,
    ),
)


def topic_name(prefix: str, name: str) -> str:
    """The name in Kafka: `inbox` of prefix `tocsin.` is `tocsin.inbox`. Raises KeyError if it is not on the map."""
    if name not in _NAMES:
        raise KeyError(name)
    return prefix + name


_NAMES = frozenset(spec.name for spec in TOPICS)
