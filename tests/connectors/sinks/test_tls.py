"""TLS with real certificates: only who proves to be the named host, by somebody whom we trust, gets a delivery."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from aiohttp import web

from tests.harness.webhook_receivers import attempt, bare, config
from tocsin.connectors.sinks.base import Delivered, Reason, RetryLater
from tocsin.connectors.sinks.webhook import WebhookSink

OURS, OTHERS = trustme.CA(), trustme.CA()
BUNDLE = OURS.cert_pem.bytes().decode()
DAY = timedelta(days=1)
YESTERDAY = datetime.now(UTC) - DAY


def presenting(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def old_tls() -> ssl.SSLContext:
    context = presenting(OURS.issue_cert("localhost"))
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@asynccontextmanager
async def receiver(tls: ssl.SSLContext) -> AsyncIterator[tuple[str, list[bytes]]]:
    seen: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        seen.append(await request.read())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"https://localhost:{runner.addresses[0][1]}/hook", seen
    finally:
        await runner.cleanup()


async def deliver(url: str, ca_file: str | None) -> object:
    async with WebhookSink(config(url, ca_file=ca_file)) as sink:
        return await sink.deliver(attempt())


CERTIFICATES = {
    "ours, by its name": (OURS.issue_cert("localhost"), BUNDLE, True),
    "ours, among others": (OURS.issue_cert("localhost"), OTHERS.cert_pem.bytes().decode() + BUNDLE, True),
    "of an intermediate": (OURS.create_child_ca().issue_cert("localhost"), BUNDLE, True),
    "without our CA file": (OURS.issue_cert("localhost"), None, False),
    "of another CA": (OTHERS.issue_cert("localhost"), BUNDLE, False),
    "of another name": (OURS.issue_cert("owner.example"), BUNDLE, False),
    "of an address": (OURS.issue_cert("127.0.0.2"), BUNDLE, False),
    "of a wildcard": (OURS.issue_cert("*.localhost.example"), BUNDLE, False),
    "expired": (OURS.issue_cert("localhost", not_before=YESTERDAY - DAY, not_after=YESTERDAY), BUNDLE, False),
    "not valid yet": (OURS.issue_cert("localhost", not_before=YESTERDAY + 9 * DAY), BUNDLE, False),
}  # fmt: skip


@pytest.mark.parametrize(("certificate", "ca_file", "taken"), CERTIFICATES.values(), ids=CERTIFICATES)
async def test_a_certificate(certificate: trustme.LeafCert, ca_file: str | None, taken: bool) -> None:
    async with receiver(presenting(certificate)) as (url, seen):
        outcome = await deliver(url, ca_file)
    assert outcome == (Delivered(status=204) if taken else RetryLater(reason=Reason.TLS_FAILED))
    assert len(seen) == taken, "who is not known gets nothing, not even the body"


async def test_a_certificate_that_signs_itself() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    alone = trustme.CA()  # a CA's own certificate is one that signs itself
    with alone.cert_pem.tempfile() as certificate, alone.private_key_pem.tempfile() as key:
        context.load_cert_chain(certificate, key)
    async with receiver(context) as (url, seen):
        assert await deliver(url, BUNDLE) == RetryLater(reason=Reason.TLS_FAILED)
        assert await deliver(url, None) == RetryLater(reason=Reason.TLS_FAILED)
    assert seen == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_tls_that_is_too_old() -> None:
    async with receiver(old_tls()) as (url, seen):
        outcome = await deliver(url, BUNDLE)
    assert isinstance(outcome, RetryLater)
    # whose OpenSSL refuses first differs, and a reset is all that one sees of the other's refusal
    assert outcome.reason in (Reason.TLS_FAILED, Reason.CONNECT_FAILED)
    assert seen == []


async def test_a_handshake_that_never_ends() -> None:
    heard = 0

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        while data := await reader.read(4096):
            heard += len(data)

    async with bare(mute) as url, WebhookSink(config(url.replace("http:", "https:"), timeout=0.5)) as sink:
        assert await sink.deliver(attempt()) == RetryLater(reason=Reason.TIMEOUT)
    assert 0 < heard < 4096, "a greeting, and no request"
