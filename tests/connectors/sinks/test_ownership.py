"""Nothing is delivered to who has not agreed to it: CloudEvents' OPTIONS, or a challenge that is repeated."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.harness.webhook_receivers import SECRET, attempt, config
from tocsin.connectors.sinks.base import Delivered, Reason, RetryLater
from tocsin.connectors.sinks.webhook import WebhookSink
from tocsin.connectors.sinks.webhook.ownership import ASK_AGAIN, HOLDS_FOR, Gate, NotProven, Proven, prove
from tocsin.connectors.sinks.webhook.transport import WebhookTransport
from tocsin.connectors.webhooks import challenge_in, verify

ORIGIN = "tocsin.example.org"
BY: dict[str, dict[str, Any]] = {
    "options": {"ownership": "options", "origin": ORIGIN},
    "challenge": {"ownership": "challenge"},
}


class Owner:
    """A receiver that answers questions as a test wants, and counts what it is sent."""

    def __init__(self, answer: Callable[[web.Request, bytes], Awaitable[web.Response] | web.Response]) -> None:
        self.answer, self.questions, self.deliveries = answer, 0, list[dict[str, str]]()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.method == "POST":
            verify(body, request.headers, [SECRET])
        if request.method == "POST" and challenge_in(body) is None:
            self.deliveries.append(dict(request.headers))
            return web.Response(status=204)
        self.questions += 1
        answer = self.answer(request, body)
        return answer if isinstance(answer, web.Response) else await answer


@asynccontextmanager
async def served(owner: Owner) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/hook", owner.take)
    async with TestServer(app) as server:
        yield str(server.make_url("/hook"))


def allowing(origin: str, status: int = 200, **more: str) -> Callable[[web.Request, bytes], web.Response]:
    headers = {"WebHook-Allowed-Origin": origin, **{name.replace("_", "-"): value for name, value in more.items()}}
    return lambda request, body: web.Response(status=status, headers=headers)


def saying(text: str, status: int = 200) -> Callable[[web.Request, bytes], web.Response]:
    return lambda request, body: web.Response(status=status, text=text)


def repeating(form: str) -> Callable[[web.Request, bytes], web.Response]:
    return lambda request, body: web.Response(text=form.replace("{}", challenge_in(body) or ""))


ANSWERS: dict[str, tuple[str, Callable[[web.Request, bytes], web.Response], bool]] = {
    "the origin": ("options", allowing(ORIGIN), True),
    "the origin in other letters": ("options", allowing(ORIGIN.upper()), True),
    "any origin": ("options", allowing("*"), True),
    "with a rate": ("options", allowing("*", WebHook_Allowed_Rate="120"), True),
    "with a rate that is none": ("options", allowing("*", WebHook_Allowed_Rate="-1"), True),
    "another origin": ("options", allowing("evil.example"), False),
    "a list of origins": ("options", allowing(f"a.example, {ORIGIN}"), False),
    "OPTIONS as everybody answers it": ("options", saying(""), False),
    "OPTIONS is not allowed": ("options", allowing("*", 405), False),
    "a redirect that allows": ("options", allowing("*", 307, location="http://169.254.169.254/"), False),
    "the text": ("challenge", repeating("{}"), True),
    "the text on a line": ("challenge", repeating("{}\r\n"), True),
    "a member": ("challenge", repeating('{"challenge": "{}"}'), True),
    "a JSON text": ("challenge", repeating('"{}"'), True),
    "nothing": ("challenge", saying(""), False),
    "something else": ("challenge", saying('{"challenge": "abc"}'), False),
    "another status": ("challenge", saying("no", 401), False),
    "an object of another type": ("challenge", saying('{"challenge": 7}'), False),
    "a list": ("challenge", repeating('["{}"]'), False),
    "whatever it was sent": ("challenge", lambda request, body: web.Response(body=body), False),
    "the text among others": ("challenge", repeating("x" * 100 + "{}"), False),
    "too much": ("challenge", repeating("{}" + "x" * 100_000), False),
}


@pytest.mark.parametrize(("way", "answer", "proven"), ANSWERS.values(), ids=ANSWERS)
async def test_who_agrees(way: str, answer: Callable[[web.Request, bytes], web.Response], proven: bool) -> None:
    owner = Owner(answer)
    async with served(owner) as url:
        found = await prove(config(url, **BY[way]))
        async with WebhookSink(config(url, **BY[way])) as sink:
            outcomes = [await sink.deliver(attempt(attempt=number)) for number in (1, 2)]
    assert isinstance(found, Proven) is proven, found
    assert owner.questions == 2, "once by `prove`, once by the sink, whatever was answered"
    if proven:
        assert outcomes == [Delivered(status=204)] * 2
    else:
        assert [one.reason for one in outcomes if isinstance(one, RetryLater)] == [Reason.UNVERIFIED] * 2
    assert len(owner.deliveries) == (2 if proven else 0)


async def test_the_rate_that_is_granted_is_said() -> None:
    async with served(Owner(allowing("*", WebHook_Allowed_Rate="120"))) as url:
        assert await prove(config(url, **BY["options"])) == Proven(rate=120)


async def test_each_delivery_names_the_origin_that_was_allowed() -> None:
    owner = Owner(allowing("*"))
    async with served(owner) as url, WebhookSink(config(url, **BY["options"])) as sink:
        await sink.deliver(attempt())
    assert [one["WebHook-Request-Origin"] for one in owner.deliveries] == [ORIGIN]


async def test_nobody_is_asked_when_nothing_is_said() -> None:
    owner = Owner(saying("no", 500))
    async with served(owner) as url, WebhookSink(config(url)) as sink:
        assert await sink.deliver(attempt()) == Delivered(status=204)
        assert await prove(config(url)) == Proven()
    assert owner.questions == 0


@pytest.mark.parametrize("way", BY)
async def test_nobody_there(way: str) -> None:
    found = await prove(config("http://127.0.0.1:1/", **BY[way]))
    assert isinstance(found, NotProven)
    assert "connect_failed" in found.why


async def test_when_it_is_asked_again() -> None:
    now, agrees = 0.0, False

    def answer(request: web.Request, body: bytes) -> web.Response:
        return web.Response(headers={"WebHook-Allowed-Origin": "*"} if agrees else {})

    owner = Owner(answer)
    async with served(owner) as url:
        settings = config(url, **BY["options"])
        async with WebhookTransport(settings) as transport:
            gate = Gate(transport, settings, lambda: now)
            closed = await gate.closed()
            assert closed == RetryLater(reason=Reason.UNVERIFIED, after=round(ASK_AGAIN * 1e6), status=200)
            agrees, now = True, ASK_AGAIN - 1
            closed = await gate.closed()
            assert closed is not None
            assert (closed.after, owner.questions) == (1_000_000, 1)
            now = ASK_AGAIN
            assert (await gate.closed(), owner.questions) == (None, 2)
            agrees, now = False, ASK_AGAIN + HOLDS_FOR - 1
            assert (await gate.closed(), owner.questions) == (None, 2)
            now += 1
            assert await gate.closed() is not None, "after a day it is asked again"
            assert owner.questions == 3


BODIES = {
    "a challenge": (json.dumps({"type": "endpoint.challenge", "data": {"challenge": "a-b_1"}}), "a-b_1"),
    "of another type": (json.dumps({"type": "problem.opened", "data": {"challenge": "a"}}), None),
    "not a text": (json.dumps({"type": "endpoint.challenge", "data": {"challenge": 1}}), None),
    "markup": (json.dumps({"type": "endpoint.challenge", "data": {"challenge": "<script>"}}), None),
    "no data": (json.dumps({"type": "endpoint.challenge"}), None),
    "a list": ("[]", None),
    "no JSON": ("\x00", None),
    "deep": ("[" * 100_000, None),
}


@pytest.mark.parametrize(("body", "found"), BODIES.values(), ids=BODIES)
def test_what_a_receiver_repeats(body: str, found: str | None) -> None:
    assert challenge_in(body.encode()) == found
