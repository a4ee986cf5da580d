"""Counts each request by its route and status. Plain ASGI: it neither buffers bodies nor starts tasks."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.connectors.gateway.metrics import GatewayMetrics

UNKNOWN_ROUTE = "none"
"""The route of a request that no route takes: its path would be an unbounded label."""


class CountRequests:
    """Middleware that counts; a handler that raises counts as 500."""

    def __init__(self, app: ASGIApp, counts: GatewayMetrics) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
            self._counts.count_request(route, status, time.perf_counter() - started)
