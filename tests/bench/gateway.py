"""`python -m tests.bench.gateway [--requests 2000]`: what a request costs the gateway's process, in one run, in turns.

Single documents and batches of 100, over 16 connections that are kept, from a client in another process: requests and
documents a second, and CPU milliseconds of the gateway's process a request. With h11 and httptools, on asyncio and
uvloop; behind the gateway Kafka (`kafka`), or nothing (`alone`). The least CPU of the rounds is told: with other work
on the machine the rate says little. Prints a table, and one JSON object with `--json`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from tocsin.connectors.kafka import open_admin
from tocsin.streams.settings import Settings
from tocsin.streams.topics import apply
from tocsin.streams.up.broker import EmbeddedBroker

ROOT = Path(__file__).parents[2]
CONNECTIONS, ROUNDS, BATCH = 16, 3, 100
DOCUMENT = {
    "type": "https://example.org/full",
    "title": "The ledger's disk is full",
    "status": 507,
    "detail": "x" * 200,
}
VARIANTS = [(http, loop) for loop in ("asyncio", "uvloop") for http in ("h11", "httptools")]
TICKS = os.sysconf("SC_CLK_TCK")
Found = dict[str, dict[str, Any]]


class Gateway:
    """A gateway's process."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.pid, self.url = process.pid, urlsplit(url)

    def cpu(self) -> float:
        """Seconds that it has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    async def asked(self, body: bytes, count: int) -> tuple[float, float]:
        """Requests a second, and CPU milliseconds a request."""
        began, cpu = time.perf_counter(), self.cpu()
        await asyncio.gather(*(self._ask(body, count // CONNECTIONS) for _ in range(CONNECTIONS)))
        made = count // CONNECTIONS * CONNECTIONS
        return made / (time.perf_counter() - began), 1000 * (self.cpu() - cpu) / made

    async def _ask(self, body: bytes, count: int) -> None:
        reader, writer = await asyncio.open_connection(self.url.hostname, self.url.port)
        head = "POST /v1/problems HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: */*\r\n"
        request = f"{head}user-agent: bench\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
        for _ in range(count):
            writer.write(request)
            told = await reader.readuntil(b"\r\n\r\n")
            if not told.startswith((b"HTTP/1.1 202", b"HTTP/1.1 200")):
                raise SystemExit(f"bench: the gateway answers {told!r}")
            await reader.readexactly(int(told.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        writer.close()


@asynccontextmanager
async def gateway(http: str, loop: str, *bootstrap: str) -> AsyncIterator[Gateway]:
    """Start one; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.gateway_service", http, loop, *bootstrap, cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = ""
        while not url.startswith("http"):  # what it logs comes before
            line = await process.stdout.readline()
            if not line:
                raise SystemExit("bench: the gateway did not start")
            url = line.decode().strip()
        yield Gateway(process, url)
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def measured(behind: str, requests: int, *bootstrap: str) -> Found:
    """All variants, each in a process of its own, which take turns."""
    bodies = {
        "single": (json.dumps(DOCUMENT).encode(), requests, 1),
        f"batch of {BATCH}": (json.dumps([DOCUMENT] * BATCH).encode(), max(CONNECTIONS, requests // 40), BATCH),
    }
    rounds: dict[str, list[tuple[float, float]]] = {}
    async with AsyncExitStack() as running:
        gateways = {one: await running.enter_async_context(gateway(*one, *bootstrap)) for one in VARIANTS}
        for each in gateways.values():
            await each.asked(bodies["single"][0], 10 * CONNECTIONS)  # warm
        for _ in range(ROUNDS):
            for what, (body, count, _) in bodies.items():
                for (http, loop), each in gateways.items():
                    rounds.setdefault(f"{behind}, {what}: {http}, {loop}", []).append(await each.asked(body, count))
    found = {}
    for name, rows in rounds.items():
        documents = BATCH if "batch" in name else 1
        rate, cpu = max(rate for rate, _ in rows), min(cpu for _, cpu in rows)
        first = min(cpu for _, cpu in rounds[f"{name.partition(': ')[0]}: h11, asyncio"])
        found[name] = {
            "requests_per_s": round(rate), "documents_per_s": round(rate * documents),
            "cpu_ms_per_request": round(cpu, 3), "cpu_to_h11_asyncio": round(cpu / first, 2),
            "cpu_ms_of_rounds": [round(cpu, 3) for _, cpu in rows],
        }  # fmt: skip
    return found


def shown(found: Found) -> Table:
    """The figures for people."""
    table = Table("", "requests/s", "documents/s", "CPU ms/request", "to h11, asyncio")
    for name, one in found.items():
        figures = (one["requests_per_s"], one["documents_per_s"], one["cpu_ms_per_request"], one["cpu_to_h11_asyncio"])
        table.add_row(name, *map(str, figures))
    return table


async def main(requests: int, *, kafka: bool) -> Found:
    """With and without Kafka."""
    found = await measured("alone", requests)
    if kafka:
        with tempfile.TemporaryDirectory() as home:
            async with EmbeddedBroker(Path(home)) as broker:
                async with open_admin(broker.bootstrap) as admin:
                    await apply(admin, Settings(bootstrap=broker.bootstrap))
                found |= await measured("kafka", requests, broker.bootstrap)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000, help="single documents in each round")
    parser.add_argument("--without-kafka", action="store_true")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    told = asyncio.run(main(chosen.requests, kafka=not chosen.without_kafka))
    load = [round(one, 1) for one in os.getloadavg()]
    if chosen.json:
        sys.stdout.write(json.dumps({"gateway": told, "load": load}, indent=2) + "\n")
    else:
        Console(width=120).print(shown(told), f"load {load}")
