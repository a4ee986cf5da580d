"""Documents of DIDs: looked up once, kept for a while, and of did:web only by the guarded way out."""

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
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.connectors.didcomm.parties import ENDPOINT, MESSAGE, identity, side
from tocsin.connectors.didcomm.agent import Agent
from tocsin.connectors.didcomm.cache import DocumentCache
from tocsin.connectors.didcomm.keys import Identity
from tocsin.connectors.didcomm.making import new_identity, published
from tocsin.connectors.didcomm.methods import web_url
from tocsin.connectors.didcomm.packer import PackerConfig
from tocsin.connectors.didcomm.port import DidDocument, ResolutionFault, Unpackable, Unresolvable
from tocsin.connectors.didcomm.resolver import REFRESH_AFTER, Resolver
from tocsin.connectors.didcomm.stores import KeyFile

CA = trustme.CA()


class Host:
    """An https server with a document at /.well-known/did.json, or whatever `answer` says."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: Callable[[], web.StreamResponse] = lambda: web.Response(status=404)
        self.hangs, self.came = asyncio.Event(), asyncio.Event()
        self.hangs.set()
        self.port = 0

    @property
    def did(self) -> str:
        return f"did:web:localhost%3A{self.port}"

    def has(self, document: Any) -> None:
        self.answer = lambda: web.json_response(document)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        self.came.set()
        await self.hangs.wait()
        return self.answer()


@asynccontextmanager
async def host() -> AsyncIterator[Host]:
    one, app = Host(), web.Application()
    app.router.add_get("/.well-known/did.json", one.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    one.port = runner.addresses[0][1]
    try:
        yield one
    finally:
        one.hangs.set()
        await runner.cleanup()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def bus(
    folder: Path, clock: Clock | None = None, names: AbstractResolver | None = None, **config: Any
) -> AsyncIterator[Agent]:
    keys = folder / "bus.json"
    await KeyFile(keys).save([identity()])
    settings = {"did_web": True, "allow_private": True, "ca_file": CA.cert_pem.bytes().decode(), **config}
    async with Agent(PackerConfig(keys=keys, **settings), names, clock or Clock()) as agent:
        yield agent


def at(one: Host, now: int = 1) -> Identity:
    return new_identity("web", "web", now=now, uri=ENDPOINT, web_did=one.did)


async def test_a_did_web_is_fetched_once_and_again_when_it_is_old(tmp_path: Path) -> None:
    clock = Clock()
    async with host() as peer, bus(tmp_path, clock) as agent:
        theirs = at(peer)
        peer.has(published(theirs))
        peer.hangs.clear()
        asked = [asyncio.create_task(agent.resolve(peer.did)) for _ in range(20)]
        gives_up = asyncio.create_task(agent.resolve(peer.did))
        await peer.came.wait()
        gives_up.cancel()
        peer.hangs.set()
        assert {document.did for document in await asyncio.gather(*asked)} == {peer.did}
        assert peer.asked == 1
        clock.now = 299.0
        await agent.resolve(peer.did)
        assert peer.asked == 1
        clock.now = 300.0
        await agent.resolve(peer.did)
        assert peer.asked == 2


async def test_a_key_that_is_not_in_the_document_is_looked_for_again(tmp_path: Path) -> None:
    """A peer has new keys: its first message is understood, and nobody can make us ask at every message."""
    clock = Clock()
    async with host() as peer, bus(tmp_path, clock) as agent:
        old, new = at(peer, 1), at(peer, 2)
        peer.has(published(old))
        to = agent.own[0].did or ""
        async with side(tmp_path, old) as before, side(tmp_path, new) as after:
            first, then = (await before.pack(MESSAGE, to)).content, (await after.pack(MESSAGE, to)).content
        assert (await agent.unpack(first)).sender == peer.did
        peer.has(published(new))
        with pytest.raises(Unpackable, match="sender_key_unknown"):
            await agent.unpack(then)
        assert peer.asked == 1
        clock.now = REFRESH_AFTER + 0.1
        assert (await agent.unpack(then)).sender == peer.did
        assert peer.asked == 2


WRONG: dict[str, tuple[Callable[[Host], Callable[[], web.StreamResponse]], ResolutionFault, bool]] = {
    "there is none": (lambda peer: lambda: web.Response(status=404), ResolutionFault.NOT_FOUND, True),
    "gone": (lambda peer: lambda: web.Response(status=410), ResolutionFault.NOT_FOUND, True),
    "the host is broken": (lambda peer: lambda: web.Response(status=502), ResolutionFault.UNREACHABLE, True),
    "it is elsewhere": (
        lambda peer: lambda: web.Response(status=302, headers={"location": f"https://localhost:{peer.port}/other"}),
        ResolutionFault.UNREACHABLE, True,
    ),
    "that of another": (lambda peer: lambda: web.json_response({"id": "x"}), ResolutionFault.BAD_DOCUMENT, False),
    "no JSON": (lambda peer: lambda: web.Response(text="<html>"), ResolutionFault.BAD_DOCUMENT, False),
    "a list": (lambda peer: lambda: web.json_response([]), ResolutionFault.BAD_DOCUMENT, False),
    "too large": (
        lambda peer: lambda: web.json_response({"id": peer.did, "x": "y" * 70_000}),
        ResolutionFault.BAD_DOCUMENT, False,
    ),
    "too deep": (lambda peer: lambda: web.Response(text="[" * 60_000), ResolutionFault.BAD_DOCUMENT, False),
    "compressed": (
        lambda peer: lambda: web.Response(body=b"\x1f\x8b", headers={"content-encoding": "gzip"}),
        ResolutionFault.BAD_DOCUMENT, False,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "reason", "retry"), WRONG.values(), ids=WRONG.keys())
async def test_what_is_no_document(tmp_path: Path, answer: Any, reason: ResolutionFault, retry: bool) -> None:
    clock = Clock()
    async with host() as peer, bus(tmp_path, clock) as agent:
        peer.answer = answer(peer)
        for _ in range(2):
            with pytest.raises(Unresolvable) as refused:
                await agent.resolve(peer.did)
            assert (refused.value.reason, refused.value.retry) == (reason, retry)
        assert peer.asked == 1  # that it failed is remembered for a while
        peer.has(published(at(peer)))
        clock.now = 30.0
        assert (await agent.resolve(peer.did)).did == peer.did


async def test_a_host_that_hangs_is_given_up(tmp_path: Path) -> None:
    async with host() as peer, bus(tmp_path, timeout=0.3) as agent:
        peer.hangs.clear()
        with pytest.raises(Unresolvable) as refused:
            await agent.resolve(peer.did)
    assert refused.value.reason is ResolutionFault.UNREACHABLE


async def test_did_web_is_off_until_it_is_turned_on(tmp_path: Path) -> None:
    async with host() as peer, bus(tmp_path, did_web=False) as agent:
        with pytest.raises(Unresolvable, match="TOCSIN_DIDCOMM_DID_WEB") as refused:
            await agent.resolve(peer.did)
        assert (refused.value.reason, peer.asked) == (ResolutionFault.METHOD_UNSUPPORTED, 0)


class Names(AbstractResolver):
    """Every name is at one private address."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(
    "did",
    ["did:web:127.0.0.1", "did:web:localhost", "did:web:10.0.0.7", "did:web:2130706433", "did:web:0x7f.1",
     "did:web:a.internal", "did:web:example.org%3A8443", "did:web:rebinding.example.org", "did:web:a.example.org:a:b"],
)  # fmt: skip
async def test_what_is_not_public_is_not_asked(tmp_path: Path, did: str) -> None:
    async with bus(tmp_path, names=Names(), allow_private=False) as agent:
        with pytest.raises(Unresolvable) as refused:
            await agent.resolve(did)
    assert (refused.value.reason, refused.value.retry) == (ResolutionFault.REFUSED, False)


