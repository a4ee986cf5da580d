"""What holds for each sink of the table, and that none is forgotten."""

from __future__ import annotations

import asyncio
import base64
import inspect
import pkgutil
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tocsin.connectors import sinks
from tocsin.connectors.sinks import (
    SINKS,
    Delivered,
    Rejected,
    RetryLater,
    Sink,
    SinkMisconfigured,
    make_sink,
    sink_kinds,
)
from tocsin.connectors.sinks.base import Reason
from tocsin.schemas.events import DeliveryAttempt

SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()


async def _webhook_settings() -> tuple[dict[str, Any], Callable[[], Awaitable[None]]]:
    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    server = TestServer(app)
    await server.start_server()
    return {"url": str(server.make_url("/")), "secrets": [SECRET], "allow_private": True}, server.close


async def _memory_settings() -> tuple[dict[str, Any], Callable[[], Awaitable[None]]]:
    async def nothing() -> None:
        return None

    return {}, nothing


MAKE = {"log": _memory_settings, "memory": _memory_settings, "webhook": _webhook_settings}
"""For each sink: settings that work and point at somebody who takes everything, and how to end that somebody."""


def attempt(**changes: Any) -> DeliveryAttempt:
    fields: dict[str, Any] = {
        "event_id": "e", "tenant": "t", "occurred_at": 1, "recorded_at": 1, "delivery_id": "d-1", "endpoint": "ep",
        "attempt": 1, "about": "e0", "content_type": "application/json", "body": b"{}",
    }  # fmt: skip
    return DeliveryAttempt(**(fields | changes))


def test_no_sink_is_forgotten() -> None:
    assert MAKE.keys() == SINKS.keys()
    sources = {module.name for module in pkgutil.iter_modules(sinks.__path__, f"{sinks.__name__}.")}
    with_a_sink = {
        name
        for name in sources
        if any(
            inspect.isclass(each) and each is not Sink and "deliver" in vars(each) and each.__module__ == name
            for each in vars(import_module(name)).values()
        )
    }
    assert with_a_sink == {sink.partition(":")[0] for sink in SINKS.values()}


@pytest.mark.parametrize("kind", SINKS)
async def test_delivers_many_at_once_and_opens_again(kind: str) -> None:
    settings, end = await MAKE[kind]()
    sink = make_sink(kind, settings)
    try:
        for _ in range(2):
            async with sink as opened:
                outcomes = await asyncio.gather(*(opened.deliver(attempt(attempt=n)) for n in range(1, 21)))
            assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    finally:
        await end()


@pytest.mark.parametrize("kind", SINKS)
@pytest.mark.parametrize(
    "changes",
    [
        {"body": b""},
        {"body": b"\x00\xff" * 1000},
        {"delivery_id": "a\r\nb: c"},
        {"delivery_id": ""},
        {"content_type": "text/plain\r\nx: y"},
        {"content_type": ""},
        {"attempt": 0, "replay": 3},
    ],
    ids=str,
)
async def test_any_attempt_has_an_outcome(kind: str, changes: dict[str, Any]) -> None:
    settings, end = await MAKE[kind]()
    try:
        async with make_sink(kind, settings) as sink:
            assert isinstance(await sink.deliver(attempt(**changes)), Delivered | RetryLater | Rejected)
    finally:
        await end()


@pytest.mark.parametrize("kind", SINKS)
def test_an_unknown_setting_is_refused_by_name(kind: str) -> None:
    with pytest.raises(SinkMisconfigured) as refusal:
        make_sink(kind, {"url": "https://example.org/", "secrets": [SECRET], "colour": "red"})
    assert refusal.value.field in ("colour", "url")


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(SinkMisconfigured, match=f"there are {', '.join(sorted(sink_kinds()))}"):
        make_sink("pigeon", {})


async def test_the_memory_sink_answers_what_is_lined_up() -> None:
    from tocsin.connectors.sinks.memory import MemorySink

    async with MemorySink() as sink:
        sink.answers.append(RetryLater(reason=Reason.RATE_LIMITED))
        first, second = await sink.deliver(attempt()), await sink.deliver(attempt(delivery_id="d-2"))
    assert (first, second) == (RetryLater(reason=Reason.RATE_LIMITED), Delivered())
    assert sink.delivery_ids == ["d-1", "d-2"]
