"""Rows a second that a new owner recovers from a changelog of one partition. Arguments: bootstrap prefix rows."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid

from workload import cpu_seconds, make_topics

from tocsin.streams.engine.changelog import Entry
from tocsin.streams.engine.kafka_log import KafkaLog
from tocsin.streams.engine.partition import Names, PartitionWriter
from tocsin.streams.engine.rows import StoredRow

BATCH = 5000


class Rules:
    name, input_topic, changelog, row_version = "recovery", "recovery-in", "recovery-changelog", 1

    def encode_row(self, row: bytes) -> bytes:
        return row

    def decode_row(self, data: bytes, version: int) -> bytes:
        return data


async def main(bootstrap: str, prefix: str, rows: int) -> None:
    names = Names(f"{prefix}recovery-in", f"{prefix}recovery-changelog")
    changelog = {"cleanup.policy": "compact", "max.message.bytes": "4259840"}
    await make_topics(bootstrap, {names.input: {}, names.changelog: changelog})
    log = KafkaLog(bootstrap, prefix=prefix, input_topic=names.input)
    await log.start()
    await log.know_topics([names.input, names.changelog])
    row = StoredRow(b"x" * 100, 1).encode()
    for first in range(0, rows, BATCH):
        entries = [Entry(b"rkey-%d" % number, row) for number in range(first, min(first + BATCH, rows))]
        await log.append(names.changelog, 0, b"earlier", entries)
    writer = PartitionWriter(Rules(), names, 0, log, uuid.uuid4().bytes)  # type: ignore[arg-type]
    started, cpu = time.perf_counter(), cpu_seconds()
    await writer.take_over()
    seconds = time.perf_counter() - started
    figures = {"events": len(writer.state.rows), "seconds": seconds, "cpu_seconds": cpu_seconds() - cpu}
    sys.stdout.write(json.dumps(figures) + "\n")
    await log.stop()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
