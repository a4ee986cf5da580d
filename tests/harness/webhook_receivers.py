"""Receivers of webhooks on 127.0.0.1 that do what a test wants, and the sink that posts to them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tocsin.connectors.sinks.webhook import WebhookConfig, WebhookSink
from tocsin.schemas.events import DeliveryAttempt

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD_SECRET = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
GUARD = 30.0
"""Seconds that nothing here may take, on however busy a machine."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def attempt(**changes: Any) -> DeliveryAttempt:
    fields: dict[str, Any] = {
        "event_id": "e", "tenant": "t", "occurred_at": 1, "recorded_at": 1, "delivery_id": "d-1", "endpoint": "ep",
        "attempt": 2, "about": "e0", "content_type": "application/json", "body": b'{"n": 1}',
    }  # fmt: skip
    return DeliveryAttempt(**(fields | changes))


@asynccontextmanager
async def receiver(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/{path:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/hook?x=1"))


@asynccontextmanager
async def bare(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A receiver that writes whatever it likes on the socket."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.close()


def config(url: str, **changes: Any) -> WebhookConfig:
    settings: dict[str, Any] = {"url": url, "secrets": [SECRET], "allow_private": True}
    return WebhookConfig(**(settings | changes))


async def deliver(url: str, *, given: DeliveryAttempt | None = None, **changes: Any) -> object:
    async with WebhookSink(config(url, **changes)) as sink:
        return await sink.deliver(given or attempt())
