"""The gateway's metrics: every name, with labels from closed sets only, and the middleware that counts requests."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.connectors.dialects import DIALECTS
from tocsin.connectors.gateway.problems import KINDS

OTHER = "other"
UNKNOWN_ROUTE = "none"
"""The route of a request that no route takes: its path would be an unbounded label."""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class GatewayMetrics:
    """Registered once per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "tocsin_gateway_requests", "Requests answered, by route and status.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "tocsin_gateway_request_seconds",
            "From the head of a request to its answer.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.accepted = Counter(
            "tocsin_gateway_accepted", "Events that Kafka acknowledged, by kind.", ["kind"], registry=registry
        )
        self.refused = Counter(
            "tocsin_gateway_refused", "Documents and requests refused, by reason.", ["reason"], registry=registry
        )
        self.ignored = Counter(
            "tocsin_gateway_ignored",
            "Documents that are no problem, by whether kept.",
            ["kept"],
            registry=registry,
        )

    def count_ignored(self, *, kept: bool) -> None:
        """One document that is no problem."""
        self.ignored.labels("yes" if kept else "no").inc()

    def count_accepted(self, kind: str) -> None:
        """One event stored: its dialect, `activity` or `command`."""
        self.accepted.labels(kind if kind in DIALECTS or kind in ("activity", "command") else OTHER).inc()

    def count_refused(self, reason: str) -> None:
        """One document or request refused, by the name of its problem."""
        self.refused.labels(reason if reason in KINDS else OTHER).inc()

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """One request answered; `route` is the route's template, never the path that was asked for."""
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)


class CountRequests:
    """Middleware that counts each request by its route and status; a handler that raises counts as 500. Plain ASGI: it
    neither buffers bodies nor starts tasks."""

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
