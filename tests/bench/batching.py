"""`python -m tests.bench.batching [--events 2000] [--milliseconds 50]`: HttpPublisher to a gateway that is far away.

A gateway in another process, with nothing behind it; between it and the publisher a relay holds each byte back, half of
the time on each way. In one run, in turns: batches, and one event a request on four connections, as to a gateway that
knows no batches. Live: many at once; drained: out of the spool, after an outage. Events a second, and the ratio of the
two. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.bench.gateway import gateway
from tocsin.connectors.publish import HttpPublisher, Spool, problem

ROUNDS = 3
NO_BATCHES = 404


@asynccontextmanager
async def relay(port: int, delay: float) -> AsyncIterator[int]:
    """The port of a relay to `port` that delivers each byte so many seconds late."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(256 * 1024):
            loop.call_later(delay, writer.write, data)
        loop.call_later(delay, writer.close)

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

    async with await asyncio.start_server(met, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def told(count: int) -> list[dict[str, Any]]:
    """Documents of about 300 bytes."""
    return [{"title": "The ledger's disk is full", "status": 507, "detail": "x" * 200, "n": n} for n in range(count)]


async def live(url: str, count: int, *, batches: bool) -> float:
    """Events a second that are published at once."""
    async with HttpPublisher(url, deadline=600) as publisher:
        await publisher.publish(problem("e.p.warm"))
        if not batches:
            forget_batches(publisher)
        began = time.perf_counter()
        await asyncio.gather(*map(publisher.publish, told(count)))
        return count / (time.perf_counter() - began)


async def drained(url: str, count: int, *, batches: bool) -> float:
    """Events a second that leave the spool."""
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "spool", kind="http")
        async with HttpPublisher(url, spool=spool, deadline=600) as publisher:
            if not batches:
                forget_batches(publisher)
            for one in told(count):  # before anything was heard of the gateway: all of it is spooled
                await publisher.publish(one)
            began = time.perf_counter()
            while publisher.stats().waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            return count / (time.perf_counter() - began)


def forget_batches(publisher: HttpPublisher) -> None:
    """Publish as to a gateway from before there were batches."""
    publisher._posting._size.not_taken(1, NO_BATCHES, asyncio.get_running_loop().time())


async def main(count: int, milliseconds: float) -> dict[str, Any]:
    """The middle of the rounds."""
    ways: dict[str, Callable[..., Any]] = {"live": live, "drained": drained}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    async with gateway("httptools", "asyncio") as one, relay(one.url.port or 0, milliseconds / 2000) as port:
        url = f"http://127.0.0.1:{port}"
        for _ in range(ROUNDS):
            for name, way in ways.items():
                single = await way(url, count // 20, batches=False)
                found[name].append((single, await way(url, count, batches=True)))
    return {
        name: {
            "one_a_request": round(statistics.median(single for single, _ in rows)),
            "in_batches": round(statistics.median(batched for _, batched in rows)),
            "ratio": round(statistics.median(batched / single for single, batched in rows), 1),
        }
        for name, rows in found.items()
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--milliseconds", type=float, default=50)
    chosen = parser.parse_args()
    figures = asyncio.run(main(chosen.events, chosen.milliseconds))
    load = [round(each, 1) for each in os.getloadavg()]
    sys.stdout.write(json.dumps({**figures, "milliseconds": chosen.milliseconds, "load": load}, indent=2) + "\n")
