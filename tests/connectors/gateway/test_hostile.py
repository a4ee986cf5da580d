"""Clients that mean harm: slow ones, floods, too many connections. Counts and sizes are asserted, not times."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.connectors.gateway.conftest import MANY, serving
from tocsin.connectors.dialects import json_text
from tocsin.connectors.gateway import GatewayConfig, Limits, build_gateway, connections, documents
from tocsin.connectors.gateway.flight import Room
from tocsin.connectors.publish import MemoryPublisher, Receipt

HEAD = b"POST /v1/problems HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
ALIVE = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
DRIPPING = HEAD + b"content-length: 1000\r\n\r\n{"


@pytest.fixture(params=["h11", "httptools"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whatever reads the requests, nobody gets further."""
    monkeypatch.setattr(connections, "PARSER", request.param)
    return str(request.param)


class HeldBack(MemoryPublisher):
    """Acknowledges nothing before `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def send(self, event: Any) -> Receipt:
        """Wait, then keep it."""
        await self.go.wait()
        return await super().send(event)


@asynccontextmanager
async def gateway_with(
    limits: Limits = MANY, publisher: MemoryPublisher | None = None, **config: Any
) -> AsyncIterator[int]:
    """A gateway with these limits; yields its port."""

    async def ready() -> bool:
        return True

    app = build_gateway(GatewayConfig(**config), publisher or MemoryPublisher(), ready, CollectorRegistry())
    async with serving(app, limits) as port:
        yield port


class Client:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def until_closed(self) -> bytes:
        """All that comes until the server closes the connection."""
        try:
            async with asyncio.timeout(20):
                return await self.reader.read()
        except ConnectionError:
            return b""
        finally:
            self.writer.close()


async def connect(port: int, sent: bytes) -> Client:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    await writer.drain()
    return Client(reader, writer)


async def answered(port: int, sent: bytes) -> bytes:
    return await (await connect(port, sent)).until_closed()


COUNTED = {
    "one": (b"[0]", 1),
    "at the limit": (b"[0,0,0]", 3),
    "no further than one beyond": (b"[" + b"0," * 50 + b"0]", 4),
    "what is nested": (b'[[0,0,0,0],{"a":1,"b":[1,2]}]', 2),
    "text": (rb'["a,b,\",c", "]"]', 2),
    "empty": (b"[]", 1),
    "an open end": (b'["', 1),
}


@pytest.mark.parametrize(("raw", "count"), COUNTED.values(), ids=COUNTED)
def test_items_are_counted_without_parsing(raw: bytes, count: int) -> None:
    assert json_text.count_items(raw, 3) == count


FLOODS = {
    "an array": ("application/json", b"[" + b"0," * 400_000 + b"0]"),
    "events": ("application/cloudevents-batch+json", b"[" + b"{}," * 300_000 + b"{}]"),
    "lines": ("application/x-ndjson", b"0\n" * 400_000),
}


@pytest.mark.parametrize(("media_type", "body"), FLOODS.values(), ids=FLOODS)
async def test_a_flood_of_items_is_refused_before_one_is_parsed(
    monkeypatch: pytest.MonkeyPatch, media_type: str, body: bytes
) -> None:
    parsed: list[object] = []
    monkeypatch.setattr(documents, "parse_json", lambda *_, **__: parsed.append(1))
    sent = (
        b"POST /v1/problems HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
        + f"content-type: {media_type}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        + body
    )
    async with gateway_with() as port:
        answer = await answered(port, sent)
    assert b" 413 " in answer.splitlines()[0]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["limit"] == 1000
    assert parsed == []


async def test_as_many_items_as_the_limit_are_taken() -> None:
    publisher = MemoryPublisher()
    async with gateway_with(publisher=publisher) as port:
        for count, status in ((1000, b" 202 "), (1001, b" 413 ")):
            body = b"\n".join([b'{"code":"e.p.x"}'] * count)
            head = HEAD.replace(b"application/json", b"application/x-ndjson")
            head += f"tocsin-tenant: t{count}\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            assert status in (await answered(port, head + body)).splitlines()[0]
    assert len(publisher.events) == 1000


async def test_of_half_read_bodies_the_oldest_gives_way() -> None:
    async with gateway_with(room=Room(half_read=2)) as port:
        first, second, third = [await connect(port, DRIPPING) for _ in range(3)]
        answer = await first.until_closed()
        assert b" 408 " in answer.splitlines()[0]
        assert b"connection: close" in answer.lower()
        for client in (second, third):
            assert not client.reader.at_eof()
            client.writer.close()


async def test_the_bytes_of_half_read_bodies_are_bounded() -> None:
    piece = HEAD + b"content-length: 1000\r\n\r\n" + b"x" * 400
    async with gateway_with(room=Room(bytes=1000)) as port:
        clients = [await connect(port, piece) for _ in range(3)]
        assert b" 408 " in (await clients[0].until_closed()).splitlines()[0]
        for client in clients[1:]:
            client.writer.close()


async def test_documents_and_bytes_are_held_until_they_are_answered() -> None:
    publisher = HeldBack()
    body = b'[{"code":"e.p.x"},{"code":"e.p.y"}]'
    request = HEAD + f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    for room in (Room(documents=3), Room(bytes=len(body) + 10)):
        publisher.go.clear()
        async with gateway_with(publisher=publisher, room=room) as port:
            first = await connect(port, request)
            while b" 503 " not in (refused := await answered(port, request)):
                publisher.go.set()  # the second overtook the first
            assert b"urn:tocsin:problem:busy" in refused
            assert b"retry-after: 1" in refused.lower()
            publisher.go.set()
            assert b" 202 " in await first.until_closed()
            assert b" 202 " in await answered(port, request)


SLOW = {
    "nothing": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\nhost: ",
    "an answer, then half a head": b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /h",
    "a body that nobody reads": b"GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{",
    "half a chunk": HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nab",
}


@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
async def test_no_client_keeps_a_connection_waiting(sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with gateway_with(Limits(most=100, patience=0.3), deadline=0.2) as port:
        await answered(port, sent)
        assert await answered(port, ALIVE)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_head_that_drips_byte_by_byte_has_the_time_of_one_head() -> None:
    async with gateway_with(Limits(most=100, patience=0.5)) as port:
        client = await connect(port, b"GET /healthz HTTP/1.1\r\n")
        sent = 0
        while not client.reader.at_eof() and client.reader.exception() is None and sent < 1000:
            client.writer.write(b"a")
            await asyncio.sleep(0.02)
            sent += 1
        assert sent < 1000
        client.writer.close()


async def test_an_answer_that_nobody_reads_ends() -> None:
    async with gateway_with(Limits(most=100, patience=0.3)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET /v1/codes HTTP/1.1\r\nhost: localhost\r\n\r\n" * 400)
        while not reader.exception():
            writer.write(b"\r\n")
            await asyncio.sleep(0.05)
        assert isinstance(reader.exception(), ConnectionError)


async def test_with_too_many_connections_the_one_that_waits_longest_gives_way() -> None:
    async with gateway_with(Limits(most=10)) as port:
        silent = [await connect(port, b"GET /") for _ in range(50)]
        assert b" 200 " in await answered(port, ALIVE)
        assert await silent[0].until_closed() == b""
        await asyncio.sleep(0)
        assert sum(not client.reader.at_eof() for client in silent) <= 10
        for client in silent:
            client.writer.close()


async def test_who_sends_a_little_does_not_get_past_those_who_come_later() -> None:
    async with gateway_with(Limits(most=10)) as port:
        first = [await connect(port, b"") for _ in range(5)]
        later = [await connect(port, b"") for _ in range(5)]
        for client in first:
            client.writer.write(DRIPPING)
        assert b" 200 " in await answered(port, ALIVE)  # they have been read, and the oldest gave way
        latest = [await connect(port, b"") for _ in range(5)]
        assert [await client.until_closed() for client in first] == [b""] * 5
        assert not any(client.reader.at_eof() for client in later)
        for client in (*later, *latest):
            client.writer.close()


async def test_when_all_connections_are_at_work_only_health_is_answered() -> None:
    publisher = HeldBack()
    body = b'{"code":"e.p.x"}'
    request = HEAD + f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    async with gateway_with(Limits(most=8), publisher) as port:
        working = [await connect(port, request) for _ in range(8)]
        while b" 200 " in (await answered(port, b"GET /v1/codes HTTP/1.1\r\nhost: localhost\r\n\r\n")).splitlines()[0]:
            pass  # not all of them are at work yet
        assert b" 200 " in (await answered(port, ALIVE)).splitlines()[0]
        refused = await answered(port, request)
        assert b" 503 " in refused.splitlines()[0]
        assert b"connection: close" in refused.lower()
        publisher.go.set()
        assert [b" 202 " in await client.until_closed() for client in working] == [True] * 8


@pytest.mark.parametrize("files", [128, 256, 1024, 1_000_000])
def test_connections_leave_descriptors_for_kafka(files: int) -> None:
    limits = Limits().within(files)
    assert 8 <= limits.most <= 1000
    assert limits.most + limits.backlog + 32 + 64 <= max(files, 128)


def test_with_few_descriptors_health_is_still_answered() -> None:
    script = """
        import asyncio, resource, sys
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
        import uvicorn
        from prometheus_client import CollectorRegistry
        from tocsin.connectors.gateway import *
        from tocsin.connectors.publish import MemoryPublisher
        async def main():
            async def ready(): return True
            app = build_gateway(GatewayConfig(), MemoryPublisher(), ready, CollectorRegistry())
            server = uvicorn.Server(server_config(app, Limits(), host="127.0.0.1", port=0, lifespan="off"))
            task = asyncio.create_task(server.serve())
            while not server.started: await asyncio.sleep(0.01)
            print(server.servers[0].sockets[0].getsockname()[1], flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        asyncio.run(main())
    """

    async def attack(port: int) -> int:
        clients = [await connect(port, b"G") for _ in range(300)]
        alive = [await answered(port, ALIVE) for _ in range(20)]
        for client in clients:
            client.writer.close()
        return sum(b" 200 " in answer for answer in alive)

    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        try:
            assert asyncio.run(attack(int(process.stdout.readline()))) == 20
        finally:
            process.kill()
        assert process.stderr is not None
        assert process.stderr.read() == b""


NOT_HTTP = {
    "noise": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x00" * 50 + b"\r\n\r\n",
    "a request without a host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two lengths": HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\n{}",
    "a length and chunks": HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a header line without a name": b"GET /healthz HTTP/1.1\r\n: x\r\n\r\n",
    "a bad chunk": HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    "a bad chunk behind an answer": HEAD.replace(b"/v1", b"/no") + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    "a head without end": b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000,
    "a form that only proxies take": ALIVE.replace(b"/healthz", b"http://evil.example/healthz"),
    "a version that nobody has": ALIVE.replace(b"HTTP/1.1", b"HTTP/7.3"),
    "noise behind a request that is at work": HEAD + b"content-length: 2\r\n\r\n{}\x00\x16noise\r\n\r\n",
    "an upgrade": ALIVE.replace(b"connection: ", b"upgrade: websocket\r\nconnection: upgrade, "),
}


@pytest.mark.parametrize("sent", NOT_HTTP.values(), ids=NOT_HTTP)
async def test_what_is_not_http_is_answered_shortly_and_not_logged(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway_with(deadline=0.5) as port:
        answer = await answered(port, sent)
        assert b" 200 " in await answered(port, ALIVE)
    assert b"connection: close" in answer.lower() or answer == b""
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 200")) or answer == b""
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


WITHOUT_END = {
    "a head": b"GET / HTTP/1.1\r\nx: " + b"y" * 700_000,
    "headers": b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 100_000,
    "a target": b"GET /" + b"y" * 700_000,
    "trailers": HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + b"x: y\r\n" * 100_000,
    "a trailer": HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx: " + b"y" * 700_000,
    "a chunk's extension": HEAD + b"transfer-encoding: chunked\r\n\r\n2;" + b"y" * 700_000,
}


@pytest.mark.parametrize("sent", WITHOUT_END.values(), ids=WITHOUT_END)
async def test_what_has_no_end_is_not_kept(sent: bytes) -> None:
    async with gateway_with(deadline=5) as port:
        answer = await answered(port, sent)  # empty, if the connection was reset before it was read
        assert answer == b"" or b" 400 " in answer.splitlines()[0]
        assert b" 200 " in await answered(port, ALIVE)


async def test_a_trailer_is_no_header() -> None:
    body = b'{"code":"e.p.x"}'
    publisher = MemoryPublisher()
    chunks = b"%x\r\n%b\r\n0\r\ntocsin-tenant: another\r\nidempotency-key: k\r\n\r\n" % (len(body), body)
    async with gateway_with(publisher=publisher) as port:
        sent = HEAD + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n" + chunks
        assert b" 202 " in (await answered(port, sent)).splitlines()[0]
    [event] = publisher.events
    assert (event.tenant, getattr(event, "idempotency_key", None)) == ("default", None)


async def test_requests_that_come_in_advance_are_answered_in_order(parser: str) -> None:
    async with gateway_with() as port:
        ask = b"GET %b HTTP/1.1\r\nhost: localhost\r\n\r\n"
        answer = await answered(port, b"".join([ask % b"/healthz", ask % b"/nowhere"] * 10) + ALIVE)
        statuses = re.findall(rb"HTTP/1\.1 ([0-9]+)", answer)
        assert statuses == [b"200", b"404"] * 10 + [b"200"]
        if parser == "httptools":  # which keeps all of them in memory
            assert await answered(port, ask % b"/healthz" * 5000 + ALIVE) == b""


async def test_a_head_has_a_limit() -> None:
    async with gateway_with() as port:
        for size, status in ((16_000, b" 200 "), (17_000, b" 431 ")):
            head = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx: " + b"y" * size + b"\r\n\r\n"
            assert status in (await answered(port, head)).splitlines()[0]


EARLY = {
    "no such path": (b"/nowhere", b"content-length: 1000\r\n", b" 404 "),
    "no media type": (b"/v1/problems", b"content-length: 1000\r\n", b" 415 "),
    "a foreign host": (b"/v1/problems", b"content-length: 1000\r\norigin: https://evil.example\r\n", b" 403 "),
    "chunks": (b"/nowhere", b"transfer-encoding: chunked\r\n", b" 404 "),
}


async def test_who_is_refused_while_sending_a_body_gets_the_answer() -> None:
    body = b'{"code":"e.p.x","text":"' + b"x" * 900_000 + b'"}'
    head = HEAD.replace(b"application/json", b"text/xml") + f"content-length: {len(body)}\r\n\r\n".encode()
    async with gateway_with() as port:
        for _ in range(5):
            assert b" 415 " in (await answered(port, head + body)).splitlines()[0]


@pytest.mark.parametrize(("path", "headers", "status"), EARLY.values(), ids=EARLY)
async def test_who_is_refused_before_the_body_need_not_send_it(path: bytes, headers: bytes, status: bytes) -> None:
    async with gateway_with() as port:
        answer = await answered(port, b"POST " + path + b" HTTP/1.1\r\nhost: localhost\r\n" + headers + b"\r\n")
    assert status in answer.splitlines()[0]
    assert answer.lower().count(b"connection: close") == 1
