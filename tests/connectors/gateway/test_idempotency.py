"""Idempotency keys: what they hold for, and that another document under a used one is refused at once."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from tests.connectors.gateway.conftest import Gateway
from tocsin.connectors.gateway.keys import WINDOW, UsedKeys
from tocsin.connectors.gateway.problems import KAFKA_AWAY, KEY_REUSED, UNCONFIRMED, Refusal
from tocsin.connectors.publish import KafkaAway, PublishUnconfirmed

X, Y = {"code": "e.p.x"}, {"code": "e.p.y"}


def event(source: str, ident: str, data: dict[str, str]) -> dict[str, Any]:
    return {"specversion": "1.0", "id": ident, "source": source, "type": "t", "data": data}


async def ids_of(gateway: Gateway, path: str, document: object, **headers: str) -> list[str]:
    status, answer, _ = await gateway.post(path, json.dumps(document), headers=headers)
    assert status == 202, answer
    return [answer["event_id"]] if "event_id" in answer else [item["event_id"] for item in answer["items"]]


async def test_no_key_of_one_kind_is_that_of_another(gateway: Gateway) -> None:
    """Each of these may be called `k`, or be joined to the same text, and is another publication."""
    batch, cloud = {"content-type": "application/json"}, {"content-type": "application/cloudevents+json"}
    asked: list[tuple[str, object, dict[str, str]]] = [
        ("/v1/problems", X, {"idempotency-key": "k"}),
        ("/v1/problems", X, {"idempotency-key": "k/0"}),
        ("/v1/problems", [X, X], batch | {"idempotency-key": "k"}),
        ("/v1/problems", [X], batch | {"idempotency-key": "k/0"}),
        ("/v1/activity", {"kind": "job_started"}, {"idempotency-key": "k"}),
        ("/v1/activity", {"kind": "job_started"}, {"idempotency-key": "activity k"}),
        ("/v1/problems/k/resolve", {"by": "ann"}, {"idempotency-key": "k"}),
        ("/v1/problems/a%20b/resolve", {"by": "ann"}, {"idempotency-key": "c"}),
        ("/v1/problems/a/resolve", {"by": "ann"}, {"idempotency-key": "b c"}),
        ("/v1/problems", X, {"idempotency-key": "resolve k k"}),
        ("/v1/problems", event("a b", "c", X), cloud),
        ("/v1/problems", event("a", "b c", X), cloud),
        ("/v1/problems", X, {"idempotency-key": "a b c"}),
        ("/v1/problems", event("cloudevent", "k", X), cloud),
    ]
    found = [await ids_of(gateway, path, document, **headers) for path, document, headers in asked]
    flat = list(itertools.chain.from_iterable(found))
    assert len(set(flat)) == len(flat) == 15


# what is published first, and what then under the same key, and the status
SECOND: dict[str, tuple[tuple[str, object, dict[str, str]], tuple[str, object, dict[str, str]], int]] = {
    "read as a text, and as what it is": (
        ("/v1/problems?dialect=text", X, {"idempotency-key": "k"}),
        ("/v1/problems", X, {"idempotency-key": "k"}),
        422,
    ),
    "its dialect said, and found": (
        ("/v1/problems?dialect=canonical", X, {"idempotency-key": "k"}),
        ("/v1/problems", X, {"idempotency-key": "k"}),
        202,
    ),
    "the same": (("/v1/problems", X, {"idempotency-key": "k"}), ("/v1/problems", X, {"idempotency-key": "k"}), 202),
    "another": (("/v1/problems", X, {"idempotency-key": "k"}), ("/v1/problems", Y, {"idempotency-key": "k"}), 422),
    "another tenant's": (
        ("/v1/problems", X, {"idempotency-key": "k"}),
        ("/v1/problems?tenant=other", Y, {"idempotency-key": "k"}),
        202,
    ),
    "another activity": (
        ("/v1/activity", {"kind": "job_started"}, {"idempotency-key": "k"}),
        ("/v1/activity", {"kind": "job_finished"}, {"idempotency-key": "k"}),
        422,
    ),
    "another command": (
        ("/v1/problems/r/resolve", {"by": "ann"}, {"idempotency-key": "k"}),
        ("/v1/problems/r/resolve", {"by": "bob"}, {"idempotency-key": "k"}),
        422,
    ),
    "another event of the source": (
        ("/v1/problems", event("s", "1", X), {"content-type": "application/cloudevents+json"}),
        ("/v1/problems", event("s", "1", Y), {"content-type": "application/cloudevents+json"}),
        422,
    ),
    "the same in the same context": (
        ("/v1/problems?record_id=a", X, {"idempotency-key": "k"}),
        ("/v1/problems", X, {"idempotency-key": "k", "tocsin-record-id": "a"}),
        202,
    ),
    "the same in another request": (
        ("/v1/problems", X, {"idempotency-key": "k", "x-request-id": "1"}),
        ("/v1/problems", X, {"idempotency-key": "k", "x-request-id": "2"}),
        202,
    ),
    "the same about another record": (
        ("/v1/problems?record_id=a", X, {"idempotency-key": "k"}),
        ("/v1/problems?record_id=b", X, {"idempotency-key": "k"}),
        422,
    ),
    "another batch": (
        ("/v1/problems", [X, X], {"idempotency-key": "k"}),
        ("/v1/problems", [Y, Y], {"idempotency-key": "k"}),
        422,
    ),
}


@pytest.mark.parametrize(("first", "second", "status"), SECOND.values(), ids=SECOND)
async def test_another_document_under_the_same_key(gateway: Gateway, first: Any, second: Any, status: int) -> None:
    (path, document, headers), (again, other, its_headers) = first, second
    await ids_of(gateway, path, document, **headers)
    stored = len(gateway.publisher.events)
    got, answer, _ = await gateway.post(again, json.dumps(other), headers=its_headers)
    assert got == status
    if status == 422:
        assert "idempotency-key-reused" in json.dumps(answer)
        assert len(gateway.publisher.events) == stored


async def test_in_a_batch_only_the_changed_item_is_refused(gateway: Gateway) -> None:
    first = await ids_of(gateway, "/v1/problems", [X, X], **{"idempotency-key": "k"})
    status, answer, _ = await gateway.post("/v1/problems", json=[X, Y], headers={"idempotency-key": "k"})
    assert (status, answer["accepted"], answer["refused"]) == (202, 1, 1)
    assert answer["items"][0]["event_id"] == first[0]
    assert answer["items"][1]["error"]["event_id"] == first[1]


async def test_a_document_that_was_not_stored_has_not_used_its_key(gateway: Gateway) -> None:
    key = {"idempotency-key": "k"}
    gateway.publisher.failures.append(KafkaAway("e"))
    assert (await gateway.post("/v1/problems", json=X, headers=key))[0] == 503
    gateway.publisher.failures.append(PublishUnconfirmed("e"))
    assert (await gateway.post("/v1/problems", json=Y, headers=key))[0] == 503
    assert (await gateway.post("/v1/problems", json=X, headers=key))[0] == 422  # Y may be stored
    assert (await gateway.post("/v1/problems", json=Y, headers=key))[0] == 202


def test_keys_are_remembered_for_a_day_and_no_more_than_so_many() -> None:
    now = 0.0
    keys = UsedKeys(lambda: now, most=3)

    def use(ident: str, document: bytes, fails: Refusal | None = None) -> str:
        try:
            with keys.use(ident, document):
                if fails is not None:
                    raise fails
        except Refusal as refusal:
            return refusal.kind.name
        return "used"

    assert [use("a", b"1"), use("a", b"1"), use("a", b"2")] == ["used", "used", KEY_REUSED.name]
    now = WINDOW - 1
    assert use("a", b"2") == KEY_REUSED.name
    now = WINDOW
    assert use("a", b"2") == "used"
    assert [use(ident, b"1") for ident in "bcd"] == ["used"] * 3  # `a` is one too many
    assert use("a", b"3") == "used"
    assert [use("e", b"1", Refusal(KAFKA_AWAY)), use("e", b"2")] == [KAFKA_AWAY.name, "used"]
    assert [use("f", b"1", Refusal(UNCONFIRMED)), use("f", b"2")] == [UNCONFIRMED.name, KEY_REUSED.name]
