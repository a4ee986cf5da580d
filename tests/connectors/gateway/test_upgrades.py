"""An offer of another protocol is ignored, whatever reads the requests: the body is whole, each request is answered
once, and what follows is read as if nothing had been offered. JDK's HttpClient and `curl --http2` offer h2c.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from tests.connectors.gateway.conftest import serving
from tocsin.connectors.gateway import GatewayConfig, Rate, build_gateway, connections
from tocsin.connectors.gateway.watched import Watched
from tocsin.connectors.publish import MemoryPublisher

HEAD = b"POST /v1/problems HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
FIRST, SECOND = b'{"code":"e.p.first"}', b'{"code":"e.p.second"}'
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n"
LAST = HEALTH + b"connection: close\r\n\r\n"


class World:
    """A gateway, and how many bytes its connections have read."""

    def __init__(self, parser: str) -> None:
        self.parser = parser
        self.publisher = MemoryPublisher()
        self.port = 0
        self.read = 0

    async def told(self, *segments: bytes) -> tuple[list[bytes], list[str]]:
        """The statuses of what is answered to segments that are read one by one, until the connection is closed, and
        the codes of the problems that were stored."""
        self.publisher.events.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answer = b""
        try:
            async with asyncio.timeout(60):
                for segment in segments:
                    expected = self.read + len(segment)
                    writer.write(segment)
                    while self.read < expected and not (reader.at_eof() or reader.exception()):  # noqa: ASYNC110
                        await asyncio.sleep(0)
                answer = await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()
        codes = [event.problem.code for event in self.publisher.events]  # type: ignore[union-attr]
        return re.findall(rb"HTTP/1\.1 ([0-9]+)", answer), codes


@pytest.fixture(params=["h11", "httptools"])
async def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """One gateway for each of both that read requests."""
    world, data_received = World(request.param), Watched.data_received

    def counted(self: Watched, data: bytes) -> None:
        data_received(self, data)
        world.read += len(data)

    async def ready() -> bool:
        return True

    monkeypatch.setattr(connections, "PARSER", request.param)
    monkeypatch.setattr(Watched, "data_received", counted)
    config = GatewayConfig(deadline=30, tenant_documents=Rate(0, 0))
    async with serving(build_gateway(config, world.publisher, ready, CollectorRegistry())) as world.port:
        yield world


OFFERS = {
    "none": b"",
    "h2c, as JDK's client has it": b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEA\r\nUpgrade: h2c\r\n",
    "websocket": b"upgrade: websocket\r\nconnection: keep-alive, upgrade\r\nsec-websocket-key: eA==\r\n",
    "what nobody knows": b"connection: upgrade\r\nupgrade: x/1, y\r\n",
    "two": b"connection: upgrade\r\nupgrade: h2c\r\nUPGRADE: websocket\r\n",
    "said twice": b"connection: keep-alive\r\nconnection: upgrade\r\nupgrade: h2c\r\n",
    "nothing": b"connection: upgrade\r\nupgrade:\r\nx: \r\n",
    "to a proxy": b"proxy-connection: upgrade\r\nupgrade: h2c\r\n",
    "not said in connection": b"upgrade: h2c\r\n",
    "said in connection alone": b"connection: upgrade\r\n",
}


def sized(offer: bytes, body: bytes = FIRST) -> tuple[bytes, bytes]:
    """Head and body of a request."""
    return HEAD + offer + b"content-length: %d\r\n\r\n" % len(body), body


def chunked(offer: bytes, trailers: bytes = b"") -> bytes:
    """A request in two chunks."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (FIRST[:7], FIRST[7:]))
    return HEAD + offer + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailers + b"\r\n"


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
async def test_a_body_is_whole_and_what_follows_is_read(world: World, offer: bytes) -> None:
    head, body = sized(offer)
    second = b"".join(sized(offer, SECOND))
    smuggled = b"".join(sized(b"", b'{"code":"e.p.smuggled"}'))
    shapes: dict[str, tuple[list[bytes], list[bytes], list[str]]] = {
        "no body": ([HEALTH + offer + b"\r\n", LAST], [b"200", b"200"], []),
        "one segment": ([head + body, LAST], [b"202", b"200"], ["e.p.first"]),
        "the body behind the head": ([head, body, LAST], [b"202", b"200"], ["e.p.first"]),
        "a part of the body with the head": ([head + body[:5], body[5:], LAST], [b"202", b"200"], ["e.p.first"]),
        "the head in two": ([head[:-25], head[-25:] + body, LAST], [b"202", b"200"], ["e.p.first"]),
        "chunks": ([chunked(offer), LAST], [b"202", b"200"], ["e.p.first"]),
        "trailers": ([chunked(b"", offer), LAST], [b"202", b"200"], ["e.p.first"]),
        "in advance": ([head + body + second + LAST], [b"202", b"202", b"200"], ["e.p.first", "e.p.second"]),
        "in turn": ([head + body, second, LAST], [b"202", b"202", b"200"], ["e.p.first", "e.p.second"]),
        "a body like a request": ([*sized(offer, smuggled), LAST], [b"400", b"200"], []),
        "continued": (
            [head[:-2] + b"expect: 100-continue\r\n\r\n", body, LAST],
            [b"100", b"202", b"200"],
            ["e.p.first"],
        ),
    }
    for name, (segments, statuses, codes) in shapes.items():
        assert (name, *await world.told(*segments)) == (name, statuses, codes)


