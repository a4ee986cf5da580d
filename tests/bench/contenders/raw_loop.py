"""The bound: plain aiokafka, a dict, `send_batch`; nothing survives a crash. Arguments: bootstrap prefix events."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter, defaultdict
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.bench.workload import Stopwatch, counted
from tocsin.schemas.codec import decode_as, encode
from tocsin.schemas.events import ActivityObserved


async def main(bootstrap: str, prefix: str, events: int) -> None:
    watch = Stopwatch(events)
    counts: Counter[str] = Counter()
    consumer = AIOKafkaConsumer(
        f"{prefix}in", bootstrap_servers=bootstrap, group_id=f"{prefix}raw", auto_offset_reset="earliest",
        enable_auto_commit=False, max_poll_records=1000,
    )  # fmt: skip
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", max_batch_size=4 * 1024 * 1024,
        max_request_size=5 * 1024 * 1024,
    )  # fmt: skip
    await consumer.start()
    await producer.start()
    await producer.partitions_for(f"{prefix}raw-out")
    pending: list[asyncio.Future[object]] = []
    while not watch.done.is_set():
        found = await consumer.getmany(timeout_ms=200)
        if found:
            watch.begin()
        for place, records in found.items():
            batches: dict[int, Any] = defaultdict(producer.create_batch)
            for record in records:
                event = decode_as(record.value, ActivityObserved)
                counts[event.tenant] += 1
                value = encode(counted(event, counts[event.tenant]))
                batches[place.partition].append(key=record.key, value=value, timestamp=None, headers=[])
            for partition, batch in batches.items():
                batch.close()
                pending.append(await producer.send_batch(batch, f"{prefix}raw-out", partition=partition))
            if len(pending) > 24:
                await asyncio.gather(*pending)
                pending.clear()
            if watch.taken + len(records) >= events:
                await asyncio.gather(*pending)
            watch.count(len(records))
    watch.tell()
    await consumer.stop()
    await producer.stop()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
