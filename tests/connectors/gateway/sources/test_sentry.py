"""Sentry's SDKs at the gateway: which key, which answer, what is refused and how they are told to wait."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from tests.connectors.gateway.conftest import Gateway, serving
from tests.harness.fuzzing import examples
from tests.harness.keys import Keyring
from tocsin.connectors.gateway import Access, GatewayConfig, Rate, build_gateway
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.publish import KafkaAway, MemoryPublisher
from tocsin.schemas.events import ActivityObserved

UNWANTED = (
    "3600:attachment;feedback;log_item;metric_bucket;profile;profile_chunk;replay;session;span;trace_metric;transaction"
    ":organization:not-taken"
)
"""What SDKs are told to keep to themselves: never errors, nor check-ins (`error`, `default`, `monitor`)."""
EVENT_ID = "9ec79c33ec9942ab8353589fcb2e04dc"
EVENT = {"event_id": EVENT_ID, "message": "the printer burns", "tags": {"record_id": "r-1"}}
ENVELOPE, STORE = "/api/7/envelope/", "/api/7/store/"


def envelope(*items: tuple[str, object], event_id: str = EVENT_ID) -> bytes:
    """An envelope of these items."""
    lines = [json.dumps({"event_id": event_id})]
    for kind, payload in items:
        lines += [json.dumps({"type": kind}), json.dumps(payload)]
    return "\n".join(lines).encode()


async def sent(
    gateway: Gateway, path: str = ENVELOPE, body: bytes | None = None, **headers: str
) -> tuple[int, Any, Mapping[str, str]]:
    """The answer to what an SDK sends; without a media type, as some do."""
    data = envelope(("event", EVENT)) if body is None else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with gateway.http.post(path, data=data, headers=named, skip_auto_headers=("content-type",)) as answer:
        return answer.status, json.loads(await answer.read()), answer.headers


@pytest.mark.parametrize("path", [ENVELOPE, ENVELOPE[:-1], STORE, STORE[:-1]])
async def test_an_event_is_stored_and_its_id_answered(gateway: Gateway, path: str) -> None:
    body = json.dumps(EVENT).encode() if "store" in path else None
    status, answer, headers = await sent(gateway, path, body)
    assert (status, answer) == (200, {"id": EVENT_ID})
    assert headers["x-sentry-rate-limits"] == UNWANTED
    [event] = gateway.reported
    assert (event.tenant, event.problem.text, event.problem.source.record_id) == ("default", "the printer burns", "r-1")
    assert event.problem.source.service == "project-7"


async def test_other_items_are_counted(gateway: Gateway) -> None:
    body = envelope(("session", {}), ("transaction", {"x": 1}), ("client_report", {}), ("new_thing", {}))
    status, answer, headers = await sent(gateway, body=body)
    assert (status, answer) == (200, {})
    assert headers["x-sentry-rate-limits"] == UNWANTED
    assert gateway.publisher.events == []
    async with gateway.http.get("/metrics") as metrics:
        text = await metrics.text()
    for what in ("session", "transaction", "client_report", "other"):
        assert f'source_messages_total{{outcome="ignored",source="sentry",what="{what}"}} 1.0' in text, what


async def test_an_envelope_of_many_things(gateway: Gateway) -> None:
    body = envelope(
        ("session", {}), ("event", {"message": "one"}), ("event", {"level": "info", "message": "two"}),
        ("check_in", {"monitor_slug": "nightly", "status": "error"}), ("attachment", "x"),
    )  # fmt: skip
    status, answer, _ = await sent(gateway, body=body)
    assert (status, answer) == (200, {"id": EVENT_ID})
    assert [
        str(event.kind) if isinstance(event, ActivityObserved) else event.problem.code  # type: ignore[union-attr]
        for event in gateway.publisher.events
    ] == ["e.p.me.log", "job_finished", "e.p.me.job-failed"]


async def test_an_item_that_cannot_be_read_is_said_and_the_error_beside_it_is_stored(gateway: Gateway) -> None:
    status, answer, _ = await sent(gateway, body=envelope(("event", EVENT), ("check_in", {"status": "in_progress"})))
    why = "missing_member at /items/1/monitor_slug: expected the name of a monitor"
    assert (status, answer) == (200, {"id": EVENT_ID, "ignored": [why]})
    assert [event.problem.text for event in gateway.reported] == ["the printer burns"]
    async with gateway.http.get("/metrics") as metrics:
        counted = await metrics.text()
    assert 'source_messages_total{outcome="ignored",source="sentry",what="check_in"} 1.0' in counted
    async with gateway.http.get("/v1/sources") as heard:
        lately = {one["what"]: one["last"][0]["ignored"] for one in (await heard.json())["sources"]}
    assert lately == {"event": [], "check_in": [why]}


async def test_nothing_of_an_envelope_is_remembered(gateway: Gateway) -> None:
    private = EVENT | {"user": {"email": "canary@example.org"}, "request": {"data": "canary"}}
    assert (await sent(gateway, body=envelope(("event", private))))[0] == 200
    assert (await sent(gateway, body=envelope(("event", private)) + b"\ncanary\n"))[0] == 400
    async with gateway.http.get("/v1/sources") as answer:
        heard = await answer.text()
    assert "canary" not in heard + repr(gateway.publisher.events)
    assert [one["what"] for one in json.loads(heard)["sources"]] == ["unreadable", "event"]


AUTH = "Sentry sentry_key={key}, sentry_version=7, sentry_client=sentry.python/2.75.0"
ADMITTED: dict[str, tuple[str, dict[str, str], str | None]] = {
    "by header, as in Python": ("", {"x_sentry_auth": AUTH}, "acme"),
    "by header, in another order": ("", {"x_sentry_auth": "Sentry sentry_version=7, sentry_key={key}"}, "acme"),
    "by header, without spaces": ("", {"x_sentry_auth": "sentry sentry_client=a b,sentry_key={key},x=y"}, "acme"),
    "by query, as in JavaScript": ("?sentry_version=7&sentry_key={key}", {}, "acme"),
    "by both": ("?sentry_key={key}", {"x_sentry_auth": AUTH}, "acme"),
    "as everywhere": ("", {"authorization": "Bearer {key}"}, "acme"),
    "the word for nobody, from here": ("?sentry_key=anonymous", {}, "default"),
    "the word for nobody in the header": ("", {"x_sentry_auth": AUTH.replace("{key}", "anonymous")}, "default"),
    "nobody at all, from here": ("", {}, "default"),
    "nobody, in a tenant": ("?sentry_key=anonymous&tenant=other", {}, "other"),
    "a key that does not hold": ("?sentry_key={key}x", {}, None),
    "a made-up word": ("?sentry_key=public", {}, None),
    "two keys in one header": ("", {"x_sentry_auth": "Sentry sentry_key=other, x=y,sentry_key={key}"}, None),
    "another key in the header": ("?sentry_key={key}", {"x_sentry_auth": AUTH.replace("{key}", "other")}, None),
    "and another one as everywhere": ("?sentry_key={key}", {"authorization": "Bearer {key}"}, None),
    "under another name": ("?key={key}", {}, None),
    "for another tenant": ("?sentry_key={key}&tenant=other", {}, None),
}


@pytest.mark.parametrize(("query", "headers", "tenant"), ADMITTED.values(), ids=ADMITTED)
async def test_whose_it_is(gateway: Gateway, query: str, headers: dict[str, str], tenant: str | None) -> None:
    key = gateway.keyring.text("acme", "publish")
    said = {name: value.format(key=key) for name, value in headers.items()}
    status, answer, _ = await sent(gateway, ENVELOPE + query.format(key=key), None, **said)
    assert [event.tenant for event in gateway.reported] == ([tenant] if tenant else [])
    assert (status == 200) is (tenant is not None), answer
    assert key not in json.dumps(answer)


async def test_a_key_in_the_query_is_for_these_routes_alone(gateway: Gateway) -> None:
    key = gateway.keyring.text("acme", "publish")
    status, answer, _ = await gateway.post(f"/v1/problems?sentry_key={key}", b'{"code":"e.p.x"}')
    assert (status, answer["type"]) == (401, "urn:tocsin:problem:credential-in-url")


async def test_a_key_for_something_else(gateway: Gateway) -> None:
    status, answer, _ = await sent(gateway, f"{ENVELOPE}?sentry_key={gateway.keyring.text('acme', 'read')}")
    assert (status, answer["needed"]) == (403, "publish")


REFUSED: dict[str, tuple[str, bytes, dict[str, str], int, str]] = {
    "a length that lies": (ENVELOPE, b'{}\n{"type":"event","length":99}\n{}', {}, 422, "/items/0/length"),
    "an event that is cut": (ENVELOPE, b'{}\n{"type":"event"}\n{"message":', {}, 400, "/items/0"),
    "no envelope": (ENVELOPE, b"hello", {}, 400, "/header"),
    "nothing": (ENVELOPE, b"", {}, 400, ""),
    "no event": (STORE, b"[]", {}, 422, ""),
    "no project": ("/api/a%20b/envelope/", b"{}", {}, 422, "/project"),
    "an encoding that is broken": (ENVELOPE, b"{}", {"content_encoding": "br"}, 400, ""),
    "an encoding that is not known": (ENVELOPE, b"{}", {"content_encoding": "lzma"}, 415, ""),
    "too much": (ENVELOPE, b"{}\n" + b'{"type":"session"}\n{}\n' * 4000, {}, 413, ""),
    "a bomb": (ENVELOPE, gzip.compress(bytes(10_000_000)), {"content_encoding": "gzip"}, 413, ""),
}


@pytest.mark.parametrize(("path", "body", "headers", "status", "pointer"), REFUSED.values(), ids=REFUSED)
async def test_refused(
    gateway: Gateway, path: str, body: bytes, headers: dict[str, str], status: int, pointer: str
) -> None:
    got, answer, told = await sent(gateway, path, body, **headers)
    assert (got, answer.get("pointer", "")) == (status, pointer), answer
    assert told["x-sentry-rate-limits"] == UNWANTED
    assert gateway.publisher.events == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_encoded(gateway: Gateway, encoding: str) -> None:
    encode = gzip.compress if encoding == "gzip" else zlib.compress
    status, _, _ = await sent(gateway, body=encode(envelope(("event", EVENT))), content_encoding=encoding)
    assert status == 200


@pytest.mark.parametrize("headers", [{"origin": "https://shop.example"}, {"sec_fetch_site": "cross-site"}])
async def test_a_page_elsewhere_is_refused_with_and_without_a_key(gateway: Gateway, headers: dict[str, str]) -> None:
    key = gateway.keyring.text("acme", "publish")
    for said in (key, "anonymous"):
        assert (await sent(gateway, f"{ENVELOPE}?sentry_key={said}", None, **headers))[0] == 403
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    async with gateway.http.options(ENVELOPE, headers=asked) as answer:
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers


async def test_kafka_is_away(gateway: Gateway) -> None:
    gateway.publisher.failures.append(KafkaAway("e"))
    status, _, headers = await sent(gateway)
    assert (status, headers["retry-after"], headers["x-sentry-rate-limits"]) == (503, "5", UNWANTED)
    assert (await sent(gateway))[0] == 200


async def test_who_sends_too_much_is_told_to_wait_as_sdks_expect() -> None:
    async def ready() -> bool:
        return True

    keyring, publisher = Keyring(), MemoryPublisher()
    config = GatewayConfig(tenant_documents=Rate(0.01, 2), deadline=0.5)
    app = build_gateway(config, publisher, ready, CollectorRegistry(), Ports(access=Access(keys=keyring.keys)))
    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        gateway = Gateway(publisher, http, port)
        # What is taken and becomes nothing counts as one, however much of it there is.
        nothing = envelope(*[("session", {})] * 30)
        answers = [await sent(gateway, body=body) for body in (nothing, None, None)]
    assert [status for status, _, _ in answers] == [200, 200, 429]
    wait = answers[-1][2]["retry-after"]
    assert answers[-1][2]["x-sentry-rate-limits"] == f"{wait}::key:rate-limited, {UNWANTED}"
    assert int(wait) > 10


async def test_sent_again_at_the_same_time_it_is_one_event(gateway: Gateway) -> None:
    answers = await asyncio.gather(*(sent(gateway) for _ in range(examples(5, 50))))
    assert {status for status, _, _ in answers} == {200}
    assert len({event.event_id for event in gateway.reported}) == 1
