"""The one middleware that sees how requests end: what is counted, audited and traced of it hears it from here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.connectors.tracing import NO_TRACING, Span, Tracing

Answered = Callable[[Scope, int, float], None]
"""Called with the request, the status of its answer and how long it took in seconds."""

CHANGING = frozenset(("POST", "PUT", "PATCH", "DELETE"))
"""Methods of requests that are traced: what only reads leads nowhere."""
UNTRACED = frozenset(("/v1/logs", "/v1/traces", "/v1/metrics"))
"""Exports of telemetry: where this bus exports its own to itself, a span of one would make the next export."""


_STATUS = "tocsin.status"


@contextmanager
def standing_for(outer: Scope, inner: Scope) -> Iterator[Callable[[int], None]]:
    """While the block runs `inner` is asked in place of `outer`: what is told is of `inner`, and with the status that
    the yielded function is called with, if it is."""
    try:
        yield lambda status: outer.update({_STATUS: status})
    finally:
        outer.update({name: value for name, value in inner.items() if name == "route" or name.startswith("tocsin.")})


TRACE = (b"traceparent", b"tracestate")


class TellAnswers:
    """Middleware: calls each of `answered` once a request ended; a handler that raises counts as 500. With `tracing` a
    request that may change something is a span, and what follows from it is in its trace. Plain ASGI: it neither
    buffers bodies nor starts tasks."""

    def __init__(self, app: ASGIApp, answered: Iterable[Answered], tracing: Tracing = NO_TRACING) -> None:
        self._app, self._answered, self._tracing = app, tuple(answered), tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500
        span = self._begun(scope)

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            seconds = time.perf_counter() - started
            status = scope.get(_STATUS, status)
            for answered in self._answered:
                answered(scope, status, seconds)
            if span is not None:
                _end(span, scope, status)

    def _begun(self, scope: Scope) -> Span | None:
        """The span of a request, in whose place it stands in the headers: what is published goes on from there."""
        if self._tracing is NO_TRACING or scope["method"] not in CHANGING or scope["path"] in UNTRACED:
            return None
        said = {name: value.decode("latin-1") for name, value in scope["headers"] if name in TRACE}
        span = self._tracing.begin(
            scope["method"], "server", said.get(b"traceparent"), said.get(b"tracestate"), may_be_first=True
        )
        if span is not None:
            others = [pair for pair in scope["headers"] if pair[0] != b"traceparent"]
            scope["headers"] = [*others, (b"traceparent", span.traceparent.encode())]
        return span


def _end(span: Span, scope: Scope, status: int) -> None:
    route = getattr(scope.get("route"), "path", None)
    span.attribute("http.request.method", scope["method"])
    span.attribute("http.response.status_code", status)
    if route is not None:
        span.named(f"{scope['method']} {route}")
        span.attribute("http.route", route)
    span.end(failed=status >= 500)
