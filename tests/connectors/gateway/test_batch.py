"""POST /v1/batch: an item is the event that it would be alone, whatever stands beside it, and is answered alone."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.connectors.gateway.conftest import Gateway
from tocsin.connectors.publish import InboxEvent, KafkaAway, PublishUnconfirmed
from tocsin.schemas.events import ActivityObserved, ProblemReported
from tocsin.schemas.ids import idempotent_id

TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
X = {"code": "e.p.x"}

# an item, and the request that it is alone: path, body, headers
ALONE: dict[str, tuple[str, str, bytes, dict[str, str]]] = {
    "a problem": ('{"key": "k", "problem": {"code": "e.p.x"}}', "/v1/problems", b'{"code": "e.p.x"}', {}),
    "its bytes": (
        '{"key": "k", "problem": {"title" :\n "caf\\u00e9",  "status": 5e2} }',
        "/v1/problems", b'{"title" :\n "caf\\u00e9",  "status": 5e2}', {},
    ),
    "beside it a context": (
        '{"key": "k", "problem": {"code": "e.p.x"}, "context": {"record_id": "r", "recipients": ["did:b", "did:a"]}}',
        "/v1/problems?record_id=r&recipients=did:b&recipients=did:a", b'{"code": "e.p.x"}', {},
    ),
    "of a dialect": (
        '{"key": "k", "problem": {"code": "e.p.x"}, "dialect": "rfc9457"}',
        "/v1/problems?dialect=rfc9457", b'{"code": "e.p.x"}', {},
    ),
    "of a media type": (
        '{"key": "k", "problem": {"status": 500}, "media_type": "application/problem+json"}',
        "/v1/problems", b'{"status": 500}', {"content-type": "application/problem+json"},
    ),
    "a text": (
        '{"key": "k", "problem": "the disk is \\"full\\"", "media_type": "text/plain"}',
        "/v1/problems", b'the disk is "full"', {"content-type": "text/plain"},
    ),
    "of a trace": (
        f'{{"key": "k", "problem": {{"code": "e.p.x"}}, "traceparent": "{TRACE}", "tracestate": "a=1"}}',
        "/v1/problems", b'{"code": "e.p.x"}', {"traceparent": TRACE, "tracestate": "a=1"},
    ),
    "of a trace that is none": (
        '{"key": "k", "problem": {"code": "e.p.x"}, "traceparent": "1"}', "/v1/problems", b'{"code": "e.p.x"}', {},
    ),
    "an activity": (
        '{"key": "k", "activity": {"kind": "job_started", "job": "j", "occurred_at": 7}}',
        "/v1/activity", b'{"kind": "job_started", "job": "j", "occurred_at": 7}', {},
    ),
}  # fmt: skip


def plain(event: InboxEvent) -> dict[str, Any]:
    """What an event says, but for when it came."""
    members = {name: getattr(event, name) for name in event.__struct_fields__}
    return members | {"recorded_at": 0, "occurred_at": getattr(event, "problem", None) is None and event.occurred_at}


@pytest.mark.parametrize(("item", "path", "body", "headers"), ALONE.values(), ids=list(ALONE))
async def test_an_item_is_the_event_that_it_is_alone(
    gateway: Gateway, item: str, path: str, body: bytes, headers: dict[str, str]
) -> None:
    other = '{"key": "other", "problem": {"code": "e.p.y"}}'
    for batch in (f"[{item}]", f"[{other}, {item}]", f" [{other},\n{item} , {other}] "):
        status, said, _ = await gateway.post("/v1/batch", batch)
        assert (status, said["refused"]) == (202, 0), said
    status, said, _ = await gateway.post(path, body, headers={"idempotency-key": "k", **headers})
    assert status == 202, "the same key, and the same document: no conflict"
    found = [plain(event) for event in gateway.publisher.events if event.event_id == said["event_id"]]
    assert len(found) == 4
    assert found[1:] == found[:1] * 3


async def test_both_kinds_are_stored_in_their_order(gateway: Gateway) -> None:
    items: list[dict[str, Any]] = [
        {"key": f"k{number}", **({"problem": X} if number % 3 else {"activity": {"kind": "job_started"}})}
        for number in range(20)
    ]
    lines = "\n".join(map(json.dumps, items)) + "\n\n"
    for body, media_type in ((json.dumps(items), "application/json"), (lines, "application/x-ndjson")):
        status, said, _ = await gateway.post("/v1/batch", body, headers={"content-type": media_type})
        assert (status, said["accepted"], said["refused"]) == (202, 20, 0)
        wanted = [idempotent_id("default", f"k{number}", *([] if number % 3 else ["activity"])) for number in range(20)]
        assert [item["event_id"] for item in said["items"]] == wanted
        assert [event.event_id for event in gateway.publisher.events] == wanted
        gateway.publisher.events.clear()


# an item that is not taken; the status and the pointer of its error
NOT_TAKEN: dict[str, tuple[str, int, str | None]] = {
    "no object": ("7", 422, None),
    "nothing in it": ("{}", 422, "/problem"),
    "two in it": ('{"problem": {"code": "e.p.x"}, "activity": {"kind": "job_started"}}', 422, "/activity"),
    "a misspelt member": ('{"problme": {"code": "e.p.x"}}', 422, None),
    "a key that is none": ('{"key": "", "problem": {"code": "e.p.x"}}', 400, "/key"),
    "a key of another type": ('{"key": 7, "problem": {"code": "e.p.x"}}', 422, "/key"),
    "a dialect that is none": ('{"problem": {"code": "e.p.x"}, "dialect": "klingon"}', 400, None),
    "a media type that is none": ('{"problem": {"code": "e.p.x"}, "media_type": "image/png"}', 415, "/media_type"),
    "a batch in it": ('{"problem": {}, "media_type": "application/x-ndjson"}', 415, "/media_type"),
    "a misspelt context": ('{"problem": {"code": "e.p.x"}, "context": {"recrod_id": "r"}}', 422, "/context/recrod_id"),
    "no problem": ('{"problem": []}', 422, None),
    "too deep": ('{"problem": ' + "[" * 40 + "]" * 40 + "}", 400, None),
    "a member twice": ('{"problem": {"code": "e.p.x", "code": "e.p.y"}}', 400, None),
    "a text that is none": ('{"problem": {"code": "e.p.x"}, "media_type": "text/plain"}', 422, None),
    "an activity that is none": ('{"activity": {"kind": "party"}}', 422, "/kind"),
}


@pytest.mark.parametrize(("item", "status", "pointer"), NOT_TAKEN.values(), ids=list(NOT_TAKEN))
async def test_what_is_refused_harms_no_other(gateway: Gateway, item: str, status: int, pointer: str | None) -> None:
    got, said, _ = await gateway.post(
        "/v1/batch", f'[{{"problem": {{"code": "e.p.x"}}}}, {item}, {{"problem": {{"code": "e.p.y"}}}}]'
    )
    assert (got, said["accepted"], said["refused"]) == (202, 2, 1)
    error = said["items"][1]["error"]
    assert error["status"] == status
    if pointer is not None:
        assert error["pointer"] == pointer
    assert [event.problem.code for event in gateway.reported] == ["e.p.x", "e.p.y"]


# a body that is no batch, and the status
NO_BATCH: dict[str, tuple[bytes, str, int]] = {
    "an object": (b'{"problem": {"code": "e.p.x"}}', "application/json", 422),
    "an empty array": (b"[]", "application/json", 400),
    "nothing": (b"", "application/json", 400),
    "no JSON": (b'[{"problem": {"code": "e.p.x"}},]', "application/json", 400),
    "too deep": (b"[" * 50_000, "application/json", 400),
    "empty lines": (b"\n\n", "application/x-ndjson", 400),
    "too many": (b"[" + b"{}," * 20 + b"{}]", "application/json", 413),
    "too many lines": (b"{}\n" * 21, "application/x-ndjson", 413),
    "too many of a text": (b"[" + b"{}," * 20 + b"{}]", "application/json; charset=utf-8", 413),
    "too large": (b"[" + b" " * 70_000 + b"]", "application/json", 413),
    "a text": (b"x", "text/plain", 415),
    "CloudEvents": (b"[]", "application/cloudevents-batch+json", 415),
}


@pytest.mark.parametrize(("body", "media_type", "status"), NO_BATCH.values(), ids=list(NO_BATCH))
async def test_what_is_no_batch(gateway: Gateway, body: bytes, media_type: str, status: int) -> None:
    for query in ("", "?dialect=text"):
        got, said, headers = await gateway.post(f"/v1/batch{query}", body, headers={"content-type": media_type})
        assert (got, said["status"], headers["content-type"]) == (status, status, "application/problem+json")
        assert "items" not in said
    assert not gateway.publisher.events


async def test_another_document_under_a_used_key_is_refused_wherever_it_comes(gateway: Gateway) -> None:
    assert (await gateway.post("/v1/problems", json=X, headers={"idempotency-key": "k"}))[0] == 202
    items = [
        {"key": "k", "problem": {"code": "e.p.y"}},
        {"key": "l", "problem": X},
        {"key": "l", "problem": {"code": "e"}},
    ]
    status, said, _ = await gateway.post("/v1/batch", json=items)
    assert status == 202
    assert [item.get("error", {}).get("status") for item in said["items"]] == [422, None, 422]
    assert said["items"][0]["error"]["type"].endswith("idempotency-key-reused")


async def test_an_item_without_a_key_has_that_of_its_place(gateway: Gateway) -> None:
    items = [{"problem": X}, {"problem": X, "key": "k"}]
    ids = []
    for headers in ({"idempotency-key": "b"}, {"idempotency-key": "b"}, {}, {}):
        _, said, _ = await gateway.post("/v1/batch", json=items, headers=headers)
        ids.append([item["event_id"] for item in said["items"]])
    assert ids[0] == ids[1] == [idempotent_id("default", "b", "item", "0"), idempotent_id("default", "k")]
    assert len({one for one, _ in ids}) == 3


async def test_what_kafka_does_not_take_is_said_of_each(gateway: Gateway) -> None:
    items = [{"key": str(number), "problem": X} for number in range(4)]
    gateway.publisher.failures.extend([KafkaAway("e"), PublishUnconfirmed("e")])
    status, said, _ = await gateway.post("/v1/batch", json=items)
    assert (status, [item.get("error", {}).get("status", 202) for item in said["items"]]) == (202, [503, 503, 202, 202])
    gateway.publisher.failures.extend([KafkaAway("e")] * 4)
    status, said, headers = await gateway.post("/v1/batch", json=items)
    assert (status, len(said["items"]), "retry-after" in headers) == (503, 4, True)


async def test_what_is_said_beside_the_batch_holds_for_items_that_say_nothing(gateway: Gateway) -> None:
    other = TRACE[:-1] + "0"
    items = [{"problem": X, **said} for said in ({}, {"context": {"record_id": "own"}}, {"traceparent": other})]
    headers = {"tocsin-job": "j", "traceparent": TRACE, "x-request-id": "of the batch"}
    assert (await gateway.post("/v1/batch?tenant=acme", json=items, headers=headers))[0] == 202
    found = gateway.reported
    assert {event.tenant for event in found} == {"acme"}
    assert [(event.problem.source.job, event.problem.source.record_id) for event in found] == [
        ("j", None), (None, "own"), ("j", None),
    ]  # fmt: skip
    assert [event.traceparent for event in found] == [TRACE, TRACE, other]
    assert {event.problem.request_id for event in found} == {None}


async def test_a_batch_may_be_encoded_and_asks_for_the_right_to_publish(gateway: Gateway) -> None:
    packed = gzip.compress(json.dumps([{"problem": X}, {"activity": {"kind": "job_started"}}]).encode())
    headers = {"content-encoding": "gzip", "authorization": f"Bearer {gateway.keyring.text('acme', 'publish')}"}
    assert (await gateway.post("/v1/batch", packed, headers=headers))[0] == 202
    assert [type(event) for event in gateway.publisher.events] == [ProblemReported, ActivityObserved]
    assert {event.tenant for event in gateway.publisher.events} == {"acme"}
    headers["authorization"] = f"Bearer {gateway.keyring.text('acme', 'read')}"
    assert (await gateway.post("/v1/batch", packed, headers=headers))[0] == 403
