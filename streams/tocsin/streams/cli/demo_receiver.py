"""The demo's own webhook receiver, as a subscriber would write it: it accepts nothing without a valid signature."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from aiohttp import web

from tocsin.connectors.webhooks import SignatureRefused, verify


@dataclass(frozen=True, slots=True)
class Arrival:
    """One webhook whose signature was valid, and when it came (monotonic seconds)."""

    endpoint: str
    webhook_id: str
    at: float
    body: dict[str, Any]

    @property
    def event_id(self) -> str:
        """The id of the event that the notification is about."""
        return str(self.body["data"]["event_id"])


class Receiver:
    """Keeps what arrives. `secrets`: endpoint -> its secret. A repeat (same webhook id) is kept once."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self.url = ""
        self.arrivals: dict[str, Arrival] = {}
        self.refused: list[str] = []
        self._secrets = secrets
        self._news = asyncio.Event()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Receiver]:
        """Serves `<url>/<endpoint>` on any free port of 127.0.0.1 while the block runs."""
        app = web.Application()
        app.add_routes([web.post("/{endpoint}", self._take)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()

    async def arrived(self, event_id: str, endpoint: str, within: float) -> Arrival | None:
        """The arrival of this event at this endpoint, or None when it did not come within so many seconds."""
        deadline = monotonic() + within
        while True:
            for arrival in self.arrivals.values():
                if (arrival.event_id, arrival.endpoint) == (event_id, endpoint):
                    return arrival
            self._news.clear()
            try:
                async with asyncio.timeout(deadline - monotonic()):
                    await self._news.wait()
            except TimeoutError:
                return None

    async def _take(self, request: web.Request) -> web.Response:
        endpoint, body = request.match_info["endpoint"], await request.read()
        try:
            verified = verify(body, dict(request.headers), [self._secrets.get(endpoint, "")])
        except SignatureRefused as refused:
            self.refused.append(f"{endpoint}: {refused}")
            return web.Response(status=401)
        arrival = Arrival(endpoint, verified.webhook_id, monotonic(), json.loads(body))
        self.arrivals.setdefault(verified.webhook_id, arrival)
        self._news.set()
        return web.Response(status=204)
