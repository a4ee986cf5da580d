"""The webhook sink against receivers that behave, and such that do not."""

from __future__ import annotations

import asyncio
import socket
import zlib
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st

from tests.harness.webhook_receivers import GUARD, OLD_SECRET, SECRET, attempt, bare, config, deliver, receiver
from tocsin.connectors.egress.answers import READ_AT_MOST
from tocsin.connectors.guard import dial_any
from tocsin.connectors.sinks.base import Delivered, Reason, Rejected, RetryLater, SinkMisconfigured
from tocsin.connectors.sinks.webhook import WebhookConfig, WebhookSink
from tocsin.connectors.sinks.webhook.transport import WebhookTransport
from tocsin.connectors.webhooks import verify


async def test_what_the_receiver_gets_can_be_verified() -> None:
    seen: list[tuple[bytes, dict[str, str], str]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((await request.read(), dict(request.headers), request.path_qs))
        return web.Response(status=204)

    async with receiver(take) as url:
        assert await deliver(url, secrets=[SECRET, OLD_SECRET], headers={"x-team": "a"}) == Delivered(status=204)
        assert await deliver(url, given=attempt(replay=2)) == Delivered(status=204)
    body, headers, path = seen[0]
    for secret in (SECRET, OLD_SECRET):
        assert verify(body, headers, [secret]).webhook_id == "d-1"
    assert (body, path) == (b'{"n": 1}', "/hook?x=1")
    assert (headers["tocsin-attempt"], headers["Content-Type"], headers["x-team"]) == ("2", "application/json", "a")
    assert headers["Accept-Encoding"] == "identity"
    assert "tocsin-replay" not in headers
    assert seen[1][1]["tocsin-replay"] == "2"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_the_metadata_service_dials_nobody_else(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialled: list[str] = []

    def listen(target: Any) -> socket.socket:
        dialled.append(target[4][0])
        return dial_any(target)

    monkeypatch.setattr("tocsin.connectors.egress.transport.dial_any", listen)

    async def redirect(request: web.Request) -> web.Response:
        headers = {"location": "http://169.254.169.254/latest/meta-data/", "refresh": "0; url=http://169.254.169.254/"}
        return web.Response(status=status, headers=headers)

    async with receiver(redirect) as url:
        assert await deliver(url) == RetryLater(reason=Reason.REDIRECTED, status=status)
    assert dialled == ["127.0.0.1"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    visited: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        visited.append(request.method)
        return web.Response()

    async with receiver(elsewhere) as second:

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=status, headers={"location": second})

        async with receiver(redirect) as first:
            assert await deliver(first) == RetryLater(reason=Reason.REDIRECTED, status=status)
    assert visited == []


async def test_gone_and_busy() -> None:
    async def gone(request: web.Request) -> web.Response:
        return web.Response(status=410)

    async def busy(request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"retry-after": "30"})

    async with receiver(gone) as url:
        assert await deliver(url) == Rejected(reason=Reason.GONE, status=410)
    async with receiver(busy) as url:
        assert await deliver(url) == RetryLater(reason=Reason.RATE_LIMITED, after=30_000_000, status=429)


async def test_the_time_limit_covers_a_receiver_that_hangs() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * GUARD)

    async def drip_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1000:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.1)

    for behaviour in (hang, drip_headers):
        async with bare(behaviour) as url, asyncio.timeout(GUARD):
            assert await deliver(url, timeout=0.5) == RetryLater(reason=Reason.TIMEOUT)


async def test_a_status_stands_though_the_rest_of_the_answer_never_ends() -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            sent += 4096
            await writer.drain()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 No\r\ncontent-length: 100\r\n\r\n")
        await asyncio.sleep(2 * GUARD)

    async with bare(endless) as url:
        async with asyncio.timeout(GUARD):
            assert await deliver(url, timeout=2 * GUARD) == Delivered(status=200)
        assert sent < READ_AT_MOST + 8 * 1024 * 1024  # what the sockets buffer is the rest
    async with bare(slow) as url:
        assert await deliver(url, timeout=0.5) == RetryLater(reason=Reason.SERVER_ERROR, status=500)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
async def test_a_compressed_answer_is_not_inflated(encoding: str) -> None:
    small = zlib.compress(bytes(32 * 1024 * 1024), 9)
    assert len(small) < READ_AT_MOST

    async def bomb(request: web.Request) -> web.Response:
        return web.Response(body=small, headers={"content-encoding": encoding})

    async with receiver(bomb) as url, WebhookTransport(config(url)) as transport:
        answer = await transport.ask("POST", {}, b"", keep=READ_AT_MOST)
    assert (answer.status, answer.body) == (200, small), "as it came: nobody asked for it to be compressed"


