"""The oracle's eye: a webhook receiver that verifies every signature and keeps what came, in order of arrival."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tocsin.connectors.webhooks import SignatureRefused, verify

SECRET = "whsec_" + "dG9jc2luLXRlc3Qtc2VjcmV0LTMyLWJ5dGVzLWxvbmc="

Behaviour = Callable[[int, str], int]
"""(how often this delivery came before, delivery id) -> the HTTP status to answer."""


@dataclass(frozen=True)
class Arrival:
    """One POST that was answered with 2xx or not."""

    delivery_id: str
    body: bytes
    status: int
    attempt: int
    at: float
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """An HTTP server on a free port, or on `port`; use as an async context manager."""

    behave: Behaviour = lambda before, delivery_id: 200
    arrivals: list[Arrival] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    url: str = ""
    port: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of each answer that is no success."""

    async def __aenter__(self) -> Receiver:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"
        self._seen: dict[str, int] = defaultdict(int)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            verify(body, dict(request.headers), [SECRET])
        except SignatureRefused as refused:
            self.refused.append(str(refused))
            return web.Response(status=400)
        delivery_id = request.headers["webhook-id"]
        status = self.behave(self._seen[delivery_id], delivery_id)
        self._seen[delivery_id] += 1
        attempt = int(request.headers["tocsin-attempt"])
        self.arrivals.append(Arrival(delivery_id, body, status, attempt, time.time(), request.headers))
        return web.Response(status=status, headers=self.headers if status >= 300 else None)

    def delivered(self) -> dict[str, list[Arrival]]:
        """Arrivals that were answered with 2xx, by delivery id."""
        found: dict[str, list[Arrival]] = defaultdict(list)
        for arrival in self.arrivals:
            if 200 <= arrival.status < 300:
                found[arrival.delivery_id].append(arrival)
        return found


def rules_for(url: str, thread_errors: int = 0) -> str:
    """A rules file that tells everything to one receiver, one by one: what is tested with it is delivery, not loops
    (unless threads get a budget), and each by itself, whatever others were answered."""
    return f"""\
endpoints:
  owner:
    sink: webhook
    url: {url}
    secret: {SECRET}
    allow_private: true
    delivery: {{breaker_failures: 0, throttle: 0}}
default_route: owner
limits:
  thread_errors: {thread_errors}
  repeat_window: 0s
routes:
  - name: everything
    endpoints: owner
"""
