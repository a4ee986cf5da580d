"""Makes the topics of the map in Kafka, and finds where Kafka differs from it. Nothing is ever deleted or altered.

The partition count of a topic is fixed when it is made: another count would move keys to other partitions, away from
their rows (the way to another one: docs/repartitioning.md). aiokafka has no incremental alteration of configurations
(the old kind resets what it does not name), so a differing configuration is reported with the command that corrects it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tocsin.connectors.kafka import open_admin, open_consumer, read_to_end
from tocsin.schemas.errors import TocsinError
from tocsin.streams.settings import Settings
from tocsin.streams.topology import TOPICS, TopicSpec, topic_name

LEADER_TIMEOUT = 30.0
TOPIC_EXISTS = 36
UNKNOWN_TOPIC = 3
FILLING = "repartition"
"""The topic beside those of the map, of a bus that `tocsin topics repartition` makes: how far it has come."""
WHOLE = "whole"
"""The state of a bus that is complete."""


class ChangeKind(StrEnum):
    """How Kafka differs from the map."""

    MISSING = "missing"
    PARTITIONS = "partitions"
    REPLICATION = "replication"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class TopicChange:
    """One difference. `apply` makes what is MISSING; the others are for a person, and `detail` says what to do."""

    kind: ChangeKind
    topic: str
    detail: str


class TopicsRefused(TocsinError):
    """Kafka did not make the topics, or gave a partition no leader; the message has each topic and Kafka's reason."""

    exit_code = 69


async def plan(admin: AIOKafkaAdminClient, settings: Settings) -> list[TopicChange]:
    """Every difference between the map and Kafka, in the map's order; empty = nothing to do."""
    specs = {topic_name(settings.prefix, spec.name): spec for spec in TOPICS}
    found = await _describe(admin, specs)
    configs = await _configs(admin, [name for name in specs if name in found])
    changes: list[TopicChange] = []
    for name, spec in specs.items():
        if name not in found:
            changes.append(
                TopicChange(ChangeKind.MISSING, name, f"make it with {_partitions(spec, settings)} partitions")
            )
            continue
        changes += _differences(name, spec, settings, found[name])
        changes += _config_differences(name, _wanted(spec, settings), configs[name])
    return changes


async def apply(admin: AIOKafkaAdminClient, settings: Settings) -> list[TopicChange]:
    """Makes what is missing, waits until every partition has a leader, and returns the plan that it followed.

    Two at once do no harm. Raises TopicsRefused.
    """
    changes = await plan(admin, settings)
    missing = {change.topic for change in changes if change.kind is ChangeKind.MISSING}
    specs = {topic_name(settings.prefix, spec.name): spec for spec in TOPICS}
    if missing:
        await _create(admin, {name: specs[name] for name in specs if name in missing}, settings)
    await _until_led(admin, specs)
    return changes


