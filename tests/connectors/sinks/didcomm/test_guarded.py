"""Where a DID may lead us: nowhere that is not public, whatever its document says and however often a name is asked
for; and peers that move."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from tests.connectors.sinks.test_addresses import ALL, BY_NAME, ZONE
from tests.connectors.sinks.test_names import ANSWERS, PUBLIC
from tests.harness.didcomm_agents import Agent, an_attempt, answering, keys_file, service, with_services
from tests.harness.name_server import Answers, NameServer
from tocsin.connectors.didcomm.making import new_identity, published
from tocsin.connectors.outcomes import Delivered, Reason, Rejected, RetryLater
from tocsin.connectors.sinks.didcomm import DidcommConfig, DidcommSink

CA = trustme.CA()
Sinks = Callable[..., DidcommSink]


@pytest.fixture
def sink_with(tmp_path: Path) -> Sinks:
    keys = asyncio.run(keys_file(tmp_path, new_identity("default", "peer:2", now=1)))

    def made(server: NameServer | None = None, **settings: Any) -> DidcommSink:
        given: dict[str, Any] = {"keys": str(keys), "connect_timeout": 2.0, "timeout": 4.0}
        return DidcommSink(
            DidcommConfig(**(given | settings)), name_servers=None if server is None else server.resolver()
        )

    return made


def at(*hosts: str) -> str:
    """A peer whose services are at these hosts."""
    plain = new_identity("peer", "peer:4", now=1, uri="https://x.example/")
    return with_services(plain, [service(f"https://{host}/in") for host in hosts]).did


async def test_every_way_to_write_an_address_that_is_not_public(sink_with: Sinks) -> None:
    async with NameServer(ZONE) as server, sink_with(server) as sink:
        found = {host: await sink.deliver(an_attempt(at(host))) for kind, host in ALL if kind != BY_NAME and host}
    assert len(found) >= 60
    assert set(found.values()) == {Rejected(reason=Reason.ADDRESS_REFUSED)}, "its DID says it for good"
    assert server.asked == {}, "nobody was even asked"


async def _refuses_late(request: web.Request, before: int) -> web.Response:
    await asyncio.sleep(1)
    return web.Response(status=404)


async def test_all_the_services_of_a_document_have_the_time_of_one_attempt_together(
    tmp_path: Path, sink_with: Sinks
) -> None:
    """Who writes a DID document could keep an attempt busy with a service after the other, each in time."""
    late = Agent(tmp_path)
    late.behave = _refuses_late
    peer = Agent(tmp_path, services=lambda url: [service(f"{late.url}{n}") for n in range(6)] + [service(url)])
    async with late, peer, sink_with(allow_private=True, timeout=2.5) as sink:
        assert await sink.deliver(an_attempt(peer.did)) == RetryLater(reason=Reason.TIMEOUT)
    assert peer.took == []


@pytest.mark.parametrize(("answers", "reason"), ANSWERS.values(), ids=ANSWERS)
async def test_what_a_name_server_may_say_of_a_service(sink_with: Sinks, answers: Answers, reason: Reason) -> None:
    async with NameServer({"asked.example": answers}) as server, sink_with(server) as sink:
        outcome = await sink.deliver(an_attempt(at("asked.example")))
    assert (type(outcome), getattr(outcome, "reason", None)) == (RetryLater, reason)


async def test_a_second_answer_gains_nothing(sink_with: Sinks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Public when it is asked, private afterwards (rebinding): what is connected to is what was looked at."""
    dialled: list[str] = []

    def listen(target: Any) -> socket.socket:
        dialled.append(target[4][0])
        raise OSError("nobody leaves this test")

    monkeypatch.setattr("tocsin.connectors.egress.transport.dial_public", listen)
    answers = lambda question: [PUBLIC] if question == 0 else ["127.0.0.1"]  # noqa: E731
    peer = at("asked.example")
    async with NameServer({"asked.example": answers}) as server:
        async with sink_with(server) as sink:
            first = await sink.deliver(an_attempt(peer))
        async with sink_with(server) as another:
            second = await another.deliver(an_attempt(peer, attempt=2))
    assert set(dialled) == {PUBLIC}
    assert [getattr(one, "reason", None) for one in (first, second)] == [Reason.CONNECT_FAILED, Reason.ADDRESS_REFUSED]


