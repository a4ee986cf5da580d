"""A post over a session's connections is, for who gets it and for who sent it, what a request of the session is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from tests.harness.webhook_receivers import GUARD, bare
from tocsin.connectors.egress.answers import Answer, read_capped
from tocsin.connectors.egress.posting import ONE_WRITE, Poster
from tocsin.connectors.http_outcomes import of_error

HEADERS = {"webhook-id": "d-1", "content-type": "application/json", "X-Team": "a", "Accept-Encoding": "identity"}
BODY = b'{"n": 1}'


@dataclass
class Receiver:
    """Answers every request with `says` and, if it `closes`, ends the connection; counts connections."""

    says: bytes
    closes: bool = False
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    bodies: list[int] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            with contextlib.suppress(asyncio.IncompleteReadError):
                self.heads.append(head := await reader.readuntil(b"\r\n\r\n"))
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.bodies.append(len(await reader.readexactly(length)))
                writer.write(self.says)
                await writer.drain()
                if not self.closes:
                    continue
            return


async def by_session(session: ClientSession, url: URL, headers: Mapping[str, str], body: bytes) -> Answer:
    async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
        answer = Answer(status=response.status, headers=response.headers)
        with contextlib.suppress(Exception):
            await read_capped(response.content, response.close, answer, 4)
    return answer


async def told(
    receiver: Receiver, *, posting: bool, body: bytes = BODY, headers: Mapping[str, str] = HEADERS
) -> object:
    """What becomes of two requests, one after the other."""
    async with bare(receiver) as address, asyncio.timeout(GUARD):
        url = URL(f"{address}hook?x=%C3%A9&y=1")
        async with ClientSession(
            connector=TCPConnector(limit=0), cookie_jar=DummyCookieJar(), auto_decompress=False,
            timeout=ClientTimeout(total=GUARD, connect=5), headers={"accept-encoding": "br", "user-agent": "u"},
        ) as session:  # fmt: skip
            poster, found = Poster(session, url), list[object]()
            for _ in range(2):
                try:
                    one = poster.post(headers, body, 4) if posting else by_session(session, url, headers, body)
                    answer = await one
                    found.append((answer.status, answer.body, dict(answer.headers)))
                except Exception as error:
                    found.append(of_error(error))
            return found, receiver.connections, receiver.bodies, [
                head.replace(url.authority.encode(), b"HOST") for head in receiver.heads
            ]  # fmt: skip


NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n"
ANSWERS = {
    "nothing in it": Receiver(NO_CONTENT),
    "a body": Receiver(OK + b"thanks"),
    "in chunks": Receiver(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"),
    "compressed, and left so": Receiver(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"),
    "with cookies": Receiver(b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"),
    "a redirect": Receiver(b"HTTP/1.1 307 No\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"),
    "it says that it closes": Receiver(
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", closes=True
    ),
    "it closes": Receiver(b"", closes=True),
    "HTTP/1.0": Receiver(b"HTTP/1.0 200 OK\r\n\r\nall that comes", closes=True),
    "interim answers first": Receiver(b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + NO_CONTENT),
    "another protocol": Receiver(b"HTTP/1.1 101 Other\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nabc", closes=True),
    "half of a body": Receiver(OK + b"th", closes=True),
    "more than one answer": Receiver(NO_CONTENT + b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", closes=True),
    "a long body": Receiver(b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n" + b"x" * 300_000),
    "no HTTP": Receiver(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", closes=True),
    "a header without end": Receiver(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 20_000, closes=True),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_what_comes_back(answer: Receiver) -> None:
    expected = await told(Receiver(answer.says, answer.closes), posting=False)
    assert await told(Receiver(answer.says, answer.closes), posting=True) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        HEADERS,
        {"accept": "text/plain", "Content-Type": "a/b; c=d"},
        {"X-Team": "ä", "USER-AGENT": "me", "x-Team": "b"},
    ],
    ids=["none", "ours", "those that a session adds", "letters"],
)
@pytest.mark.parametrize("length", [0, 1, ONE_WRITE, ONE_WRITE + 1, 900_000])
async def test_what_arrives(headers: Mapping[str, str], length: int) -> None:
    expected = await told(Receiver(NO_CONTENT), posting=False, body=b"x" * length, headers=headers)
    assert await told(Receiver(NO_CONTENT), posting=True, body=b"x" * length, headers=headers) == expected


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "\x00"])
async def test_nobody_adds_a_header_by_a_value(value: str) -> None:
    receiver = Receiver(NO_CONTENT)
    await told(receiver, posting=True, headers={"x-team": value})
    assert receiver.heads == []


async def test_a_connection_that_has_not_taken_the_whole_request_is_not_used_again() -> None:
    connections = 0

    async def too_large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 No\r\ncontent-length: 0\r\n\r\n")
        await reader.read()

    async with bare(too_large) as address, asyncio.timeout(GUARD), ClientSession() as session:
        poster = Poster(session, URL(address))
        for _ in range(2):
            assert (await poster.post({}, b"x" * 50_000_000, 0)).status == 413
    assert connections == 2
