"""Our engine with the small fold: rows, mark, outbox, outputs, Faust around it. Arguments: bootstrap prefix events."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from typing import Any

import msgspec
from workload import Stopwatch, counted

from tocsin.schemas.codec import decode, encode
from tocsin.streams.engine.engine import Engine, EngineSettings
from tocsin.streams.engine.record import Output, Record, Rows
from tocsin.streams.engine.worker import build_app, run_worker


class CountByTenant:
    """One row per tenant, one output per event."""

    name = "count"
    input_topic = "in"
    changelog = "count-changelog"
    row_version = 1

    def decode(self, record: Record) -> Any:
        return decode(record.value)

    def partition_key(self, event: Any) -> bytes | None:
        return str(event.tenant).encode()

    def fold(self, event: Any, rows: Rows, now: int, record: Record) -> Iterable[Output]:
        count = (rows.get(event.tenant) or 0) + 1
        rows.put(event.tenant, count)
        return [Output("count-out", record.key, encode(counted(event, count)))]

    def fire(self, key: str, rows: Rows, now: int) -> Iterable[Output]:
        return []

    def encode_row(self, row: Any) -> bytes:
        return msgspec.msgpack.encode(row)

    def decode_row(self, data: bytes, version: int) -> Any:
        return msgspec.msgpack.decode(data)

    def tick(self, partition: int, now: int) -> Output:
        return Output(self.input_topic, None, None)


async def main(bootstrap: str, prefix: str, events: int) -> None:
    watch = Stopwatch(events)
    rules = CountByTenant()
    engine = Engine(
        [rules],
        EngineSettings(bootstrap, prefix),
        on_written=lambda rules, partition, folded: watch.count(folded.taken),
    )
    app = build_app(f"{prefix}count", engine, [rules], bootstrap, prefix)
    offer = engine.offer

    def begin(batch: Any) -> None:
        watch.begin()
        offer(batch)

    engine.offer = begin  # type: ignore[method-assign]
    stop, ready = asyncio.Event(), asyncio.Event()
    working = asyncio.create_task(run_worker(app, engine, stop, ready))
    await watch.done.wait()
    watch.tell()
    stop.set()
    await working


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