async def test_it_does_not_matter_where_it_is_cut(world: World) -> None:
    offer = OFFERS["h2c, as JDK's client has it"]
    sent = chunked(offer) + b"".join(sized(offer, SECOND)) + LAST
    expected = ([b"202", b"202", b"200"], ["e.p.first", "e.p.second"])
    for cut in range(1, len(sent), 23):
        assert (cut, *await world.told(sent[:cut], sent[cut:])) == (cut, *expected)
    assert await world.told(*(bytes([byte]) for byte in sent)) == expected


BEHIND = b"".join(sized(b"", b'{"code":"e.p.behind"}'))
OFFER = OFFERS["what nobody knows"]
# a head that must not be a way past the gateway's reader, with a request behind it
REFUSED = {
    "a tunnel": b"CONNECT localhost:443 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "a tunnel to a path": b"CONNECT /v1/problems HTTP/1.1\r\nhost: localhost\r\n" + OFFER + b"\r\n",
    "a tunnel with a body": HEAD.replace(b"POST", b"CONNECT") + b"content-length: 20\r\n\r\n" + FIRST,
    "HTTP/2 at once": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    "HTTP/2's preface of HTTP/1.1": b"PRI * HTTP/1.1\r\nhost: localhost\r\n\r\nSM\r\n\r\n",
    "two lengths": HEAD + OFFER + b"content-length: 20\r\ncontent-length: 5\r\n\r\n" + FIRST,
    "a length and chunks": HEAD + OFFER + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bad chunk": HEAD + OFFER + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    "no host": (HEAD + OFFER).replace(b"host", b"x") + b"content-length: 20\r\n\r\n" + FIRST,
    "a head without end": HEAD + OFFER + b"x: " + b"y" * 70_000,
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
async def test_what_is_refused_is_no_way_round_it(world: World, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    statuses, codes = await world.told(sent + BEHIND + LAST)
    if world.parser == "httptools":  # the connection ends with it; it may be reset before the answer was read
        assert (statuses in ([b"400"], [b"431"], []), codes) == (True, [])
    else:
        assert statuses[0] in (b"400", b"404", b"405")
        assert set(codes) <= {"e.p.behind"}
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


@pytest.mark.parametrize("world", ["httptools"], indirect=True)
async def test_offers_in_advance_are_bounded_as_any_requests(world: World) -> None:
    statuses, _ = await world.told((HEALTH + OFFER + b"\r\n") * 5000 + LAST)
    assert len(statuses) < 100