async def test_an_answer_of_a_byte_at_a_time_ends_with_the_attempt() -> None:
    sent = 0

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        while True:
            writer.write(b"x")
            sent += 1
            await writer.drain()
            await asyncio.sleep(0.05)

    async with bare(drip) as url, asyncio.timeout(GUARD):
        assert await deliver(url, timeout=0.5) == Delivered(status=200)
    assert 0 < sent < 1000


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", Reason.CONNECTION_LOST),
        (b"SSH-2.0-OpenSSH\r\n", Reason.BAD_ANSWER),
        (b"HTTP/1.1 abc\r\n\r\n", Reason.BAD_ANSWER),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 20_000 + b"\r\n\r\n", Reason.BAD_ANSWER),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000 + b"\r\n", Reason.BAD_ANSWER),
    ],
    ids=["nothing", "another protocol", "no status", "a huge header", "a thousand headers"],
)
async def test_an_answer_that_is_none(answer: bytes, reason: Reason) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(8)
        writer.write(answer)
        await writer.drain()

    async with bare(respond) as url:
        assert await deliver(url) == RetryLater(reason=reason)


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert await deliver(f"http://127.0.0.1:{port}/") == RetryLater(reason=Reason.CONNECT_FAILED)


async def test_a_name_that_is_none() -> None:
    assert await deliver("http://no-such-host.invalid/") == RetryLater(reason=Reason.DNS_FAILED)


async def test_plain_http_where_tls_is_expected() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with bare(plain) as url:
        assert await deliver(url.replace("http:", "https:")) == RetryLater(reason=Reason.TLS_FAILED)


async def test_a_proxy_from_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response()

    async with receiver(take) as url:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        assert await deliver(url) == Delivered(status=200)


async def test_a_sink_that_is_not_open_says_so() -> None:
    assert await WebhookSink(config("http://x/")).deliver(attempt()) == RetryLater(reason=Reason.SINK_FAILED)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://example.org/", "allow_private": False}, "url"),
        ({"url": "https://example.org:8443/", "allow_private": False}, "url"),
        ({"url": "ftp://example.org/"}, "url"),
        ({"url": "https://user:pass@example.org/"}, "url"),
        ({"url": "https://example.org/#x"}, "url"),
        ({"url": "/relative"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "http://[::1/"}, "url"),
        ({"secrets": []}, "secrets"),
        ({"secrets": ["whsec_short"]}, "secrets"),
        ({"headers": {"x": "a\r\nb: c"}}, "headers"),
        ({"headers": {"a b": "c"}}, "headers"),
        ({"headers": {"Webhook-Id": "c"}}, "headers"),
        ({"headers": {"Host": "c"}}, "headers"),
    ],
    ids=str,
)
def test_settings_that_cannot_work(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(SinkMisconfigured) as refusal:
        WebhookSink(config(**({"url": "https://example.org/"} | changes)))
    assert refusal.value.field == field


def test_the_settings_do_not_show_secrets() -> None:
    shown = repr(config("https://example.org/token-in-path?k=v", headers={"authorization": "Bearer zzz"}))
    assert shown == "WebhookConfig(url='https://example.org', secrets=***)"
    assert "?" in repr(config("nonsense"))


HOSTS = st.text(max_size=20) | st.sampled_from(
    ["xn--", "xn--a", "xn--\u0130", "[::1", "[v1.x]", "\udc80", "a:99999", ".."]
)


@given(host=HOSTS, rest=st.text(max_size=10))
@example(host="xn--", rest="/")
def test_whatever_a_url_holds_it_is_taken_or_refused(host: str, rest: str) -> None:
    with suppress(SinkMisconfigured):
        WebhookSink(WebhookConfig(url=f"https://{host}{rest}", secrets=(SECRET,)))


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACES: dict[str, tuple[str | None, str | None, dict[str, str]]] = {
    "both": (TRACE, "a=1", {"traceparent": TRACE, "tracestate": "a=1"}),
    "the parent": (TRACE, None, {"traceparent": TRACE}),
    "a state without its parent": (None, "a=1", {}),
    "a parent that is none": ("00-1-2-01", "a=1", {}),
    "a state that would be another header": (TRACE, "a=1\r\nhost: x", {"traceparent": TRACE}),
    "a parent that would be another header": (TRACE + "\r\nhost: x", "a=1", {}),
}


@pytest.mark.parametrize(("parent", "state", "expected"), TRACES.values(), ids=TRACES)
async def test_the_trace_is_in_the_headers(parent: str | None, state: str | None, expected: dict[str, str]) -> None:
    seen: list[dict[str, str]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append({name: request.headers[name] for name in ("traceparent", "tracestate") if name in request.headers})
        return web.Response()

    async with receiver(take) as url:
        outcome = await deliver(url, given=attempt(traceparent=parent, tracestate=state))
    assert (outcome, seen) == (Delivered(status=200), [expected])
