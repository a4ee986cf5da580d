"""`python -m tests.bench.publishing [EVENTS]`: the publisher beside a raw producer of aiokafka, in one run, in turns.

The raw producer is given the bytes and headers that the publisher makes; both await the acknowledgements of a thousand.
Ratios are of each round, and the middle one is told: with other work on the machine a round is slow for all. Counted:
bytecodes and calls an event, of Python alone. Besides: what goes to the spool while Kafka is away, and the CPU time
that it takes to import the light install. Prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from tests.bench.folding import Count
from tests.bench.plain_traffic import START, TENANTS
from tests.bench.workload import make_topics
from tocsin.connectors.publish import Publisher, Spool, cloud_event_headers
from tocsin.connectors.publish.kafka import MAX_BATCH_BYTES
from tocsin.connectors.redaction import REDACTED
from tocsin.schemas.codec import encode
from tocsin.schemas.events import ActivityKind, ActivityObserved
from tocsin.schemas.ids import new_event_id
from tocsin.streams.up.broker import EmbeddedBroker

AT_ONCE, ROUNDS = 1000, 5
INIT = "from tocsin.connectors import sdk;"
IMPORTS = ("from tocsin.connectors import sdk", f"{INIT} sdk.init('http://127.0.0.1:9', spool=False)",
           f"{INIT} sdk.init('127.0.0.1:9', spool=False)",
           "from tocsin.connectors.publish import HttpPublisher, problem",
           "from tocsin.connectors.publish import Publisher, problem")  # fmt: skip
Send = Callable[[ActivityObserved], Awaitable[object]]


def events(count: int) -> list[ActivityObserved]:
    """About 400 bytes of Avro each."""
    return [
        ActivityObserved(
            event_id=new_event_id(), tenant=f"tenant-{number % TENANTS}",
            occurred_at=START + number, recorded_at=START + number, kind=ActivityKind.RECORD_CHANGED,
            record_type="connection", record_id=f"record-{number % 7919}", detail={"note": "x" * 250},
        )
        for number in range(count)
    ]  # fmt: skip


async def rate(send: Send, made: list[ActivityObserved]) -> tuple[float, float]:
    """Events a second, and CPU milliseconds of this process for a thousand of them."""
    began, cpu = time.perf_counter(), cpu_seconds()
    for start in range(0, len(made), AT_ONCE):
        await asyncio.gather(*(send(event) for event in made[start : start + AT_ONCE]))
    return len(made) / (time.perf_counter() - began), 1e6 * (cpu_seconds() - cpu) / len(made)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def counted(send: Send, made: Sequence[ActivityObserved]) -> dict[str, float]:
    """Bytecodes and calls of Python for an event."""
    count = Count()
    with count.traced():
        await asyncio.gather(*(send(event) for event in made))
    count.events = len(made)
    figures = count.figures()
    return {name: round(figures[name]) for name in ("bytecodes", "calls")}


async def measure(bootstrap: str, count: int) -> dict[str, dict[str, Any]]:
    await make_topics(bootstrap, {"raw.inbox": {}, "pub.inbox": {}, "spo.inbox": {}})
    made, found = events(count), dict[str, list[tuple[float, float]]]()
    ready = {
        one.event_id: (one.tenant.encode(), encode(one), [*cloud_event_headers(one, b"bench"), REDACTED])
        for one in made
    }
    raw = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, compression_type="lz4",
                           max_batch_size=MAX_BATCH_BYTES)  # fmt: skip
    await raw.start()

    async def send_raw(event: ActivityObserved) -> None:
        key, value, headers = ready[event.event_id]
        await (await raw.send("raw.inbox", value, key=key, headers=headers))

    with tempfile.TemporaryDirectory() as folder:
        async with Publisher(bootstrap, prefix="pub.") as plain, Publisher(
            bootstrap, prefix="spo.", spool=Spool(Path(folder) / "kept"), spool_after=30, deadline=30
        ) as spooling, Publisher(
            "127.0.0.1:1", spool=Spool(Path(folder) / "away", max_bytes=2**30), deadline=0.2
        ) as away:  # fmt: skip
            contenders: dict[str, Send] = {
                "raw_producer": send_raw, "publisher": plain.send, "publisher_with_spool": spooling.send,
                "kafka_away": away.send,
            }  # fmt: skip
            await asyncio.gather(*(send(made[0]) for send in contenders.values()))
            for _ in range(ROUNDS):
                for name, send in contenders.items():
                    found.setdefault(name, []).append(await rate(send, made))
            numbers = {name: await counted(send, made[:AT_ONCE]) for name, send in contenders.items()}
    await raw.stop()
    return {name: {**beside(rows, found["raw_producer"]), **numbers[name]} for name, rows in found.items()}


def beside(rows: Iterable[tuple[float, float]], raw: Iterable[tuple[float, float]]) -> dict[str, float]:
    """The figures of the rounds, and the middle of their ratios to the raw producer's: of the rate, and how many events
    one publishes with the CPU that the raw producer takes for one."""
    rates, cpu = zip(*rows, strict=True)
    raw_rates, raw_cpu = zip(*raw, strict=True)
    return {
        "events_per_s": round(statistics.median(rates)),
        "cpu_ms_per_1000": round(statistics.median(cpu), 1),
        "rate_to_raw": round(statistics.median(mine / its for mine, its in zip(rates, raw_rates, strict=True)), 2),
        "cpu_raw_to_this": round(statistics.median(its / mine for mine, its in zip(cpu, raw_cpu, strict=True)), 2),
    }


def import_milliseconds(statement: str, cache: str) -> float:
    """CPU time: the least of nine runs, beyond what an empty program takes. `cache`: a folder for bytecode, as an
    installation has it."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    variables["PYTHONPYCACHEPREFIX"] = cache

    def took(code: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, env=variables)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def least(code: str) -> float:
        took(code)  # which writes the bytecode
        return min(took(code) for _ in range(9))

    return round(1000 * (least(statement) - least("pass")), 1)


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        async with EmbeddedBroker(Path(home)) as broker:
            found: dict[str, Any] = await measure(broker.bootstrap, count)
    with tempfile.TemporaryDirectory() as cache:
        imports = {statement: import_milliseconds(statement, cache) for statement in IMPORTS}
    told = {**found, "events": count, "import_cpu_ms": imports, "load": [round(one, 1) for one in os.getloadavg()]}
    sys.stdout.write(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
