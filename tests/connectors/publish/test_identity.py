"""Which documents, sent twice without a key, are one event: the same id, the same bytes, the same context."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tocsin.connectors.publish import Origin, ProblemContext, problem_reported
from tocsin.connectors.publish.reporting import Report

V1: dict[str, Any] = {
    "@id": "m-1", "@type": "https://didcomm.org/report-problem/1.0/problem-report", "description": {"code": "x"},
}  # fmt: skip
V2: dict[str, Any] = {
    "id": "m-1", "type": "https://didcomm.org/report-problem/2.0/problem-report", "body": {"code": "e.p.trust"},
}  # fmt: skip
HTTP: dict[str, Any] = {"type": "https://example.org/out-of-credit", "title": "Out of credit", "status": 403}
RPC: dict[str, Any] = {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}}
OCCURRENCE = "8a2f2c0e-4d0f-4a4a-9a51-6f4e0b1f7c11"


def event_of(document: Report, transport: str | None = None, **context: Any) -> str:
    beside = ProblemContext(**context) if context else None
    return problem_reported(document, Origin(tenant="t", context=beside, request_id=transport)).event_id


# the document, the context beside it; is it one event when it is sent twice?
IDS: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "DIDComm v1": (V1, {}, True),
    "DIDComm v2": (V2, {}, True),
    "ours, by the message": ({"code": "e.p.x", "message_id": "m-1"}, {}, True),
    "ours, by an id": ({"code": "e.p.x", "id": "7"}, {}, True),
    "ours, without an id": ({"code": "e.p.x"}, {}, False),
    "ours, an id that is none": ({"code": "e.p.x", "id": {"a": 1}}, {}, False),
    "HTTP, without an instance": (HTTP, {}, False),
    "HTTP, an empty instance": (HTTP | {"instance": ""}, {}, False),
    "HTTP, an occurrence by its UUID": (HTTP | {"instance": f"urn:uuid:{OCCURRENCE}"}, {}, True),
    "HTTP, an occurrence as the Cloud Agent says it": (HTTP | {"instance": f"error:instance:{OCCURRENCE}"}, {}, True),
    "HTTP, an occurrence by a tag": (HTTP | {"instance": "tag:example.org,2026:7"}, {}, True),
    "HTTP, the path of the request": (HTTP | {"instance": "/orders/7"}, {}, False),
    "HTTP, the address of the request": (HTTP | {"instance": "https://example.org/orders/7"}, {}, False),
    "HTTP, a UUID as id": (HTTP | {"id": OCCURRENCE}, {}, True),
    "HTTP, any other id": (HTTP | {"id": "order-7"}, {}, False),
    "JSON-RPC, of some client": (RPC | {"id": 1}, {}, False),
    "JSON-RPC, over a connection": (RPC | {"id": 1}, {"connection": "c"}, True),
    "JSON-RPC, from a client that is known": (RPC | {"id": "1"}, {"sender": "did:a"}, True),
    "JSON-RPC, a UUID": (RPC | {"id": OCCURRENCE}, {}, True),
    "JSON-RPC, null": (RPC | {"id": None}, {"connection": "c"}, False),
}


@pytest.mark.parametrize(("document", "context", "one"), IDS.values(), ids=IDS)
def test_the_same_document_twice(document: dict[str, Any], context: dict[str, Any], one: bool) -> None:
    raw = json.dumps(document).encode()
    assert (event_of(raw, **context) == event_of(raw, **context)) is one
    assert event_of(raw, **context) != event_of(raw + b" ", **context)


# what stands beside the first and beside the second; are they one event?
BESIDE: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "nothing": ({}, {}, True),
    "the same record": ({"record_id": "a"}, {"record_id": "a"}, True),
    "another record": ({"record_id": "a"}, {"record_id": "b"}, False),
    "a record beside one of them": ({}, {"record_id": "b"}, False),
    "another thread": ({"thread_id": "a"}, {"thread_id": "b"}, False),
    "another parent thread": ({"parent_thread_id": "a"}, {"parent_thread_id": "b"}, False),
    "another connection": ({"connection": "a"}, {"connection": "b"}, False),
    "another job": ({"job": "a"}, {"job": "b"}, False),
    "another side": ({"side": "own"}, {"side": "peer"}, False),
    "another request, that the publisher names": ({"request_id": "a"}, {"request_id": "b"}, False),
    "recipients in another order": ({"recipients": ["a", "b"]}, {"recipients": ["b", "a"]}, True),
    "the same value of another field": ({"job": "a"}, {"record_id": "a"}, False),
}


@pytest.mark.parametrize("document", [V1, V2, {"code": "e.p.x", "id": "7"}, HTTP | {"instance": "urn:x:7"}],
                         ids=["v1", "v2", "ours", "HTTP"])  # fmt: skip
@pytest.mark.parametrize(("first", "second", "one"), BESIDE.values(), ids=BESIDE)
def test_the_context_beside_it(
    document: dict[str, Any], first: dict[str, Any], second: dict[str, Any], one: bool
) -> None:
    raw = json.dumps(document).encode()
    assert (event_of(raw, **first) == event_of(raw, **second)) is one
    inside = [json.dumps({"context": said, "document": document}).encode() for said in (first, second)]
    assert (event_of(inside[0]) == event_of(inside[1])) is one


def test_the_request_id_of_the_transport_is_another_one_each_time() -> None:
    assert event_of(json.dumps(V2).encode(), "r-1") == event_of(json.dumps(V2).encode(), "r-2")


def test_what_the_document_says_itself_is_no_context_beside_it() -> None:
    raw = json.dumps(V2 | {"from": "did:a", "pthid": "t"}).encode()
    assert event_of(raw) == event_of(raw, sender="did:a", parent_thread_id="t")
    assert event_of(raw) != event_of(raw, sender="did:b"), "a contradiction is another context"


def test_an_envelope_says_the_same_as_what_stands_beside_it() -> None:
    raw = json.dumps(V2, separators=(",", ":")).encode()
    inside = json.dumps({"context": {"record_id": "a"}, "document": V2}).encode()
    assert event_of(inside) == event_of(raw, record_id="a") == event_of(V2, record_id="a")
