"""Deliveries through a real proxy: what it is asked, what it never gets to see, and what is not asked for at all."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from aiohttp import web

from tests.connectors.sinks.test_tls import BUNDLE, OURS, presenting
from tests.connectors.sinks.test_tls import receiver as tls_receiver
from tests.harness.connect_proxy import ConnectProxy
from tests.harness.name_server import NXDOMAIN, SILENCE, NameServer
from tests.harness.webhook_receivers import SECRET, attempt, config, receiver
from tocsin.connectors.egress.proxy import NO_PROXY, Proxy
from tocsin.connectors.sinks.base import Delivered, Reason, RetryLater, SinkOutcome
from tocsin.connectors.sinks.webhook import WebhookConfig, WebhookSink

URL = "https://owner.example/hook"
SHOWN = "Basic " + base64.b64encode("tocsin:wörd".encode()).decode()


async def deliver(server: NameServer, proxy: ConnectProxy, url: str = URL, **changes: Any) -> SinkOutcome:
    of_proxy = {name: changes.pop(name) for name in ("resolves", "user", "password") if name in changes}
    settings = WebhookConfig(
        url=url,
        secrets=(SECRET,),
        ca_file=BUNDLE,
        proxy=Proxy(url=proxy.url, allow_private=True, **of_proxy),
        **changes,
    )
    async with WebhookSink(settings, name_servers=server.resolver()) as sink:
        return await sink.deliver(attempt())


@pytest.mark.parametrize("proxy_tls", [False, True], ids=["http proxy", "https proxy"])
async def test_a_delivery_goes_through_the_proxy_unread(proxy_tls: bool) -> None:
    tls = presenting(OURS.issue_cert("localhost")) if proxy_tls else None
    async with (
        tls_receiver(presenting(OURS.issue_cert("owner.example"))) as (url, seen),
        NameServer({"owner.example": ["93.184.216.34"]}) as server,
        ConnectProxy({"owner.example:443": ("127.0.0.1", int(url.split(":")[2].split("/")[0]))}, tls=tls) as proxy,
    ):
        outcome = await deliver(server, proxy, user="tocsin", password="wörd")
    assert outcome == Delivered(status=204)
    assert seen == [b'{"n": 1}']
    assert proxy.asked == [("CONNECT owner.example:443 HTTP/1.1", SHOWN)]


async def test_who_answers_behind_the_proxy_must_be_the_named_host() -> None:
    async with (
        tls_receiver(presenting(OURS.issue_cert("somebody.example"))) as (url, seen),
        NameServer({"owner.example": ["93.184.216.34"]}) as server,
        ConnectProxy({"owner.example:443": ("127.0.0.1", int(url.split(":")[2].split("/")[0]))}) as proxy,
    ):
        assert await deliver(server, proxy) == RetryLater(reason=Reason.TLS_FAILED)
    assert seen == []


NAMES = {
    "private": (["10.0.0.1"], Reason.ADDRESS_REFUSED),
    "public and private": (["93.184.216.34", "::1"], Reason.ADDRESS_REFUSED),
    "unknown": ([NXDOMAIN], Reason.DNS_FAILED),
    "without an address": ([], Reason.DNS_FAILED),
    "without an answer": ([SILENCE], Reason.TIMEOUT),
}


@pytest.mark.parametrize(("answers", "reason"), NAMES.values(), ids=NAMES)
async def test_what_cannot_be_known_to_be_public_is_not_asked_for(answers: list[str], reason: Reason) -> None:
    async with NameServer({"owner.example": answers}) as server, ConnectProxy() as proxy:
        assert await deliver(server, proxy, connect_timeout=0.4) == RetryLater(reason=reason)
    assert proxy.asked == []


async def test_a_proxy_that_looks_names_up_is_asked_without_a_look() -> None:
    async with NameServer({}) as server, ConnectProxy(answer=b"HTTP/1.1 407 Denied\r\n\r\n") as proxy:
        assert await deliver(server, proxy, resolves=True) == RetryLater(reason=Reason.PROXY_FAILED)
        assert server.asked == {}
    assert proxy.asked == [("CONNECT owner.example:443 HTTP/1.1", "")]


ANSWERS = {
    "denied": b"HTTP/1.1 403 Forbidden\r\n\r\n",
    "credentials wanted": b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
    "not reached": b"HTTP/1.1 502 Bad Gateway\r\nretry-after: 1\r\n\r\n",
    "a redirect": b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\n\r\n",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_a_proxy_that_does_not_connect(answer: bytes) -> None:
    async with NameServer({"owner.example": ["93.184.216.34"]}) as server, ConnectProxy(answer=answer) as proxy:
        assert await deliver(server, proxy) == RetryLater(reason=Reason.PROXY_FAILED)


async def test_nobody_at_the_proxy() -> None:
    async with NameServer({"owner.example": ["93.184.216.34"]}) as server:
        nobody = ConnectProxy(url="http://127.0.0.1:1")
        assert await deliver(server, nobody) == RetryLater(reason=Reason.PROXY_FAILED)


async def test_the_proxy_of_a_name_that_is_private_is_not_used_unless_it_may() -> None:
    async with NameServer({"owner.example": ["93.184.216.34"], "proxy.example": ["127.0.0.1"]}) as server:
        settings = WebhookConfig(url=URL, secrets=(SECRET,), proxy=Proxy(url="http://proxy.example:4750"))
        async with WebhookSink(settings, name_servers=server.resolver()) as sink:
            assert await sink.deliver(attempt()) == RetryLater(reason=Reason.ADDRESS_REFUSED)


async def test_a_plain_request_goes_through_the_proxy_when_it_may_be_plain() -> None:
    seen: list[str] = []

    async def take(request: web.Request) -> web.Response:
        seen.append(request.path_qs + request.headers.get("Proxy-Authorization", ""))
        return web.Response()

    async with receiver(take) as url, ConnectProxy() as proxy:
        through = Proxy(url=proxy.url, allow_private=True, user="tocsin", password="wörd")
        async with WebhookSink(config(url, proxy=through)) as sink:
            assert await sink.deliver(attempt()) == Delivered(status=200)
        async with WebhookSink(config(url, proxy=NO_PROXY)) as sink:
            assert await sink.deliver(attempt()) == Delivered(status=200)
    assert proxy.asked == [(f"POST {url} HTTP/1.1", SHOWN)]
    assert len(seen) == 2


def test_what_is_shown_of_a_proxy() -> None:
    shown = repr(Proxy(url="http://proxy.example:4750", user="tocsin", password="hunter2"))
    assert shown == "Proxy(url='http://proxy.example:4750')"
    assert "hunter2" not in repr(
        config("https://x.example/", proxy=Proxy(url="http://p:1", user="u", password="hunter2"))
    )
