"""What every contender folds: the same Avro bytes, the same count by tenant, the same kind of output."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import ConsumerRecord, TopicPartition

from tests.bench.plain_traffic import START, TENANTS
from tocsin.schemas.events import ActivityKind, ActivityObserved
from tocsin.streams.engine.engine import Engine
from tocsin.streams.engine.engine_settings import EngineSettings
from tocsin.streams.engine.record import RuleSet
from tocsin.streams.engine.worker import build_app, run_worker

PARTITIONS = 12


def activity(number: int) -> ActivityObserved:
    """A small event, about 150 bytes of Avro."""
    return ActivityObserved(
        event_id=f"019ab7c1-5f00-7000-8000-{number:012x}",
        tenant=f"tenant-{number % TENANTS}",
        occurred_at=START + number,
        recorded_at=START + number,
        kind=ActivityKind.RECORD_CHANGED,
        record_type="connection",
        record_id=f"record-{number % 7919}",
    )


def counted(event: ActivityObserved, count: int) -> ActivityObserved:
    """The output of the small fold."""
    return msgspec.structs.replace(event, record_state=str(count))


async def fill(bootstrap: str, topic: str, values: list[tuple[bytes, bytes]], *headers: tuple[str, bytes]) -> None:
    """Put (key, value) pairs into a topic of `PARTITIONS` partitions, made here, each with these headers."""
    await make_topics(bootstrap, {topic: {"message.timestamp.type": "LogAppendTime"}})
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, max_batch_size=256 * 1024)
    await producer.start()
    for key, value in values:
        await producer.send(topic, value, key=key, headers=list(headers))
    await producer.stop()


async def make_topics(bootstrap: str, topics: dict[str, dict[str, str]]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=config) for name, config in topics.items()])
    await admin.close()
    await asyncio.sleep(1.0)


@dataclass
class Stopwatch:
    """Time and CPU from the first record to the last output that was acknowledged."""

    wanted: int
    taken: int = 0
    started: float = 0.0
    cpu: float = 0.0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self, number: int) -> None:
        if not self.started:
            self.started, self.cpu = time.perf_counter(), cpu_seconds()
        self.taken += number
        if self.taken >= self.wanted:
            self.seconds = time.perf_counter() - self.started
            self.cpu_used = cpu_seconds() - self.cpu
            self.done.set()

    def begin(self) -> None:
        if not self.started:
            self.started, self.cpu = time.perf_counter(), cpu_seconds()

    def tell(self) -> None:
        """Print the figures as one JSON line on standard output."""
        figures = {"events": self.taken, "seconds": self.seconds, "cpu_seconds": self.cpu_used}
        sys.stdout.write(json.dumps(figures) + "\n")
        sys.stdout.flush()


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def run_engine(rules: RuleSet, bootstrap: str, prefix: str, events: int) -> None:
    """Run one rule set in our engine until `events` records are written down and said; print the figures."""
    watch = Stopwatch(events)
    settings = EngineSettings(bootstrap, prefix)
    engine = Engine([rules], settings, on_written=lambda rules, partition, folded: watch.count(folded.taken))
    app = build_app(f"{prefix}{rules.name}", engine, [rules], bootstrap, prefix)
    offer = engine.offer

    def begin(partition: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        watch.begin()
        offer(partition, records)

    engine.offer = begin  # type: ignore[method-assign]
    stop, ready = asyncio.Event(), asyncio.Event()
    working = asyncio.create_task(run_worker(app, engine, stop, ready))
    await watch.done.wait()
    watch.tell()
    stop.set()
    await working
