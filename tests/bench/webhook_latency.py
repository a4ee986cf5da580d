"""publish -> webhook received, through the whole bus at 200/s, and where the time goes; prints a table on standard
error and one JSON line. Argument: seconds, after those of the warm-up.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tests.bench.hops import hops, moments, stamp_changelogs, table
from tests.harness.receiver import Receiver, rules_for
from tocsin.connectors.publish import Publisher, problem

RATE = 200
WARM_UP = 20.0
"""Seconds not counted: a fresh JVM compiles its hot code in the first quarter of a minute."""


async def main(seconds: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        async with Receiver() as receiver:
            rules = Path(home) / "rules.yaml"
            rules.write_text(rules_for(receiver.url))
            up = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tocsin.streams.cli.main", "up", "--json", "--home", f"{home}/bus", "--port", "0",
                "--rules", str(rules), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            try:
                assert up.stdout is not None
                ready = json.loads(await asyncio.wait_for(up.stdout.readline(), 120))
                await stamp_changelogs(ready["bootstrap"])
                told = await publish_steadily(ready["bootstrap"], receiver, seconds)
            finally:
                up.send_signal(signal.SIGTERM)
                await up.wait()
    sys.stdout.write(json.dumps(told) + "\n")


async def publish_steadily(bootstrap: str, receiver: Receiver, seconds: int) -> dict[str, object]:
    sent: dict[str, float] = {}
    acknowledged: list[float] = []

    async def one(publisher: Publisher, number: int) -> None:
        started = time.time()
        receipt = await publisher.publish(problem("e.p.xfer", text=str(number)), tenant=f"tenant-{number % 50}")
        sent[receipt.event_id] = started
        acknowledged.append(time.time() - started)

    async with Publisher(bootstrap) as publisher:
        await publisher.check()
        begin, running = time.time(), set()
        for number in range(int(RATE * (seconds + WARM_UP))):
            await asyncio.sleep(max(0.0, begin + number / RATE - time.time()))
            running.add(asyncio.create_task(one(publisher, number)))
        await asyncio.gather(*running)
    for _ in range(100):
        if len(receiver.arrivals) >= len(sent):
            break
        await asyncio.sleep(0.1)
    counted = [
        (arrival, event_id)
        for arrival in receiver.arrivals
        if (event_id := arrival.document["data"]["event_id"]) in sent and sent[event_id] > begin + WARM_UP
    ]
    delays = sorted(arrival.at - sent[event_id] for arrival, event_id in counted)
    await asyncio.sleep(1.0)  # the last outcomes are written
    known = await moments(bootstrap)
    where = hops(
        [
            {
                "published": 1000 * sent[event_id],
                "received": 1000 * arrival.at,
                **known.get(event_id, {}),
                **known.get(arrival.delivery_id, {}),
            }
            for arrival, event_id in counted
        ]
    )
    Console(stderr=True, width=150).print(table(where))
    return {
        "rate_per_s": RATE,
        "arrived": len(receiver.arrivals),
        "of": len(sent),
        "p50_ms": round(1000 * statistics.median(delays), 1),
        "p90_ms": round(1000 * delays[int(0.9 * len(delays))], 1),
        "p99_ms": round(1000 * delays[int(0.99 * len(delays))], 1),
        "acknowledged_p50_ms": round(1000 * statistics.median(acknowledged), 1),
        "hops": where,
        "cores": os.cpu_count(),
    }


asyncio.run(main(int(sys.argv[1])))
