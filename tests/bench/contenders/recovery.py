"""Rows a second that a new owner recovers from a changelog of one partition, and the memory that they then take.

Rows of cases and threads as `decide` writes them, one a millisecond, each with its timer. Arguments: bootstrap prefix
rows.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
import uuid

from tests.bench.plain_traffic import START, TENANTS
from tests.bench.workload import cpu_seconds, make_topics
from tocsin.schemas.ids import derived_id
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.decide import DecideAgent
from tocsin.streams.engine.audit import Auditor
from tocsin.streams.engine.changelog import Entry
from tocsin.streams.engine.kafka_log import KafkaLog
from tocsin.streams.engine.partition import Names, PartitionWriter
from tocsin.streams.engine.rows import StoredRow
from tocsin.streams.rules.config import DecideConfig, default_rulebook
from tocsin.streams.rules.state import ROW_VERSION, CaseRow, ThreadRow, encode_row, row_key

BATCH = 5000


def entry(number: int) -> Entry:
    """Row `number`: a case, or its thread."""
    tenant, thread, at = f"tenant-{number // 2 % TENANTS}", f"thread-{number // 2}", START + 1000 * number
    if number % 2:
        case = derived_id("case", tenant, thread)
        key = row_key("case", tenant, case)
        row = encode_row(CaseRow(1, case, case, "open", at, at, case, ("owner",), "e.p.xfer", "error", thread))
    else:
        key = row_key("thread", tenant, thread)
        row = encode_row(ThreadRow(thread, None, at, at, 1, codes=("e.p.xfer",)))
    return Entry(b"r" + key.encode(), StoredRow(row, ROW_VERSION, at + 86_400_000_000).encode())


def resident_mib() -> float:
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * resource.getpagesize() / 2**20


async def fill(log: KafkaLog, topic: str, rows: int) -> None:
    for first in range(0, rows, BATCH):
        entries = [entry(number) for number in range(first, min(first + BATCH, rows))]
        await log.append(topic, 0, b"earlier", entries)


async def main(bootstrap: str, prefix: str, rows: int) -> None:
    names = Names(f"{prefix}recovery-in", f"{prefix}recovery-changelog")
    changelog = {"cleanup.policy": "compact", "max.message.bytes": "4259840"}
    await make_topics(bootstrap, {names.input: {}, names.changelog: changelog})
    log = KafkaLog(bootstrap, prefix=prefix, input_topic=names.input)
    await log.start()
    await log.know_topics([names.input, names.changelog])
    await fill(log, names.changelog, rows)
    config = DecideConfig(book=default_rulebook())
    writer = PartitionWriter(
        DecideAgent(lambda: config, prefix, SchemaBook()), names, 0, log, uuid.uuid4().bytes
    )  # fmt: skip
    before = resident_mib()
    started, cpu = time.perf_counter(), cpu_seconds()
    await writer.take_over()
    seconds, used = time.perf_counter() - started, cpu_seconds() - cpu
    held, auditor, audit = len(writer.state.rows), Auditor(writer.state.rows), cpu_seconds()
    while auditor.step(START) is None:
        pass
    figures = {
        "events": held,
        "seconds": seconds,
        "cpu_seconds": used,
        "rss_mib": round(resident_mib()),
        "bytes_per_row": round((resident_mib() - before) * 2**20 / held),
        "audit_cpu_seconds": round(cpu_seconds() - audit, 2),
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    await log.stop()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
