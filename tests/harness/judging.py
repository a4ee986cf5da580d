"""What must hold after a run with faults (docs/reliability.md#promises), by Kafka and the receiver alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.harness.receiver import Receiver
from tocsin.schemas.codec import decode
from tocsin.schemas.events import ProblemReported
from tocsin.schemas.ids import derived_id
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.decide import DecideAgent
from tocsin.streams.agents.deliver import DeliverAgent
from tocsin.streams.engine.changelog import Replay
from tocsin.streams.engine.fold import Folder, Limits
from tocsin.streams.engine.kafka_log import record_from
from tocsin.streams.engine.record import Record
from tocsin.streams.engine.rows import RowStore


async def read_topic(bootstrap: str, topic: str) -> dict[int, list[Record]]:
    """Every record that a topic holds now, by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        places = places or [TopicPartition(topic, number) for number in await _partitions(consumer, topic)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found: dict[int, list[Record]] = {place.partition: [] for place in places}
        for place in places:
            while await consumer.position(place) < ends[place]:
                for record in (await consumer.getmany(place, timeout_ms=500)).get(place, ()):
                    found[place.partition].append(record_from(record, topic))
        return found
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.force_metadata_update()
    consumer._client.add_topic(topic)
    await consumer._client.force_metadata_update()
    return consumer.partitions_for_topic(topic) or set()


@dataclass
class Verdict:
    """What was found wrong, in words; empty lists are what is hoped for."""

    missing: list[str] = field(default_factory=list)
    spurious: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    inverted: list[str] = field(default_factory=list)
    repeats: int = 0
    delivered: int = 0


def judge(inbox: dict[int, list[Record]], receiver: Receiver, endpoint: str, accepted: set[str]) -> Verdict:
    """Compare what was accepted with what arrived. Order: per thread, by position in the log of `inbox`."""
    verdict = Verdict()
    wanted: dict[str, tuple[str | None, int]] = {}
    for records in inbox.values():
        for record in records:
            event = decode(record.value)
            if isinstance(event, ProblemReported) and event.event_id not in wanted:
                wanted[event.event_id] = (event.problem.thread_id, record.offset)
    arrived = receiver.delivered()
    expected = {derived_id("delivery", event_id, endpoint): event_id for event_id in wanted}
    verdict.missing = [event_id for delivery, event_id in expected.items() if delivery not in arrived]
    verdict.missing += sorted(accepted - wanted.keys())
    verdict.spurious = [delivery for delivery in arrived if delivery not in expected]
    verdict.changed = [delivery for delivery, came in arrived.items() if len({one.body for one in came}) > 1]
    verdict.delivered = len(arrived)
    verdict.repeats = sum(len(came) - 1 for came in arrived.values())
    verdict.inverted = _inversions(arrived, expected, wanted)
    return verdict


def _inversions(arrived: Any, expected: dict[str, str], wanted: dict[str, tuple[str | None, int]]) -> list[str]:
    first: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
    for delivery, came in arrived.items():
        if delivery in expected:
            thread, offset = wanted[expected[delivery]]
            if thread is not None:
                first[thread].append((came[0].at, offset, delivery))
    wrong = []
    for thread, seen in first.items():
        offsets = [offset for _, offset, _ in sorted(seen)]
        if offsets != sorted(offsets):
            wrong.append(f"{thread}: {offsets}")
    return wrong


async def rows_differ(bootstrap: str, prefix: str, agent: DecideAgent | DeliverAgent) -> list[str]:
    """Fold the input again with the same rules, as far as the owner has come, and compare with the rows that the
    changelog holds. What came in after the owner's last batch (an outcome of a dispatcher that outlives its worker) is
    no difference."""
    inputs = await read_topic(bootstrap, prefix + agent.input_topic)
    changelogs = await read_topic(bootstrap, prefix + agent.changelog)
    differences = []
    for partition, records in inputs.items():
        replay = Replay(_store(agent))
        for record in changelogs[partition]:
            replay.read(record)
        records = [record for record in records if replay.mark is not None and record.offset <= replay.mark.offset]
        recomputed = _store(agent)
        folder = Folder(agent, recomputed, partition, Limits(records=10**9, batch_bytes=10**12), lambda key: None)
        taken = now = 0
        while taken < len(records):
            folded = folder.fold(records[taken:], now)
            taken, now = taken + folded.taken, folded.now
        kept, again = dict(replay.rows.items()), dict(recomputed.items())
        differences += [
            f"{agent.name}/{partition} {key}: {kept.get(key)} != {again.get(key)}"
            for key in kept.keys() | again.keys()
            if kept.get(key) != again.get(key)
        ]
    return differences


def _store(agent: DecideAgent | DeliverAgent) -> RowStore:
    return RowStore(agent.encode_row, agent.decode_row, agent.row_version, agent.per_scope)


def agents(rulebook: Any, prefix: str) -> tuple[DecideAgent, DeliverAgent]:
    """Both agents as a worker with default settings has them."""
    from tocsin.streams.processes.live_config import LiveDeliverConfig
    from tocsin.streams.rules.config import DecideConfig

    decide, deliver = DecideConfig(book=rulebook), LiveDeliverConfig(SimpleNamespace(book=rulebook))
    book = SchemaBook()
    return DecideAgent(lambda: decide, prefix, book), DeliverAgent(deliver, prefix, book)
