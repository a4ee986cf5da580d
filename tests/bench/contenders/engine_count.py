"""Our engine with the small fold: rows, mark, outbox, outputs, Faust around it. Arguments: bootstrap prefix events."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from typing import Any

import msgspec

from tests.bench.workload import counted, run_engine
from tocsin.schemas.codec import decode, encode
from tocsin.streams.engine.record import Output, Record, Rows


class CountByTenant:
    """One row per tenant, one output per event."""

    name = "count"
    input_topic = "in"
    changelog = "count-changelog"
    row_version = 1
    per_scope = None

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

    def released(self, rows: Rows) -> None:
        """Nothing is kept of them between two events."""

    def resumed(self, rows: Rows, since: int, until: int) -> Iterable[Output]:
        return []

    def counted(self, key: str, data: bytes, now: int) -> tuple[str, int] | None:
        """Nothing is counted."""
        return None

    def encode_row(self, row: Any) -> bytes:
        return msgspec.msgpack.encode(row)

    def decode_row(self, data: bytes, version: int) -> Any:
        return msgspec.msgpack.decode(data)

    def tick(self, partition: int, now: int) -> Output:
        return Output(self.input_topic, None, None)


asyncio.run(run_engine(CountByTenant(), sys.argv[1], sys.argv[2], int(sys.argv[3])))
