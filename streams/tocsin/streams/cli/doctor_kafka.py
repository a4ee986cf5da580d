"""What `tocsin doctor` checks in Kafka: whether it answers, topics, lag of the processes, dead letters."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from time import time

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tocsin.connectors.kafka import offsets_since, open_consumer, read_to_end
from tocsin.connectors.printable import clipped
from tocsin.streams.cli.doctor_checks import Check, Level
from tocsin.streams.cli.halted import GROUPS, READERS, troubles
from tocsin.streams.engine.dead import NOT_A_PROBLEM
from tocsin.streams.engine.phase import Trouble
from tocsin.streams.processes.dead.letter import Opened
from tocsin.streams.processes.dead.notes import PURGED_OF, REPLAYED_OF, is_note, noted
from tocsin.streams.processes.exit_codes import CommandFailed
from tocsin.streams.processes.kafka import ServiceUnreachable, admin_of, coordinated, needed_bootstrap, places_of
from tocsin.streams.settings import Settings
from tocsin.streams.topics import ChangeKind, TopicChange, plan
from tocsin.streams.topology import topic_name

MUCH_LAG = 1000
HOUR = 3600
LOOKED_AT = 10_000
"""The most dead letters that are counted."""
WITHIN = 30.0


async def kafka_checks(settings: Settings) -> list[Check]:
    """The checks of Kafka; one that is away or not as it should be is a failed check, not an exception."""
    checks: list[Check] = []
    try:
        async with asyncio.timeout(WITHIN), admin_of(settings) as admin:
            cluster = await admin.describe_cluster()
            checks.append(Check("kafka", Level.OK, f"{len(cluster['brokers'])} broker(s) at {settings.bootstrap}"))
            changes = await plan(admin, settings)
            checks += _topics(changes)
            if any(change.kind is ChangeKind.MISSING for change in changes):
                return checks
            for process, topics in GROUPS.items():
                checks.append(await _group(admin, settings, process, topics))
            checks += [halted_check(trouble) for trouble in await troubles(admin, settings)]
            checks.append(await _dead(settings))
    except (ServiceUnreachable, CommandFailed) as error:
        checks.append(Check("kafka", Level.FAIL, str(error)))
    except TimeoutError:
        checks.append(Check("kafka", Level.FAIL, f"no answer within {WITHIN:.0f} s", "look at the log of Kafka"))
    except KafkaError as error:
        checks.append(Check("kafka", Level.FAIL, f"{type(error).__name__}: {error}", "look at the log of Kafka"))
    return checks


def _topics(changes: list[TopicChange]) -> list[Check]:
    missing = [change.topic for change in changes if change.kind is ChangeKind.MISSING]
    checks = [
        Check("topics", Level.WARN, f"{change.topic}: {change.detail}")
        for change in changes
        if change.kind is not ChangeKind.MISSING
    ]
    if missing:
        checks.append(Check("topics", Level.FAIL, f"missing: {', '.join(missing)}", "tocsin topics apply"))
    return checks or [Check("topics", Level.OK, "all there, as the map says")]


def halted_check(trouble: Trouble) -> Check:
    """A partition that halted or waits, with what helps."""
    topic, partition = trouble.place.split(" ")
    detail = f"partition {partition} of {READERS.get(topic, topic)} halted: {trouble.reason}"
    return Check("partition", Level.FAIL, detail, trouble.help())


async def _group(admin: AIOKafkaAdminClient, settings: Settings, process: str, topics: tuple[str, ...]) -> Check:
    group = f"{settings.prefix}{process}"
    members = await _members(admin, group)
    places = [place for name in topics for place in await places_of(settings, topic_name(settings.prefix, name))]
    lag = await _lag(admin, settings, group, places)
    detail = f"{members} running, {lag} records behind"
    if not members:
        return Check(process, Level.WARN, detail, f"start one: tocsin {process}")
    if lag > MUCH_LAG:
        return Check(process, Level.WARN, detail, f"start more of it (tocsin {process}), or look at its /readyz")
    return Check(process, Level.OK, detail)


async def _members(admin: AIOKafkaAdminClient, group: str) -> int:
    await coordinated(admin, group)
    answers = await admin.describe_consumer_groups([group])
    return sum(len(described[5]) for answer in answers for described in answer.groups)


async def _lag(admin: AIOKafkaAdminClient, settings: Settings, group: str, places: list[TopicPartition]) -> int:
    committed = await admin.list_consumer_group_offsets(group)
    async with open_consumer(needed_bootstrap(settings)) as consumer:
        first, last = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    read = {place: committed[place].offset if place in committed else -1 for place in places}
    return sum(max(0, last[place] - (read[place] if read[place] >= 0 else first[place])) for place in places)


async def _dead(settings: Settings) -> Check:
    places = await places_of(settings, topic_name(settings.prefix, "dead"))
    died: dict[tuple[int, int], str] = {}
    async with open_consumer(needed_bootstrap(settings)) as consumer:
        consumer.assign(places)
        hour_ago, before = [
            await offsets_since(consumer, places, int((time() - ago) * 1000)) for ago in (HOUR, 2 * HOUR)
        ]
        begins = {place.partition: offset for place, offset in hour_ago.items()}
        earlier = sum(hour_ago[place] - before[place] for place in places)
        for place, offset in hour_ago.items():
            consumer.seek(place, offset)
        async with aclosing(read_to_end(consumer)) as records:
            async for record in records:
                if is_note(record):
                    for first, behind in (*noted(record, REPLAYED_OF), *noted(record, PURGED_OF)):
                        for offset in range(max(first, begins[record.partition]), min(behind, record.offset)):
                            died.pop((record.partition, offset), None)
                elif (letter := Opened(record)).reason != NOT_A_PROBLEM:
                    died[record.partition, record.offset] = letter.reason
                if len(died) >= LOOKED_AT:
                    break
    reasons = Counter(died.values())
    if not reasons:
        return Check("dead letters", Level.OK, "none in the last hour")
    listed = ", ".join(f"{count} {clipped(reason, 60)}" for reason, count in reasons.most_common(5))
    growth = f"{earlier} in the hour before" + (": they grow" if reasons.total() > earlier else "")
    return Check("dead letters", Level.WARN, f"in the last hour: {listed}; {growth}", "tocsin dead stats --from 1h")
