"""What reaches a peer, under which media type, by which way; and receivers that do not behave."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from tests.harness.didcomm_agents import (
    OLD,
    REPORT_V1,
    REPORT_V2,
    SIGNED,
    V1,
    V2,
    Agent,
    Mediator,
    a_report,
    an_attempt,
    answering,
    free_port,
    hang,
    keys_file,
    service,
)
from tocsin.connectors.didcomm.keys import Identity
from tocsin.connectors.didcomm.making import new_identity
from tocsin.connectors.didcomm.packer import PackerConfig
from tocsin.connectors.outcomes import Delivered, Reason, Rejected, RetryLater
from tocsin.connectors.sinks import SinkMisconfigured, make_sink
from tocsin.connectors.sinks.didcomm import DidcommConfig, DidcommSink
from tocsin.connectors.sinks.didcomm.choosing import Wanted


@pytest.fixture
def ours() -> Identity:
    return new_identity("default", "peer:2", now=1)


@pytest.fixture
def sink_with(tmp_path: Path, ours: Identity) -> Callable[..., DidcommSink]:
    keys = asyncio.run(keys_file(tmp_path, ours))

    def made(**settings: Any) -> DidcommSink:
        given: dict[str, Any] = {"keys": str(keys), "allow_private": True, "timeout": 5.0}
        return DidcommSink(DidcommConfig(**(given | settings)))

    return made


Sinks = Callable[..., DidcommSink]
KINDS: dict[str, tuple[Wanted, int, str, str]] = {
    "authcrypt": ("authcrypt", 2, V2, REPORT_V2),
    "anoncrypt": ("anoncrypt", 2, V2, REPORT_V2),
    "signed": ("signed", 2, SIGNED, REPORT_V2),
    "Aries, sender known": ("authcrypt", 1, V1, REPORT_V1),
    "Aries, sender unknown": ("anoncrypt", 1, V1, REPORT_V1),
}


@pytest.mark.parametrize(("packing", "version", "media_type", "kind"), KINDS.values(), ids=KINDS)
async def test_what_arrives(
    tmp_path: Path, ours: Identity, sink_with: Sinks, packing: Wanted, version: int, media_type: str, kind: str
) -> None:
    async with Agent(tmp_path, method="peer:4") as peer, sink_with(packing=packing) as sink:
        outcome = await sink.deliver(an_attempt(peer.did, a_report(version=version)))
    assert isinstance(outcome, Delivered)
    (took,) = peer.took
    assert (outcome.status, outcome.message_sha256) == (202, took.unpacked.sha256)
    assert (took.media_type, took.request_id) == (media_type, "a-1")
    assert took.message["type" if version == 2 else "@type"] == kind
    sender = None if packing == "anoncrypt" else ours.did if version == 2 else ours.verkey
    assert took.unpacked.sender == sender
    given = a_report(version=version)
    assert {name: took.message[name] for name in given} == given, "as it was written, whatever is in it"


async def test_the_attempt_says_who_we_are_and_the_endpoint_otherwise(tmp_path: Path, ours: Identity) -> None:
    other, third = (new_identity(name, "peer:2", now=2) for name in ("other", "third"))
    keys = await keys_file(tmp_path, ours, other, third)
    config = DidcommConfig(keys=str(keys), allow_private=True, own=third.did)
    async with Agent(tmp_path) as peer, DidcommSink(config) as sink:
        assert isinstance(await sink.deliver(an_attempt(peer.did, own=other.did)), Delivered)
        assert isinstance(await sink.deliver(an_attempt(peer.did)), Delivered)
        stranger = await sink.deliver(an_attempt(peer.did, own="did:web:not.ours"))
    assert [took.unpacked.sender for took in peer.took] == [other.did, third.did]
    assert stranger == RetryLater(reason=Reason.NO_KEY), "the key may be added"


async def test_a_peer_of_version_1_by_its_key_and_an_address(tmp_path: Path, ours: Identity, sink_with: Sinks) -> None:
    async with Agent(tmp_path) as peer, sink_with(url=peer.url) as sink:
        outcome = await sink.deliver(an_attempt(peer.verkey, a_report(version=1), own=ours.verkey))
    assert isinstance(outcome, Delivered)
    assert (peer.took[0].unpacked.sender, peer.took[0].unpacked.recipient) == (ours.verkey, peer.verkey)


async def test_an_address_stands_in_for_the_document_of_a_did_without_services(
    tmp_path: Path, sink_with: Sinks
) -> None:
    async with Agent(tmp_path, method="peer:2", uri="http://127.0.0.1:1/") as peer, sink_with(url=peer.url) as sink:
        assert isinstance(await sink.deliver(an_attempt(peer.did)), Delivered)


async def test_a_repeat_has_the_same_message_id_in_another_envelope(tmp_path: Path, sink_with: Sinks) -> None:
    async with Agent(tmp_path) as peer, sink_with() as sink:
        outcomes = [await sink.deliver(an_attempt(peer.did, attempt=n, event_id=f"a-{n}")) for n in (1, 2, 3)]
    assert [took.message["id"] for took in peer.took] == ["m-1"] * 3
    assert [took.request_id for took in peer.took] == ["a-1", "a-2", "a-3"]
    assert len({outcome.message_sha256 for outcome in outcomes}) == 3


@pytest.mark.parametrize("version", [1, 2])
async def test_two_mediators(tmp_path: Path, sink_with: Sinks, version: int) -> None:
    """In version 2 the endpoint is the DID of the first and a routing key that of the second; in version 1 the routing
    keys are both, from the peer outwards (Aries RFC 0067). Neither can read what it passes on."""
    async with Mediator(tmp_path) as first, Mediator(tmp_path) as second:
        keys = [second.verkey, first.verkey]
        aries = {
            "type": "did-communication", "serviceEndpoint": first.url, "routingKeys": keys, "recipientKeys": ["#sign"]
        }  # fmt: skip
        if version == 1:
            peer = Agent(tmp_path, services=lambda url: [aries])
        else:
            peer = Agent(tmp_path, uri=first.did, routing_keys=[second.did])
        async with peer, sink_with() as sink:
            first.routes = {second.did: second.url, second.verkey: second.url}
            second.routes = {peer.did: peer.url, peer.verkey: peer.url}
            assert isinstance(await sink.deliver(an_attempt(peer.did, a_report(version=version))), Delivered)
    for mediator in (first, second):
        (took,) = mediator.took
        kind = took.message["type" if version == 2 else "@type"]
        assert kind == f"https://didcomm.org/routing/{version}.0/forward"
        assert took.unpacked.sender is None, "a mediator does not learn who we are"
        assert "xfer" not in json.dumps(took.message)
    (took,) = peer.took
    assert took.message["id" if version == 2 else "@id"] == "m-1"


async def test_a_peer_behind_a_mediator_that_is_away(tmp_path: Path, sink_with: Sinks) -> None:
    mediator = Mediator(tmp_path)
    peer = Agent(tmp_path, uri=mediator.did)
    async with sink_with() as sink:
        assert _reason(await sink.deliver(an_attempt(peer.did))) is Reason.CONNECT_FAILED


async def test_an_old_agent_is_sent_the_old_media_type_from_then_on(tmp_path: Path, sink_with: Sinks) -> None:
    async with Agent(tmp_path, method="peer:4", takes=[OLD]) as peer, sink_with() as sink:
        for number in range(3):
            outcome = await sink.deliver(an_attempt(peer.did, a_report(f"m-{number}", version=1)))
            assert isinstance(outcome, Delivered)
        assert (peer.refused, peer.asked) == ([V1], 4), "asked twice the first time, once from then on"
        peer.takes = {V1}
        assert isinstance(await sink.deliver(an_attempt(peer.did, a_report("m-4", version=1))), Delivered)
        assert peer.refused == [V1, OLD], "it was mended, and that is learned too"
        assert isinstance(await sink.deliver(an_attempt(peer.did, a_report("m-5", version=1))), Delivered)
        assert peer.asked == 7


async def test_version_2_has_no_old_media_type(tmp_path: Path, sink_with: Sinks) -> None:
    async with Agent(tmp_path, takes=[]) as peer, sink_with() as sink:
        outcome = await sink.deliver(an_attempt(peer.did))
    assert (_reason(outcome), peer.refused) == (Reason.CLIENT_ERROR, [V2])


async def _slow_500(request: web.Request, before: int) -> web.Response:
    await request.read()
    await asyncio.sleep(0.6)  # as Credo-TS, which takes ten seconds
    return web.Response(status=500)


async def _hang_up(request: web.Request, before: int) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _endless(request: web.Request, before: int) -> web.StreamResponse:
    response = web.StreamResponse(status=200)
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65536)


RECEIVERS: dict[str, tuple[Any, object]] = {
    "415 to everything": (answering(415), RetryLater(reason=Reason.CLIENT_ERROR, status=415)),
    "500 after a while": (_slow_500, RetryLater(reason=Reason.SERVER_ERROR, status=500)),
    "hangs": (hang, RetryLater(reason=Reason.TIMEOUT)),
    "hangs up": (_hang_up, RetryLater(reason=Reason.CONNECTION_LOST)),
    "a body without end": (_endless, Delivered(status=200)),
    "a message in its answer": (answering(200, b'{"protected": "x"}', {"content-type": V2}), Delivered(status=200)),
    "asks for a pause": (
        answering(429, headers={"retry-after": "7"}),
        RetryLater(reason=Reason.RATE_LIMITED, status=429, after=7_000_000),
    ),
    "gone": (answering(410), RetryLater(reason=Reason.CLIENT_ERROR, status=410)),
    "elsewhere": (
        answering(307, headers={"location": "http://169.254.169.254/"}),
        RetryLater(reason=Reason.REDIRECTED, status=307),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("behave", "expected"), RECEIVERS.values(), ids=RECEIVERS)
@pytest.mark.parametrize("version", [1, 2])
async def test_a_receiver_that_does_not_behave(
    tmp_path: Path, sink_with: Sinks, behave: Any, expected: Any, version: int
) -> None:
    async with Agent(tmp_path, method="peer:4") as peer, sink_with(timeout=2.5) as sink:
        peer.behave = behave
        outcome = await sink.deliver(an_attempt(peer.did, a_report(version=version)))
        assert replace(outcome, message_sha256=None) == expected
        peer.behave = None
        assert isinstance(await sink.deliver(an_attempt(peer.did, a_report(version=version))), Delivered)
    assert len(peer.took) == 1


def _reason(outcome: Any) -> Reason | None:
    found: Reason | None = getattr(outcome, "reason", None)
    return found


async def test_of_several_services_the_one_that_works_is_remembered(tmp_path: Path, sink_with: Sinks) -> None:
    """Nobody listens at the first, the second refuses, the third takes it: in one attempt, and at once from then on."""
    refusing, dead = Agent(tmp_path), free_port()
    refusing.behave = answering(404)
    before = [f"http://127.0.0.1:{dead}/", refusing.url]
    peer = Agent(tmp_path, services=lambda url: [service(each) for each in (*before, url)])
    async with refusing, peer, sink_with() as sink:
        for _ in range(3):
            assert isinstance(await sink.deliver(an_attempt(peer.did)), Delivered)
    assert (refusing.asked, len(peer.took)) == (1, 3)


async def test_a_service_that_hangs_is_tried_last_with_the_next_attempt(tmp_path: Path, sink_with: Sinks) -> None:
    hanging = Agent(tmp_path)
    hanging.behave = hang
    peer = Agent(tmp_path, services=lambda url: [service(hanging.url), service(url)])
    async with hanging, peer, sink_with(timeout=2.5) as sink:
        assert _reason(await sink.deliver(an_attempt(peer.did))) is Reason.TIMEOUT
        assert peer.took == [], "it may have taken it, so nobody else is asked in this attempt"
        assert isinstance(await sink.deliver(an_attempt(peer.did, attempt=2)), Delivered)
    assert hanging.asked == 1


WRONG: dict[str, tuple[str | None, bytes | None, object]] = {
    "no peer": (None, None, Rejected(reason=Reason.NO_PEER)),
    "an empty peer": ("", None, Rejected(reason=Reason.NO_PEER)),
    "no DID": ("did:", None, Rejected(reason=Reason.UNRESOLVED)),
    "a method that is not known": ("did:example:1", None, Rejected(reason=Reason.UNRESOLVED)),
    "did:web, which is off": ("did:web:peer.example", None, RetryLater(reason=Reason.UNRESOLVED)),
    "a DID with no service": ("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", None,
                              Rejected(reason=Reason.NO_SERVICE)),
    "a verkey without an address": ("9Vq8gcGKXfhBDxVnJ1jvCzYn8BVLTWVpvmPKkkXMZ4hf", None,
                                    RetryLater(reason=Reason.NO_SERVICE)),
    "no message": ("did:web:peer.example", b'{"type": "problem.opened"}', Rejected(reason=Reason.UNACCEPTABLE)),
    "a lone surrogate": ("\ud800", None, RetryLater(reason=Reason.NO_SERVICE)),
}  # fmt: skip


@pytest.mark.parametrize(("peer", "body", "expected"), WRONG.values(), ids=WRONG)
async def test_what_cannot_be_sent(sink_with: Sinks, peer: str | None, body: bytes | None, expected: object) -> None:
    async with sink_with() as sink:
        assert await sink.deliver(an_attempt(peer, body)) == expected


async def test_a_message_for_somebody_else_is_not_sent(tmp_path: Path, ours: Identity, sink_with: Sinks) -> None:
    async with Agent(tmp_path) as peer, sink_with() as sink:
        for wrong in ({"to": ["did:web:somebody.else"]}, {"from": "did:web:somebody.else"}):
            outcome = await sink.deliver(an_attempt(peer.did, a_report(**wrong)))
            assert outcome == Rejected(reason=Reason.UNACCEPTABLE)
        large = a_report(more="x" * (1024 * 1024))
        assert await sink.deliver(an_attempt(peer.did, large)) == Rejected(reason=Reason.UNACCEPTABLE)
    assert peer.asked == 0


async def test_the_log_has_what_both_sides_find_it_by_and_nothing_of_what_it_says(
    tmp_path: Path, sink_with: Sinks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mediator = Mediator(tmp_path)
    async with mediator, Agent(tmp_path, uri=mediator.did) as peer, sink_with() as sink:
        mediator.routes = {peer.did: peer.url}
        assert isinstance(await sink.deliver(an_attempt(peer.did)), Delivered)
    (line,) = [record.getMessage() for record in caplog.records if "envelope" in record.getMessage()]
    for part in ("d-1", "a-1", peer.took[0].unpacked.sha256, mediator.took[0].unpacked.sha256, "delivered (202)"):
        assert part in line
    assert "mediator does not answer" not in caplog.text
    assert "/didcomm" not in line, "the path of an address may be a secret"


def test_it_says_what_to_install_when_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.connectors.sinks.didcomm.config.find_spec", lambda name: None)
    with pytest.raises(SinkMisconfigured, match=r"pip install 'tocsin\[didcomm\]'") as refused:
        make_sink("didcomm", {})
    assert refused.value.field == "sink"


async def test_it_says_what_to_do_without_keys() -> None:
    with pytest.raises(SinkMisconfigured, match="tocsin didcomm keys create"):
        async with DidcommSink(DidcommConfig()):
            pass


async def test_the_keys_of_the_bus_are_used_where_an_endpoint_names_none(tmp_path: Path, ours: Identity) -> None:
    sink = DidcommSink(DidcommConfig(allow_private=True))
    sink.bus_keys = PackerConfig(keys=await keys_file(tmp_path, ours))
    async with Agent(tmp_path) as peer, sink:
        assert isinstance(await sink.deliver(an_attempt(peer.did)), Delivered)
    assert peer.took[0].unpacked.sender == ours.did


async def test_keys_that_cannot_be_opened_leave_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("{}")
    (tmp_path / "keys").chmod(0o600)
    sink = DidcommSink(DidcommConfig(keys=str(tmp_path / "keys")))
    with pytest.raises(Exception, match="keys"):
        await sink.__aenter__()
    assert await sink.deliver(an_attempt("did:web:x.example")) == RetryLater(reason=Reason.SINK_FAILED)
