"""What taking messages of sources costs a gateway: `python -m tests.bench.sources [REQUESTS]`; of 2,000 a source.

A gateway process of its own, whose publisher is a list, is sent the same message again and again by a few connections.
Told are the requests a second, and the CPU time of the gateway's process for each (HTTP, admission, reading, encoding;
no Kafka). Every source has a row in SAMPLES: the path, the headers and the body.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import uvicorn
from msgspec import Struct
from prometheus_client import CollectorRegistry

from tests.bench.source_samples import SAMPLES, Sample
from tocsin.connectors.gateway import GatewayConfig, Limits, Rate, build_gateway, server_config
from tocsin.connectors.publish import InboxEvent, MemoryPublisher, Receipt
from tocsin.connectors.redaction import default_of, redact_and_encode

CONNECTIONS = 8
WARM = 200


class Figures(Struct, frozen=True):
    """Of one source."""

    requests_per_s: float
    cpu_ms_per_request: float
    bytes: int


class Encoding(MemoryPublisher):
    """It encodes as for Kafka, and keeps nothing."""

    async def send(self, event: InboxEvent) -> Receipt:
        redact_and_encode(event, default_of)
        return Receipt(event_id=event.event_id)


async def _ready() -> bool:
    return True


def serve(pipe: Connection) -> None:
    """The gateway's process: it says its port, and ends with who started it."""
    config = GatewayConfig(tenant_documents=Rate(0, 0), tenant_bytes=Rate(0, 0))
    app = build_gateway(config, Encoding(), _ready, CollectorRegistry())
    server = uvicorn.Server(server_config(app, Limits(most=100), host="127.0.0.1", port=0, lifespan="off"))

    async def run() -> None:
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event to wait for
            await asyncio.sleep(0.01)
        pipe.send(server.servers[0].sockets[0].getsockname()[1])
        await serving

    asyncio.run(run())


async def send(address: str, sample: Sample, count: int) -> float:
    """Send it so many times; the seconds that took."""
    left = iter(range(count))

    async def one_after_another(http: aiohttp.ClientSession) -> None:
        for _ in left:
            async with http.post(sample.path, data=sample.body, headers=sample.headers) as answer:
                assert answer.status < 300, (answer.status, await answer.text())

    async with aiohttp.ClientSession(address) as http:
        began = time.perf_counter()
        await asyncio.gather(*(one_after_another(http) for _ in range(CONNECTIONS)))
        return time.perf_counter() - began


def cpu_seconds(pid: int) -> float:
    """What a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measured(address: str, gateway: int, count: int) -> Mapping[str, Figures]:
    """The figures of every source."""
    found = dict[str, Figures]()
    for name, sample in SAMPLES.items():
        await send(address, sample, WARM)
        before = cpu_seconds(gateway)
        seconds = await send(address, sample, count)
        used = cpu_seconds(gateway) - before
        found[name] = Figures(round(count / seconds, 1), round(1000 * used / count, 3), len(sample.body))
    return found


def main(count: int) -> None:
    """Start, measure, print JSON, end."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    gateway = context.Process(target=serve, args=(theirs,), daemon=True)
    gateway.start()
    try:
        found = asyncio.run(measured(f"http://127.0.0.1:{ours.recv()}", gateway.pid or 0, count))
    finally:
        gateway.terminate()
        gateway.join()
    load = [round(each, 1) for each in os.getloadavg()]
    figures = {name: {each: getattr(one, each) for each in one.__struct_fields__} for name, one in found.items()}
    sys.stdout.write(json.dumps(figures | {"load": load}, indent=1) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
