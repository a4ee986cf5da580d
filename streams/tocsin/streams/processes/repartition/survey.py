"""What there is before anything is copied: topics, partitions, offsets, groups and their members, figures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import BrokerResponseError

from tocsin.connectors.kafka import open_consumer, partitions_of
from tocsin.connectors.printable import printable
from tocsin.streams.engine.skips import skip_group
from tocsin.streams.processes.exit_codes import BAD_INPUT, CHECK_FAILED, CommandFailed
from tocsin.streams.processes.kafka import coordinated
from tocsin.streams.topics import TopicsMissing
from tocsin.streams.topology import CARRIER_LIMIT, TOPICS, topic_name

LISTED = 40
"""How often Kafka is asked for its groups, a quarter of a second apart."""
SAMPLED = 200
"""Records of the end of each partition, of which the size of all is estimated."""
BESIDE = 24
"""Bytes that Kafka keeps of a record besides its key, value and headers, about."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The offsets that a partition holds: from `first` up to, not including, `end`."""

    first: int
    end: int


Stretches = Mapping[str, Mapping[int, Stretch]]
"""Topic (without prefix) -> partition -> what it holds."""
Committed = Mapping[str, Mapping[str, Mapping[int, int]]]
"""Group -> topic (without prefix) -> partition -> offset."""


async def check_topics(admin: AIOKafkaAdminClient, prefix: str) -> dict[str, int]:
    """How many partitions each topic of the map has. Raises TopicsMissing, and CommandFailed(65) when an agent's input
    and changelog differ: then rows are already elsewhere than their keys."""
    names = [topic_name(prefix, spec.name) for spec in TOPICS]
    found = set(await admin.list_topics())
    if missing := [name for name in names if name not in found]:
        raise TopicsMissing(missing)
    described = {row["topic"].removeprefix(prefix): row["partitions"] for row in await admin.describe_topics(names)}
    counts = {name: len(partitions) for name, partitions in described.items()}
    for topic, changelog in (("inbox", "decide-changelog"), ("deliveries", "deliver-changelog")):
        if counts[topic] != counts[changelog]:
            raise CommandFailed(
                BAD_INPUT,
                f"{prefix}{topic} has {counts[topic]} partitions, {prefix}{changelog} has {counts[changelog]}: one was "
                "changed by hand, and keys are on other partitions than their rows. Nothing is copied",
            )
    return counts


async def stretches(bootstrap: str, prefix: str, topics: Iterable[str]) -> dict[str, dict[int, Stretch]]:
    """What each partition holds now. Raises KafkaError."""
    async with open_consumer(bootstrap) as consumer:
        places = [place for name in topics for place in await partitions_of(consumer, topic_name(prefix, name))]
        first, last = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    found: dict[str, dict[int, Stretch]] = {}
    for place in places:
        of_topic = found.setdefault(place.topic.removeprefix(prefix), {})
        of_topic[place.partition] = Stretch(first[place], last[place])
    return found


async def groups_of(admin: AIOKafkaAdminClient, prefix: str) -> dict[str, dict[str, dict[int, int]]]:
    """What each consumer group has committed of the topics. Raises KafkaError."""
    ours = frozenset(topic_name(prefix, spec.name) for spec in TOPICS)
    found: dict[str, dict[str, dict[int, int]]] = {}
    await coordinated(admin, f"{prefix}worker")
    asked_to_skip = skip_group(prefix)  # of records that partitions halted at: they halt again, and say so
    for group in sorted(await _all_groups(admin) - {asked_to_skip}):
        for place, at in (await admin.list_consumer_group_offsets(group)).items():
            if place.topic in ours and at.offset >= 0:
                topics = found.setdefault(group, {})
                topics.setdefault(place.topic.removeprefix(prefix), {})[place.partition] = at.offset
    return found


async def _all_groups(admin: AIOKafkaAdminClient) -> set[str]:
    """The names of all groups; Kafka that was just started reads them back first, and is asked again."""
    for _ in range(LISTED):
        with suppress(BrokerResponseError):
            return {group for group, _ in await admin.list_consumer_groups()}
        await asyncio.sleep(0.25)
    return {group for group, _ in await admin.list_consumer_groups()}


async def members_of(admin: AIOKafkaAdminClient, prefix: str, groups: Iterable[str]) -> list[str]:
    """Who is alive in a group that reads the topics, in words. Raises KafkaError."""
    alive = []
    for group in sorted({*groups, f"{prefix}worker", f"{prefix}dispatch"}):
        await coordinated(admin, group)
        for answer in await admin.describe_consumer_groups([group]):
            for described in answer.groups:
                members = sorted({f"{member[1]} at {member[2].lstrip('/')}" for member in described[5]})
                if members:
                    alive.append(f"{printable(group)} ({printable(', '.join(members))})")
    return alive


def refuse_members(alive: list[str]) -> None:
    """Raises CommandFailed(1) that names them, if there are any."""
    if alive:
        raise CommandFailed(
            CHECK_FAILED,
            f"the bus is not stopped; these groups have members: {'; '.join(alive)}. Stop every worker and "
            "dispatcher, and every gateway, projector, publisher and subscriber of this bus; then again. (One that was "
            "killed is a member until its session ends, TOCSIN_SESSION_TIMEOUT.)",
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """About how much there is of a topic: offsets in use, and bytes once, by the size of the last records."""

    topic: str
    partitions_now: int
    partitions_then: int
    records: int
    bytes: int


async def figures(bootstrap: str, prefix: str, found: Stretches, counts: Mapping[str, int]) -> list[Figures]:
    """What would be copied; `counts` are the new numbers of partitions. Raises KafkaError."""
    told = []
    async with open_consumer(bootstrap, fetch_max_wait_ms=50, max_partition_fetch_bytes=CARRIER_LIMIT) as consumer:
        for topic, partitions in found.items():
            records = sum(stretch.end - stretch.first for stretch in partitions.values())
            size = await _mean_size(consumer, topic_name(prefix, topic), partitions) if records else 0.0
            told.append(Figures(topic, len(partitions), counts[topic], records, round(records * size)))
    return told


async def _mean_size(consumer: AIOKafkaConsumer, topic: str, partitions: Mapping[int, Stretch]) -> float:
    places = [TopicPartition(topic, number) for number, stretch in partitions.items() if stretch.end > stretch.first]
    consumer.assign(places)
    for place in places:
        stretch = partitions[place.partition]
        consumer.seek(place, max(stretch.first, stretch.end - SAMPLED))
    records = [
        record
        for found in (await consumer.getmany(timeout_ms=1000, max_records=SAMPLED * len(places))).values()
        for record in found
    ]
    sizes = [
        BESIDE
        + len(one.key or b"")
        + len(one.value or b"")
        + sum(len(name) + len(text or b"") for name, text in one.headers)
        for one in records
    ]
    return sum(sizes) / len(sizes) if sizes else 0.0