async def test_a_private_service_is_passed_over_for_a_public_one(
    sink_with: Sinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialled: list[str] = []

    def listen(target: Any) -> socket.socket:
        dialled.append(target[4][0])
        raise OSError("nobody leaves this test")

    monkeypatch.setattr("tocsin.connectors.egress.transport.dial_public", listen)
    zone: dict[str, Answers] = {"inside.example": ["10.0.0.1"], "outside.example": [PUBLIC]}
    async with NameServer(zone) as server, sink_with(server) as sink:
        await sink.deliver(an_attempt(at("127.0.0.1", "inside.example", "outside.example")))
    assert set(dialled) == {PUBLIC}


INWARD = {
    "loopback": "did:web:127.0.0.1",
    "a port": "did:web:example.org%3A8443",
    "the metadata service": "did:web:169.254.169.254:latest",
    "a number": "did:web:2130706433",
    "a private name": "did:web:db.internal",
    "a name that leads inside": "did:web:evil.example",
    "a name of another script": "did:web:xn--bcher-kva.example",
}


@pytest.mark.parametrize("did", INWARD.values(), ids=INWARD)
async def test_a_did_that_points_inward_is_not_looked_up(sink_with: Sinks, did: str) -> None:
    async with NameServer(ZONE) as server, sink_with(server, did_web=True) as sink:
        assert await sink.deliver(an_attempt(did)) == RetryLater(reason=Reason.ADDRESS_REFUSED)


class Host:
    """Where the document of a did:web is: whatever `document` is now; how often it was asked for."""

    def __init__(self) -> None:
        self.document: dict[str, Any] | None = None
        self.asked = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(status=404) if self.document is None else web.json_response(self.document)


@asynccontextmanager
async def hosted() -> AsyncIterator[tuple[str, Host]]:
    """A host with TLS, and the DID whose document it has."""
    host, context = Host(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert("localhost").configure_cert(context)
    app = web.Application()
    app.router.add_get("/.well-known/did.json", host.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"did:web:localhost%3A{runner.addresses[0][1]}", host
    finally:
        await runner.cleanup()


OURS: dict[str, Any] = {"did_web": True, "allow_private": True, "ca_file": CA.cert_pem.bytes().decode()}


@pytest.mark.parametrize("moved", ["nobody is there any more", 404, 410, 500])
async def test_a_peer_that_moved_and_has_new_keys_is_found_by_the_next_attempt(
    tmp_path: Path, sink_with: Sinks, moved: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its document is looked up again because of the answer, long before it is too old."""
    monkeypatch.setattr("tocsin.connectors.didcomm.resolver.REFRESH_AFTER", 0.0)
    async with hosted() as (did, host), sink_with(**OURS) as sink:
        before, after = (Agent(tmp_path, identity=_web(did, made_at)) for made_at in (1, 2))
        async with before:
            host.document = published(before.identity)
            assert isinstance(await sink.deliver(an_attempt(did)), Delivered)
            assert isinstance(await sink.deliver(an_attempt(did)), Delivered)
            assert host.asked == 1, "it is remembered"
            if isinstance(moved, int):
                before.behave = answering(moved)
                host.document = published(after.identity)
                first = await sink.deliver(an_attempt(did))
        if not isinstance(moved, int):
            host.document = published(after.identity)
            first = await sink.deliver(an_attempt(did))
        assert isinstance(first, RetryLater)
        async with after:
            assert isinstance(await sink.deliver(an_attempt(did, attempt=2)), Delivered)
    assert (host.asked, len(after.took)) == (2, 1)


async def test_a_did_whose_host_has_no_document_yet_is_tried_again(tmp_path: Path, sink_with: Sinks) -> None:
    async with hosted() as (did, _), sink_with(**OURS) as sink:
        assert await sink.deliver(an_attempt(did)) == RetryLater(reason=Reason.UNRESOLVED)


def _web(did: str, made_at: int) -> Callable[[str], Any]:
    return lambda url: new_identity("agent", "web", now=made_at, uri=url, web_did=did)
