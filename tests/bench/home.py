"""What the first page costs while much is kept: `python -m tests.bench.home [PROBLEMS]`; of 1,000,000.

The store is filled as `tests.bench.store` fills it. Then a gateway is asked for the page as by a browser, again and
again, each time as if it had changed; told are the CPU time of the whole process (the gateway, the store's driver and
its threads; no browser) and the bytes of the page.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

from prometheus_client import CollectorRegistry

from tests.bench.store import BEGIN, PROJECTED, STEP, copy, fill
from tocsin.connectors.gateway import GatewayConfig, Rate, build_gateway
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.publish import MemoryPublisher
from tocsin.connectors.store import Store, address_of
from tocsin.connectors.store.database import database_of
from tocsin.connectors.store.migrating import migrate
from tocsin.streams.ask.asking import Asking
from tocsin.streams.ask.home_routes import home_routes
from tocsin.streams.page import pages_of

ASKED = 30
GOAL_CPU, GOAL_BYTES = 0.3, 200_000
AHEAD = 10**9
"""The number of the first problem that is taken up into the full store: it is of another time than the copies."""


async def _ready() -> bool:
    return True


async def page_of(app: Any, path: str, query: bytes = b"") -> tuple[int, bytes]:
    """Status and body of a page, as a browser on this machine asks for it."""
    status, body = 0, bytearray()
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": query, "root_path": "", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8700), "headers": [(b"host", b"127.0.0.1:8700"), (b"accept", b"text/html")],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        body.extend(message.get("body", b""))

    await app(scope, receive, send)
    return status, bytes(body)


async def measured(store: Store, now: int) -> tuple[list[float], int]:
    """The CPU seconds of each page, and the bytes of the greatest."""
    pages = pages_of(None)
    asking = Asking(store, None, clock=lambda: now, pages=pages)
    config = GatewayConfig(tenant_reads=Rate(0, 0))
    app = build_gateway(
        config,
        MemoryPublisher(),
        _ready,
        CollectorRegistry(),
        Ports(pages=pages, more=lambda rates: [home_routes(asking)]),
    )
    used, most = list[float](), 0
    for number in range(ASKED):
        began = process_time()
        status, body = await page_of(app, "/v1/home", f"tenant=tenant-{number % 3}".encode())
        used.append(process_time() - began)
        assert status == 200, body
        most = max(most, len(body))
    return used, most


async def main(count: int) -> None:
    """Fill, ask, and print."""
    with tempfile.TemporaryDirectory(prefix="tocsin-home-") as folder:
        where = address_of(f"sqlite:///{Path(folder) / 'store.db'}")
        database = database_of(where, make=True)
        await database.write(migrate)
        first = min(count, PROJECTED)
        await fill(database, range(first))
        for number in range(1, count // PROJECTED):
            await database.write(lambda connection: copy(connection, number))  # noqa: B023
        await database.settle()
        ahead = range(AHEAD, AHEAD + first // 4)
        await fill(database, ahead)
        async with Store(where) as store:
            used, size = await measured(store, BEGIN + ahead.stop * STEP)
        await database.close()
    first_time, rest = used[0], sorted(used[1:])
    print(f"{count:,} problems in the store, {len(ahead):,} of them in the last hour")
    print(f"home: CPU p50 {rest[len(rest) // 2] * 1000:.0f} ms, most {rest[-1] * 1000:.0f} ms, the first one "
          f"{first_time * 1000:.0f} ms (goal: {GOAL_CPU * 1000:.0f} ms)")  # fmt: skip
    print(f"home: {size:,} bytes (goal: {GOAL_BYTES:,})")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1].replace(",", "")) if len(sys.argv) > 1 else 1_000_000))
