"""What the gateway refuses: always with a problem document, and reading no more than the limits allow."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.connectors.dialects.reading import Unreadable, UnreadableReason
from tocsin.connectors.gateway.problems import refusal_of

from .conftest import Gateway

JSON = {"content-type": "application/json"}
BODY_TOO_LARGE = "The body, decoded, is larger than is taken: at most 65536 bytes."
HEAD = b"host: localhost\r\ncontent-type: application/json\r\n"
NAMES = st.sampled_from(["code", "type", "title", "status", "body", "id", "source", "data", "kind", "detail"])
json_bodies = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
).map(lambda value: json.dumps(value).encode())


def name(answer: dict[str, Any]) -> str:
    assert {"type", "title", "status", "detail", "instance"} <= answer.keys()
    return str(answer["type"]).removeprefix("urn:tocsin:problem:")


@pytest.mark.parametrize(
    ("body", "options", "status", "problem", "member"),
    [
        (b"", {}, 400, "malformed", {"reason": "empty"}),
        (b'{"title": ', {}, 400, "malformed", {"reason": "not_json", "position": 10}),
        (b"\xff", {}, 400, "malformed", {"reason": "not_utf8", "position": 0}),
        (b"[" * 1000, {}, 400, "malformed", {"reason": "too_deep"}),
        (b'{"a": 1, "a": 2}', {}, 400, "malformed", {"reason": "duplicate_member"}),
        (b"[]", {}, 400, "malformed", {"reason": "empty"}),
        (b'"text"', {}, 422, "not-valid", {"expected": "an object"}),
        (b'{"x": 1}', {}, 422, "not-valid", {"reason": "undetected"}),
        (b'{"code": 1}', {"params": {"dialect": "canonical"}}, 422, "not-valid", {"pointer": "/code"}),
        (b'{"code": 5}', {}, 422, "not-valid", {"pointer": "/code", "expected": "a string"}),
        (b"{}", {"params": {"dialect": "morse"}}, 400, "unknown-dialect", {}),
        (b"{}", {"params": {"tenant": ""}}, 400, "bad-tenant", {}),
        (b"{}", {"params": {"tenant": "a/b"}}, 400, "bad-tenant", {}),
        (b"{}", {"params": {"tenant": "a" * 65}}, 400, "bad-tenant", {}),
        (b"{}", {"params": {"tenant": "a"}, "headers": JSON | {"tocsin-tenant": "b"}}, 400, "bad-tenant", {}),
        (b"{}", {"headers": JSON | {"idempotency-key": ""}}, 400, "bad-idempotency-key", {}),
        (b"{}", {"headers": JSON | {"idempotency-key": "k" * 256}}, 400, "bad-idempotency-key", {}),
        (b"{}", {"headers": {"content-type": "text/xml"}}, 415, "unsupported-media-type", {}),
        (b"{}", {"headers": {"content-type": "application/json; charset=utf-16"}}, 415, "unsupported-media-type", {}),
        (b"{}", {"headers": JSON | {"content-encoding": "compress"}}, 415, "unsupported-encoding", {}),
        (b"{}", {"headers": JSON | {"content-encoding": "gzip, gzip"}}, 415, "unsupported-encoding", {}),
        (b"{}", {"headers": JSON | {"content-encoding": "gzip"}}, 400, "bad-encoding", {}),
        (gzip.compress(b"{}", mtime=0)[:-4], {"headers": JSON | {"content-encoding": "gzip"}}, 400, "bad-encoding", {}),
        (gzip.compress(b"{}", mtime=0) * 2, {"headers": JSON | {"content-encoding": "gzip"}}, 400, "bad-encoding", {}),
        (zlib.compress(b"{}"), {"headers": JSON | {"content-encoding": "gzip"}}, 400, "bad-encoding", {}),
        (json.dumps([{}] * 21).encode(), {}, 413, "too-many-items", {"limit": 20}),
        (b"x" * 65_537, {}, 413, "too-large", {"limit": 65_536, "detail": BODY_TOO_LARGE}),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_refused(
    gateway: Gateway, body: bytes, options: dict[str, Any], status: int, problem: str, member: dict[str, object]
) -> None:
    got, answer, headers = await gateway.post("/v1/problems", body, **({"headers": JSON} | options))
    assert (got, answer["status"], name(answer)) == (status, status, problem)
    assert headers["content-type"] == "application/problem+json"
    assert {key: answer.get(key) for key in member} == member
    assert gateway.publisher.events == []


def test_a_document_that_is_too_large_is_told_what_it_may_be() -> None:
    refusal = refusal_of(Unreadable(UnreadableReason.TOO_LARGE, expected="at most 256000 bytes"))
    assert refusal.document()["detail"] == "A document is too large: at most 256000 bytes."


LOST = {
    "a path that is not there": ("/v1/problem", 404, "not-found", "posted to /v1/problems"),
    "fetched, where there is no store": ("/v1/problems", 405, "method-not-allowed", "the Allow header names"),
}


@pytest.mark.parametrize(("path", "status", "problem", "said"), LOST.values(), ids=LOST.keys())
async def test_who_is_lost_is_told_where_to_go(
    gateway: Gateway, path: str, status: int, problem: str, said: str
) -> None:
    async with gateway.http.get(path) as got:
        answer = json.loads(await got.read())
    assert (got.status, name(answer)) == (status, problem)
    assert said in answer["detail"]


async def test_the_largest_body_is_taken_and_one_more_byte_is_not(gateway: Gateway) -> None:
    frame = len(b'{"code":""}')
    for size, status in ((65_536, 422), (65_537, 413)):  # a code of that length is too long, but it is read
        got, _, _ = await gateway.post("/v1/problems", b'{"code":"' + b"x" * (size - frame) + b'"}', headers=JSON)
        assert got == status


async def test_a_body_of_unknown_length_is_read_no_further_than_the_limit(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"POST /v1/problems HTTP/1.1\r\n" + HEAD + b"transfer-encoding: chunked\r\n\r\n")
    sent = 0
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    try:
        while sent < 100 * 1024 * 1024 and not reader._buffer:  # type: ignore[attr-defined]
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(0)
            sent += 0x4000
    except ConnectionError:
        pass
    assert b" 413 " in await reader.readline()
    writer.close()
    assert sent < 20 * 1024 * 1024  # the sockets' buffers hold what the gateway has not read


async def test_a_body_that_drips_is_given_up(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"POST /v1/problems HTTP/1.1\r\n" + HEAD + b"content-length: 100\r\n\r\n{")
    async with asyncio.timeout(3):
        head = await reader.readuntil(b"\r\n\r\n")
    assert b" 408 " in head
    assert b"connection: close" in head.lower()
    writer.close()


@pytest.mark.parametrize(("size", "status"), [(65_537, 413), (10, 422)])
async def test_the_registry_reads_no_more_than_the_limit(gateway: Gateway, size: int, status: int) -> None:
    got, _, _ = await gateway.post("/subjects/io.tocsin.Tick/versions", b"x" * size)
    assert got == status


async def test_the_registry_gives_up_a_body_that_drips(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"POST /subjects/x/versions HTTP/1.1\r\n" + HEAD + b"content-length: 100\r\n\r\n{")
    async with asyncio.timeout(3):
        assert b" 408 " in await reader.readline()
    writer.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"ce-id": "7", "ce-source": "/svc"},
        {"ce-specversion": "0.3", "ce-id": "7", "ce-source": "/svc"},
        {"ce-specversion": "1.0", "ce-id": "7"},
        {"ce-specversion": "1.0", "ce-id": "7" * 256, "ce-source": "/svc"},
    ],
    ids=str,
)
async def test_a_cloud_event_in_binary_mode_that_is_none(gateway: Gateway, headers: dict[str, str]) -> None:
    got, answer, _ = await gateway.post("/v1/problems", json={"title": "t"}, headers=headers)
    assert (got, name(answer), gateway.publisher.events) == (400, "bad-cloud-event", [])


@pytest.mark.parametrize(
    ("more", "pointer"),
    [({"specversion": "0.3", "data": {}}, "/specversion"), ({"data_base64": "e30="}, "/data_base64")],
    ids=["an old version", "base64"],
)
async def test_a_cloud_event_that_is_not_understood(gateway: Gateway, more: dict[str, Any], pointer: str) -> None:
    event = {"specversion": "1.0", "id": "7", "source": "/svc", "type": "x"} | more
    headers = {"content-type": "application/cloudevents+json"}
    got, answer, _ = await gateway.post("/v1/problems", json.dumps(event), headers=headers)
    assert (got, answer["pointer"]) == (422, pointer)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/v1/problems", 405)])
async def test_what_the_framework_refuses(gateway: Gateway, method: str, path: str, status: int) -> None:
    async with gateway.http.request(method, path) as answer:
        assert (answer.status, answer.content_type) == (status, "application/problem+json")
        assert (await answer.json(content_type=None))["status"] == status


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=60) | json_bodies,
    media_type=st.sampled_from(
        ["application/json", "application/problem+json", "application/x-ndjson", "application/cloudevents+json", "x"]
    ),
    path=st.sampled_from(["/v1/problems", "/v1/activity"]),
)
async def test_any_body_is_answered_and_never_with_500(
    gateway: Gateway, body: bytes, media_type: str, path: str
) -> None:
    status, answer, _ = await gateway.post(path, body, headers={"content-type": media_type})
    assert status in (202, 400, 413, 415, 422)
    assert isinstance(answer, dict)
