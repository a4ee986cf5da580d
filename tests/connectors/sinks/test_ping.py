"""A ping says what came back, bounded, and is signed as deliveries are."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from tests.harness.webhook_receivers import SECRET, bare, config, receiver
from tocsin.connectors.dialects.reading import NotAProblem
from tocsin.connectors.dialects.table import read_detected
from tocsin.connectors.sinks.base import Delivered, Reason, Rejected, RetryLater, SinkMisconfigured
from tocsin.connectors.sinks.webhook.ping import PING, SHOWN, ping
from tocsin.connectors.webhooks import verify


async def test_a_ping_is_signed_and_says_what_it_is() -> None:
    seen: list[tuple[bytes, dict[str, str]]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((await request.read(), dict(request.headers)))
        return web.json_response({"hello": "you"}, status=202)

    async with receiver(take) as url:
        pinged = await ping(config(url, headers={"x-team": "a"}), endpoint="owner", tenant="acme")
    assert (pinged.taken, pinged.outcome, pinged.status) == (True, Delivered(status=202), 202)
    assert (pinged.answer, pinged.cut, pinged.content_type[:16]) == ('{"hello": "you"}', False, "application/json")
    [(body, headers)] = seen
    assert verify(body, headers, [SECRET]).webhook_id == pinged.webhook_id
    document = json.loads(body)
    assert (document["type"], document["data"]["endpoint"], document["data"]["tenant"]) == (PING, "owner", "acme")
    assert (headers["x-team"], headers["tocsin-attempt"]) == ("a", "1")
    assert isinstance(read_detected(document)[1], NotAProblem), "another bus takes it, and opens no case"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (410, Rejected(reason=Reason.GONE, status=410)),
        (500, RetryLater(reason=Reason.SERVER_ERROR, status=500)),
        (302, RetryLater(reason=Reason.REDIRECTED, status=302)),
    ],
)
async def test_a_ping_that_is_not_taken(status: int, outcome: object) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=status, text="not me", headers={"location": "http://169.254.169.254/"})

    async with receiver(refuse) as url:
        pinged = await ping(config(url))
    assert (pinged.taken, pinged.outcome, pinged.answer) == (False, outcome, "not me")


async def test_nobody_there() -> None:
    pinged = await ping(config("http://127.0.0.1:1/"))
    assert (pinged.taken, pinged.outcome, pinged.status) == (False, RetryLater(reason=Reason.CONNECT_FAILED), None)


async def test_what_came_back_is_bounded() -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"\xff" * 4096 + b"\r\n")
            sent += 4096
            await writer.drain()

    async with bare(endless) as url:
        pinged = await ping(config(url))
    assert pinged.taken
    assert (len(pinged.answer), pinged.cut) == (SHOWN, True)
    assert sent < 8 * 1024 * 1024


@pytest.mark.parametrize("changes", [{"url": "https://user@x/"}, {"url": "http://x/", "allow_private": False}], ids=str)
async def test_a_ping_that_cannot_be_sent(changes: dict[str, Any]) -> None:
    with pytest.raises(SinkMisconfigured):
        await ping(config(**({"url": "https://example.org/"} | changes)))
