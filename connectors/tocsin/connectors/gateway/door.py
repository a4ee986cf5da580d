"""The door: what is decided from the head of a request, whatever its route.

A visitor's browser is the one client that can be made to send what its owner never meant: a page elsewhere lets it post
to 127.0.0.1, or gives its own name our address (DNS rebinding). So `Host` must be one of our names and `Origin`, which
every browser sends with a cross-origin POST, one of our pages. Probes are answered under any name: they say nothing of
value, and those who probe by address are many.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.connectors.gateway.kind import Kind
from tocsin.connectors.gateway.metrics import GatewayMetrics
from tocsin.connectors.gateway.problems import (
    FOREIGN_HOST,
    FOREIGN_ORIGIN,
    HEAD_TOO_LARGE,
    MALFORMED_REQUEST,
    Refusal,
    refuse,
)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PROBES = frozenset({"/healthz", "/readyz"})
SAFE = frozenset({"GET", "HEAD"})
MAX_HEAD = 16 * 1024
"""Bytes of the target and all headers."""
LINGER, LINGER_BYTES = 1.0, 2 * 1024 * 1024
"""For how many seconds, and bytes, what a refused client goes on sending is taken in before the connection closes."""
_CLOSE = (b"connection", b"close")


class Door:
    """Middleware: refuses strange heads, and closes the connection when a body was not read to its end: who is refused
    need not go on sending. `hosts` are lower-case names and addresses, without ports."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str], counts: GatewayMetrics) -> None:
        self._app = app
        self._hosts = hosts
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        unread, answered_early = _has_body(scope), False

        async def watch() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and bool(message.get("more_body"))
            return message

        async def answer(message: Message) -> None:
            nonlocal answered_early
            if unread and message["type"] == "http.response.start":
                others = [header for header in message.get("headers", []) if header[0].lower() != b"connection"]
                message = {**message, "headers": [*others, _CLOSE]}
                answered_early = True
            elif answered_early and not message.get("more_body"):
                message = {**message, "more_body": True}
            await send(message)

        kind = self._refused(scope)
        if kind is None:
            await self._app(scope, watch, answer)
        else:
            self._counts.count_refused(kind.name)
            await refuse(Refusal(kind))(scope, watch, answer)
        if answered_early:
            if (b"expect", b"100-continue") not in scope["headers"]:
                await _discard(receive)
            await send({"type": "http.response.body"})

    def _refused(self, scope: Scope) -> Kind | None:
        size = len(scope["raw_path"]) + len(scope["query_string"])
        if size + sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > MAX_HEAD:
            return HEAD_TOO_LARGE
        if scope["path"] in PROBES:
            return None
        headers, server = Request(scope).headers, scope.get("server") or ("",)
        if "content-length" in headers and "transfer-encoding" in headers:
            return MALFORMED_REQUEST  # where it ends is a matter of opinion, and a proxy before us may have another one
        ours = self._hosts | {server[0]}
        hosts = headers.getlist("host")
        if len(hosts) > 1 or any(host_of(f"//{host}") not in ours for host in hosts):
            return FOREIGN_HOST
        origins = headers.getlist("origin")
        unnamed = not origins and scope["method"] not in SAFE and headers.get("sec-fetch-site") == "cross-site"
        if unnamed or any(host_of(origin) not in ours for origin in origins):
            return FOREIGN_ORIGIN
        return None


async def _discard(receive: Receive) -> None:
    """Take in what the client is sending, for a moment: the answer is lost on one whose connection is reset before it
    has read it."""
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            while size < LINGER_BYTES:
                message = await receive()
                if not message.get("more_body"):
                    return
                size += len(message["body"])


def host_of(url: str) -> str | None:
    """The host of a URL or of `//host:port`, lower case, without brackets and a trailing dot; None if it has none."""
    if "@" in url:
        return None
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return host.removesuffix(".") if host else None


def _has_body(scope: Scope) -> bool:
    named = dict(scope["headers"])
    return b"transfer-encoding" in named or named.get(b"content-length", b"0").strip(b"0") != b""