URLS = {
    "did:web:example.org": "https://example.org/.well-known/did.json",
    "did:web:example.org:a:b-c": "https://example.org/a/b-c/did.json",
    "did:web:example.org%3A3000:a": "https://example.org:3000/a/did.json",
    "did:web:example.org:a%2Fb": "https://example.org/a%2Fb/did.json",
    "did:web:example.org%2Fa": None,
    "did:web:user%40example.org": None,
    "did:web:example.org:..:secret": None,
    "did:web:example.org:%2e%2e:secret": None,
    "did:web:example.org::a": None,
    "did:web:example.org%3A": None,
    "did:web:example.org%00": None,
}


@pytest.mark.parametrize(("did", "url"), URLS.items())
def test_where_the_document_of_a_did_web_is(did: str, url: str | None) -> None:
    if url is not None:
        assert web_url(did) == url
        return
    with pytest.raises(Unresolvable) as refused:
        web_url(did)
    assert refused.value.reason is ResolutionFault.MALFORMED


def test_the_cache_forgets_what_was_asked_for_longest_ago() -> None:
    cache = DocumentCache(limit=2, age=10, failure_age=1)
    documents = {did: DidDocument(did=did) for did in ("a", "b", "c")}
    for did, document in documents.items():
        cache.put(did, document, 0.0)
        cache.get("a", 0.0)
    assert [cache.get(did, 0.0) for did in documents] == [documents["a"], None, documents["c"]]
    assert len(cache) == 2
    failed = Unresolvable("d", ResolutionFault.UNREACHABLE)
    cache.put("d", failed, 0.0)
    assert [cache.get("d", now) for now in (0.9, 1.0)] == [failed, None]
    assert [cache.get("c", now) is not None for now in (9.9, 10.0)] == [True, False]


async def test_the_short_form_of_a_did_peer_4_is_known_once_the_long_one_was_seen(tmp_path: Path) -> None:
    theirs = identity("peer:4")
    short = theirs.did.rpartition(":")[0]
    async with bus(tmp_path) as agent, side(tmp_path, theirs) as peer:
        with pytest.raises(Unresolvable) as refused:
            await agent.resolve(short)
        assert refused.value.reason is ResolutionFault.NOT_FOUND
        forged = short + ":z" + "1" * 80
        assert (await agent.resolve(theirs.did)).did == theirs.did
        with pytest.raises(Unresolvable, match="malformed"):  # the hash is that of the long form, or it is none
            await agent.resolve(forged)
        envelope = await agent.pack(MESSAGE, short)
        assert (await peer.unpack(envelope.content)).recipient == theirs.did


NO_DIDS = ["", "x", "did:", "did:x", "did:web", "did:sov:x", "did:peer:1z", "did:key:z", "did:key:zz\x00"]


@pytest.mark.parametrize("did", NO_DIDS)
async def test_what_is_no_did_that_is_known(did: str) -> None:
    async def fetch(did: str) -> DidDocument:
        raise AssertionError("nobody is asked")

    resolver = Resolver(lambda did: None, fetch, DocumentCache(limit=1, age=1, failure_age=1))
    with pytest.raises(Unresolvable) as refused:
        await resolver.resolve(did)
    assert refused.value.reason in (ResolutionFault.MALFORMED, ResolutionFault.METHOD_UNSUPPORTED)
