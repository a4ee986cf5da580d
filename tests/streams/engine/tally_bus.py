"""Topics, workers and the oracle for the engine's tests on a real Kafka, all under one prefix."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from tests.harness.forking import Process, start

ROOT = Path(__file__).parents[3]
WORKER = """
import os, runpy
for number in (1, 2):
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
runpy.run_module("tests.streams.engine.tally_worker", run_name="__main__")
"""
"""Whose output nobody reads."""
PATIENCE = 90.0
"""Seconds to wait for anything: the machine may be busy with other tests."""


class TallyBus:
    """Feeds `numbers`, starts and ends workers by their pid, and compares `sums` with a recomputation."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int) -> None:
        self.bootstrap, self.prefix, self.partitions = bootstrap, prefix, partitions
        self.admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        self.producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=2)
        self.workers: list[Process] = []
        self.fed = 0
        self.runs = 0

    async def create(self, *names: str) -> None:
        kinds = {
            "numbers": {"message.timestamp.type": "LogAppendTime", "max.message.bytes": "2097152"},
            "tally-changelog": {"cleanup.policy": "compact", "max.message.bytes": "4259840"},
            "sums": {"max.message.bytes": "2097152"},
            "dead": {"max.message.bytes": "4259840"},
        }
        for _ in range(100):
            made = await self.admin.create_topics(
                [NewTopic(self.prefix + name, self.partitions, 1, topic_configs=kinds[name]) for name in names or kinds]
            )
            if all(error[1] in (0, 36) for error in made.topic_errors):  # 36: exists already
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.2)

    async def feed(self, count: int, names: int = 7, **more: object) -> None:
        """Publish events whose ids go on counting."""
        sent = []
        for _ in range(count):
            name = f"n{self.fed % names}"
            event = {"name": name, "add": self.fed % 13, "id": f"e{self.fed}", **more}
            self.fed += 1
            value = json.dumps(event).encode()
            sent.append(await self.producer.send(self.prefix + "numbers", value, key=name.encode()))
        await asyncio.gather(*sent)

    async def start_worker(self, group: str | None = None, failpoint: str = "", dead_letters: int = 100) -> Process:
        """A worker; without `group` in a group of its own, so that no dead member has to time out first."""
        self.runs += 1
        arguments = (self.bootstrap, self.prefix, group or f"{self.prefix}g{self.runs}", str(dead_letters))
        worker = await start(WORKER, arguments, {**os.environ, "TOCSIN_FAILPOINT": failpoint}, ROOT)
        self.workers.append(worker)
        return worker

    async def end(self, worker: Process, how: signal.Signals = signal.SIGTERM) -> int:
        if worker.returncode is None:
            worker.send_signal(how)
        return await asyncio.wait_for(worker.wait(), PATIENCE)

    async def records(self, name: str) -> list[ConsumerRecord]:
        """Every record of a topic, partition by partition."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        places = [TopicPartition(self.prefix + name, number) for number in range(self.partitions)]
        await consumer.start()
        try:
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            found: list[ConsumerRecord] = []
            for place in places:
                while await consumer.position(place) < ends[place]:
                    batch = await consumer.getmany(place, timeout_ms=500)
                    found += batch.get(place, [])
            return found
        finally:
            await consumer.stop()

    async def delete_before(self, name: str, offset: int) -> None:
        await self.admin.delete_records({TopicPartition(self.prefix + name, 0): RecordsToDelete(offset)})

    async def told(self) -> dict[str, list[bytes]]:
        """What was said of each name, in order, repeats left out."""
        seen: dict[str, dict[bytes, None]] = defaultdict(dict)
        for record in await self.records("sums"):
            seen[record.key.decode()].setdefault(record.value)
        return {name: list(values) for name, values in seen.items()}

    async def until_told(self, ids: Sequence[str]) -> None:
        """Wait until something was said of each of these events."""
        wanted, ends = set(ids), time.monotonic() + PATIENCE
        while wanted:
            said = {json.loads(value).get("id") for values in (await self.told()).values() for value in values}
            wanted -= said
            if wanted and time.monotonic() > ends:
                raise AssertionError(f"{len(wanted)} events were never said, for example {sorted(wanted)[:5]}")
            await asyncio.sleep(0.1)

    async def until_all_told(self) -> None:
        await self.until_told([f"e{number}" for number in range(self.fed)])

    async def check_sums(self, events: Sequence[dict[str, Any]] | None = None) -> int:
        """Compare with a recomputation: each event once, in order, in one form. Returns how many repeats were said."""
        if events is None:
            events = [json.loads(record.value) for record in await self.records("numbers") if not record.headers]
        wanted: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for event in events:
            before = wanted[event["name"]][-1] if wanted[event["name"]] else {"sum": 0, "id": ""}
            total = before["sum"] + event["add"]
            wanted[event["name"]].append({"name": event["name"], "sum": total, "id": event["id"], "was": before["id"]})
        found = {
            name: [said for said in map(json.loads, values) if "alarm" not in said]
            for name, values in (await self.told()).items()
        }
        assert found == wanted
        return len(await self.records("sums")) - sum(map(len, found.values()))

    async def dead(self) -> list[dict[str, bytes]]:
        return [dict(record.headers) for record in await self.records("dead")]

    async def until_dead(self, reason: bytes) -> dict[str, bytes]:
        ends = time.monotonic() + PATIENCE
        while True:
            found = [letter for letter in await self.dead() if letter["tocsin.reason"] == reason]
            if found:
                return found[0]
            assert time.monotonic() < ends, f"no {reason!r} in dead: {await self.dead()}"
            await asyncio.sleep(0.2)


@asynccontextmanager
async def tally_bus(bootstrap: str, prefix: str, partitions: int = 1) -> AsyncIterator[TallyBus]:
    """A bus with its topics; at the end every worker that is left is killed by its pid."""
    bus = TallyBus(bootstrap, prefix, partitions)
    await bus.admin.start()
    await bus.producer.start()
    try:
        await bus.create()
        yield bus
    finally:
        for worker in bus.workers:
            if worker.returncode is None:
                worker.kill()
            await worker.wait()
        await bus.producer.stop()
        await bus.admin.close()