async def make_to_fill(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    """Make the topics of the map, none of which may be there yet. Until `open_for_use` they keep the times of what is
    written into them, and nothing is deleted or compacted. Raises TopicsRefused."""
    specs = {topic_name(settings.prefix, spec.name): spec for spec in TOPICS}
    kept = {"cleanup.policy": "delete", "retention.ms": "-1", "message.timestamp.type": "CreateTime"}
    await _create(admin, specs, settings, kept)
    await _until_led(admin, specs)


async def make_filling(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    """Make the topic FILLING, unless it is there. Raises TopicsRefused."""
    spec = TopicSpec(FILLING, "", "", {"cleanup.policy": "delete", "retention.ms": "-1"}, 1)
    await _create(admin, {settings.prefix + FILLING: spec}, settings)
    await _until_led(admin, [settings.prefix + FILLING])


async def open_for_use(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    """Give topics of `make_to_fill` the configuration of the map. Raises TopicsRefused."""
    wanted = [
        ConfigResource(ConfigResourceType.TOPIC, topic_name(settings.prefix, spec.name), dict(_wanted(spec, settings)))
        for spec in TOPICS
    ]
    refused = [str(row) for answer in await admin.alter_configs(wanted) for row in answer.resources if row[0]]
    if refused:
        raise TopicsRefused("Kafka did not configure the topics: " + "; ".join(refused))


async def _create(
    admin: AIOKafkaAdminClient,
    specs: Mapping[str, TopicSpec],
    settings: Settings,
    over: Mapping[str, str] | None = None,
) -> None:
    new = [
        NewTopic(
            name,
            _partitions(spec, settings),
            settings.replication,
            topic_configs={**_wanted(spec, settings), **(over or {})},
        )
        for name, spec in specs.items()
    ]
    answer = await admin.create_topics(new)
    refused = [f"{row[0]}: {row[2] or row[1]}" for row in answer.topic_errors if row[1] not in (0, TOPIC_EXISTS)]
    if refused:
        raise TopicsRefused("Kafka did not make the topics: " + "; ".join(refused))


async def _until_led(admin: AIOKafkaAdminClient, names: Collection[str]) -> None:
    try:
        async with asyncio.timeout(LEADER_TIMEOUT):
            while leaderless := await _leaderless(admin, names):  # noqa: ASYNC110 - Kafka has no event for it
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise TopicsRefused(f"without a leader after {LEADER_TIMEOUT:.0f} s: {', '.join(leaderless)}") from None


async def _leaderless(admin: AIOKafkaAdminClient, names: Collection[str]) -> list[str]:
    found = await _describe(admin, names)
    return [
        name
        for name in names
        if name not in found or not found[name] or any(row["error_code"] or row["leader"] < 0 for row in found[name])
    ]


async def _describe(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    rows = await admin.describe_topics(list(names))
    return {row["topic"]: row["partitions"] for row in rows if row["error_code"] != UNKNOWN_TOPIC}


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }


def _partitions(spec: TopicSpec, settings: Settings) -> int:
    return spec.partitions or settings.partitions


def _wanted(spec: TopicSpec, settings: Settings) -> dict[str, str]:
    # with three copies, two must have a record before it counts as written
    return {**spec.config, "min.insync.replicas": str(max(1, settings.replication - 1))}


def _differences(name: str, spec: TopicSpec, settings: Settings, rows: list[dict[str, Any]]) -> list[TopicChange]:
    changes = []
    wanted, copies = _partitions(spec, settings), {len(row["replicas"]) for row in rows}
    if len(rows) != wanted:
        detail = (
            f"has {len(rows)}, the settings say {wanted}: set TOCSIN_PARTITIONS to what there is "
            "(for another number: docs/repartitioning.md)"
        )
        changes.append(TopicChange(ChangeKind.PARTITIONS, name, detail))
    if copies != {settings.replication}:
        detail = f"has {sorted(copies)} copies, the settings say {settings.replication}: kafka-reassign-partitions.sh"
        changes.append(TopicChange(ChangeKind.REPLICATION, name, detail))
    return changes


def _config_differences(name: str, wanted: Mapping[str, str], has: Mapping[str, str]) -> list[TopicChange]:
    return [
        TopicChange(
            ChangeKind.CONFIG,
            name,
            f"{key} is {has.get(key)}, should be {value}: "
            f"kafka-configs.sh --alter --entity-type topics --entity-name {name} --add-config {key}={value}",
        )
        for key, value in wanted.items()
        if has.get(key) != value
    ]


class TopicsMissing(TocsinError):
    """Kafka answers, but the bus's topics are not there: never made, or TOCSIN_PREFIX is another one. Exit code 69."""

    exit_code = 69

    def __init__(self, topics: list[str]) -> None:
        super().__init__(
            f"topics are missing: {', '.join(topics)}; run: tocsin topics apply (or correct TOCSIN_PREFIX). "
            "With a login of its own a process sees only what it may: docs/access.md has its rights"
        )
        self.topics = topics


class TopicsNotFilled(TocsinError):
    """`tocsin topics repartition` did not come to its end: what is in the topics is not the whole bus. Exit code 69."""

    exit_code = 69


async def require_topics(bootstrap: str, prefix: str) -> None:
    """Check that every topic of the map exists: Kafka clients would wait for a missing one for ever, and log it ten
    thousand times a second; and that they are whole, if another bus was copied into them. Raises TopicsMissing,
    TopicsNotFilled or KafkaError."""
    names = [topic_name(prefix, spec.name) for spec in TOPICS]
    async with open_admin(bootstrap) as admin:
        found = set(await admin.list_topics())
    missing = [name for name in names if name not in found]
    if missing:
        raise TopicsMissing(missing)
    if prefix + FILLING in found and (filling := await filling_of(bootstrap, prefix)).get("state") != WHOLE:
        raise TopicsNotFilled(
            f"the topics {prefix}* are not filled: `tocsin topics repartition` did not come to its end. Run it again "
            f"as before, or set TOCSIN_PREFIX to {filling.get('source', 'what it was')}"
        )


async def filling_of(bootstrap: str, prefix: str) -> dict[str, Any]:
    """What stands last in the topic FILLING, which is there; nothing when it is empty. Raises KafkaError."""
    place = TopicPartition(prefix + FILLING, 0)
    last: dict[str, Any] = {}
    async with open_consumer(bootstrap, fetch_max_wait_ms=50, auto_offset_reset="earliest") as consumer:
        consumer.assign([place])
        async for record in read_to_end(consumer):
            last = msgspec.json.decode(record.value, type=dict[str, Any])
    return last
