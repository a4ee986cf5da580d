"""The context beside a document: headers, query parameters, envelopes; the document wins."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tocsin.connectors.dialects.context import FIELDS
from tocsin.schemas.problem import Problem

from .conftest import Gateway

VALUES: dict[str, Any] = {name: f"the-{name}" for name in FIELDS} | {
    "side": "peer",
    "recipients": ["did:x:a", "did:x:b"],
}
PLAIN = {"title": "Out of credit", "status": 403}
REPORT = {
    "type": "https://didcomm.org/report-problem/2.0/problem-report",
    "id": "m",
    "pthid": "t",
    "body": {"code": "e.p.x"},
}


def context_in(problem: Problem) -> dict[str, Any]:
    return {name: getattr(problem, name, None) or getattr(problem.source, name, None) for name in FIELDS}


def header(name: str) -> str:
    return "Tocsin-" + name.replace("_", "-").title()


HEADERS = {header(name): ", ".join(value) if isinstance(value, list) else value for name, value in VALUES.items()}
QUERY = [(name, one) for name, value in VALUES.items() for one in (value if isinstance(value, list) else [value])]


@pytest.mark.parametrize(
    "options",
    [
        {"json": PLAIN, "headers": HEADERS},
        {"json": PLAIN, "params": QUERY},
        {"json": {"context": VALUES, "document": PLAIN}},
        {"json": {"context": VALUES, "document": PLAIN}, "headers": HEADERS, "params": QUERY},
    ],
    ids=["headers", "query", "envelope", "all three alike"],
)
async def test_every_field_is_said_in_every_place(gateway: Gateway, options: dict[str, Any]) -> None:
    status, answer, _ = await gateway.post("/v1/problems", **options)
    assert (status, answer.get("violations")) == (202, None)
    found = gateway.reported[0].problem
    assert (context_in(found), found.dialect, found.conformant) == (VALUES, "rfc9457", True)
    assert found.context_ids == ["the-parent_thread_id", "the-thread_id"]


@pytest.mark.parametrize("place", ["headers", "params", "envelope"])
async def test_what_the_document_says_wins_and_a_contradiction_is_flagged(gateway: Gateway, place: str) -> None:
    document = PLAIN | {"recordId": "rec-A", "connectionId": "c"}
    other = {"record_id": "rec-B", "connection": "c"}
    by_place: dict[str, dict[str, Any]] = {
        "headers": {"json": document, "headers": {header(name): value for name, value in other.items()}},
        "params": {"json": document, "params": other},
        "envelope": {"json": {"context": other, "document": document}},
    }
    _, answer, _ = await gateway.post("/v1/problems", **by_place[place])
    assert answer["violations"] == [{"rule": "context-contradicted", "pointer": "/context/record_id"}]
    source = gateway.reported[0].problem.source
    assert (source.record_id, source.connection) == ("rec-A", "c")


async def test_a_report_in_its_own_thread_says_nothing_of_a_thread(gateway: Gateway) -> None:
    await gateway.post("/v1/problems", json=REPORT, headers={"Tocsin-Thread-Id": "issuance-1"})
    await gateway.post("/v1/problems", json=REPORT | {"id": "n"}, headers={"Tocsin-Thread-Id": "t"})
    found = [(event.problem.thread_id, event.problem.thread_id_derived) for event in gateway.reported]
    assert found == [("issuance-1", False), ("n", True)]  # the parent names the second one's thread already
    assert [event.problem.conformant for event in gateway.reported] == [True, True]


async def test_x_request_id_counts_where_nothing_else_names_a_request(gateway: Gateway) -> None:
    usual = {"X-Request-ID": "from-the-proxy"}
    await gateway.post("/v1/problems", json=PLAIN, headers=usual)
    await gateway.post("/v1/problems", json=PLAIN, headers=usual | {"Tocsin-Request-Id": "r"})
    await gateway.post("/v1/problems", json=PLAIN | {"correlationId": "own"}, headers=usual)
    await gateway.post("/v1/problems", json=PLAIN, headers={"X-Request-ID": "x" * 300})
    assert [event.problem.request_id for event in gateway.reported] == ["from-the-proxy", "r", "own", None]
    assert all(event.problem.conformant for event in gateway.reported)


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"params": [("connection", "a"), ("connection", "b")]}, "/context/connection"),
        ({"params": {"connection": "a"}, "headers": {"Tocsin-Connection": "b"}}, "/context/connection"),
        ({"params": {"thread_id": "x" * 256}}, "/context/thread_id"),
        ({"params": {"record_id": "a\0b"}}, "/context/record_id"),
        ({"headers": {"Tocsin-Side": "theirs"}}, "/context/side"),
        ({"params": [("recipients", f"did:x:{number}") for number in range(300)]}, "/context/recipients"),
    ],
    ids=["said twice", "query against header", "too long", "control characters", "no side", "too many"],
)
async def test_a_context_that_cannot_be_is_refused(gateway: Gateway, options: dict[str, Any], pointer: str) -> None:
    status, answer, _ = await gateway.post("/v1/problems", json=PLAIN, **options)
    assert (status, answer["type"], answer["pointer"]) == (400, "urn:tocsin:problem:bad-context", pointer)
    assert gateway.reported == []


@pytest.mark.parametrize(
    ("envelope", "pointer"),
    [
        ({"context": {"recordd": "r"}, "document": PLAIN}, "/context/recordd"),
        ({"context": {"record_id": "r", "recordId": "s"}, "document": PLAIN}, "/context/record_id"),
        ({"context": {"record_id": {}}, "document": PLAIN}, "/context/record_id"),
        ({"context": [], "document": PLAIN}, "/context"),
    ],
    ids=["a misspelt member", "two spellings that differ", "an object", "a list"],
)
async def test_an_envelope_that_cannot_be_is_refused(gateway: Gateway, envelope: object, pointer: str) -> None:
    status, answer, _ = await gateway.post("/v1/problems", json=envelope)
    assert (status, answer["pointer"]) == (422, pointer)


async def test_an_envelope_in_a_batch_and_with_a_dialect(gateway: Gateway) -> None:
    each = [{"context": {"record_id": f"r{number}"}, "document": PLAIN} for number in range(2)]
    await gateway.post("/v1/problems", json=each)
    await gateway.post(
        "/v1/problems", json={"context": {"job": "j"}, "document": REPORT}, params={"dialect": "didcomm2"}
    )
    assert [event.problem.source.record_id for event in gateway.reported] == ["r0", "r1", None]
    assert (gateway.reported[2].problem.dialect, gateway.reported[2].problem.source.job) == ("didcomm-2.0", "j")
    assert json.loads(gateway.reported[2].raw) == REPORT


@pytest.mark.parametrize(
    ("media_type", "document", "dialect"),
    [
        ("application/problem+json", PLAIN, "rfc9457"),
        ("application/didcomm-plain+json", REPORT, "didcomm-2.0"),
        ("application/vnd.tocsin.problem+json", {"code": "e.p.x"}, "canonical"),
    ],
)
async def test_an_envelope_is_one_whatever_the_media_type(
    gateway: Gateway, media_type: str, document: object, dialect: str
) -> None:
    envelope = {"context": {"record_id": "r"}, "document": document}
    for body in (envelope, [envelope]):
        status, _, _ = await gateway.post("/v1/problems", json=body, headers={"content-type": media_type})
        assert status == 202
    found = [(event.problem.dialect, event.problem.source.record_id) for event in gateway.reported]
    assert found == [(dialect, "r")] * 2


@pytest.mark.parametrize(
    "options",
    [
        {"params": {"recordid": "r", "thid": "t"}},
        {"params": {"recordId": "r", "thread-id": "t"}},
        {"headers": {"Tocsin-RecordId": "r", "Tocsin-Thid": "t"}},
        {"json": {"context": {"recordId": "r", "record_id": "r", "thid": "t"}, "document": PLAIN}},
    ],
)
async def test_a_field_is_known_in_any_spelling(gateway: Gateway, options: dict[str, Any]) -> None:
    assert (await gateway.post("/v1/problems", **({"json": PLAIN} | options)))[0] == 202
    found = gateway.reported[0].problem
    assert (found.source.record_id, found.thread_id) == ("r", "t")


@pytest.mark.parametrize(
    ("options", "pointer", "near"),
    [
        ({"params": {"recordd": "r"}}, "/context/recordd", "record_id"),
        ({"params": {"Tenant": "acme"}}, "/context/Tenant", "tenant"),
        ({"params": {"thread": "t"}}, "/context/thread", "thread_id"),
        ({"params": {"tocsin_record_id": "r"}}, "/context/tocsin_record_id", "record_id"),
        ({"params": {"tocsin-tenant": "acme"}}, "/context/tocsin-tenant", "tenant"),
        ({"headers": {"Tocsin-Threat-Id": "t"}}, "/context/threat-id", "thread_id"),
    ],
)
async def test_a_name_that_says_nothing_is_refused(
    gateway: Gateway, options: dict[str, Any], pointer: str, near: str
) -> None:
    status, answer, _ = await gateway.post("/v1/problems", json=PLAIN, **options)
    assert (status, answer["type"], answer["pointer"]) == (400, "urn:tocsin:problem:bad-context", pointer)
    assert answer["expected"] == near
    assert answer["detail"].endswith(f"did you mean {near}?")


@pytest.mark.parametrize(
    "name",
    ["token", "access_token", "api-version", "utm_source", "order_id", "client_id", "userId", "site", "v", "ä" * 300],
)
async def test_a_parameter_of_others_says_nothing(gateway: Gateway, name: str) -> None:
    status, answer, _ = await gateway.post("/v1/problems", json=PLAIN, params={name: "x", "record_id": "r"})
    assert (status, answer.get("violations")) == (202, None)
    assert gateway.reported[0].problem.source.record_id == "r"
    assert gateway.reported[0].problem.extensions == {}


async def test_a_document_with_more_members_is_no_envelope(gateway: Gateway) -> None:
    envelope = {"title": "t", "context": {"record_id": "r"}, "document": {}}
    await gateway.post("/v1/problems", json=envelope, headers={"content-type": "application/problem+json"})
    assert gateway.reported[0].problem.source.record_id is None


async def test_the_same_document_twice_without_a_key_is_one_event(gateway: Gateway) -> None:
    raw = json.dumps(REPORT).encode()
    v1 = json.dumps(
        {"@type": "https://didcomm.org/report-problem/1.0/problem-report", "@id": "m", "description": {"code": "x"}}
    )
    for body in (
        raw,
        raw,
        v1.encode(),
        v1.encode(),
        raw + b" ",
        json.dumps(PLAIN).encode(),
        json.dumps(PLAIN).encode(),
    ):
        assert (await gateway.post("/v1/problems", body))[0] == 202
    await gateway.post("/v1/problems", raw, params={"tenant": "other"})
    await gateway.post("/v1/problems", raw, headers={"Idempotency-Key": "k"})
    ids = [event.event_id for event in gateway.reported]
    assert (ids[0] == ids[1], ids[2] == ids[3]) == (True, True)
    assert len(set(ids)) == len(ids) - 2  # other bytes, no id, another tenant, a key of its own


async def test_the_trace_state_goes_with_its_trace(gateway: Gateway) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for headers in (
        {"traceparent": trace, "tracestate": "a=1,b=2"},
        {"tracestate": "a=1"},
        {"traceparent": trace, "tracestate": "x" * 600},
        {"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01", "tracestate": "a=1"},
    ):
        await gateway.post("/v1/problems", json=PLAIN, headers=headers)
    found = [(event.traceparent, event.tracestate) for event in gateway.reported]
    assert found == [(trace, "a=1,b=2"), (None, None), (trace, None), (None, None)]
