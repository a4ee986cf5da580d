"""POST /v1/problems and /v1/activity: what is accepted, and where it is then."""

from __future__ import annotations

import gzip
import json
import uuid

import pytest

from tests.harness.canaries import CANARIES, SECRETS
from tocsin.connectors.publish import KafkaAway, PublishRefused, PublishUnconfirmed, TopicMissing
from tocsin.schemas.codec import encode
from tocsin.schemas.events import ActivityObserved
from tocsin.schemas.ids import idempotent_id

from .conftest import Gateway

PROBLEM = {"title": "Out of credit", "status": 403}
REPORT = {
    "type": "https://didcomm.org/report-problem/2.0/problem-report",
    "id": "m",
    "pthid": "t",
    "body": {"code": "e.p.x"},
}


async def test_one_problem(gateway: Gateway) -> None:
    status, answer, headers = await gateway.post("/v1/problems", json=PROBLEM)
    assert status == 202
    assert answer == {"event_id": gateway.reported[0].event_id, "instance": f"urn:uuid:{answer['event_id']}"}
    assert "location" not in headers
    assert (gateway.reported[0].tenant, gateway.reported[0].problem.dialect) == ("default", "rfc9457")


@pytest.mark.parametrize(
    ("document", "options", "dialect"),
    [
        (PROBLEM, {"headers": {"content-type": "application/problem+json; charset=utf-8"}}, "rfc9457"),
        (REPORT, {"headers": {"content-type": "application/didcomm-plain+json"}}, "didcomm-2.0"),
        (REPORT, {"params": {"dialect": "didcomm2"}}, "didcomm-2.0"),
        (REPORT, {}, "didcomm-2.0"),
        ({"code": "e.p.x"}, {}, "canonical"),
        ({"code": "e.p.x"}, {"params": {"dialect": "rfc9457"}}, "rfc9457"),
        (
            {"code": "e.p.x", "title": "t"},
            {"headers": {"content-type": "application/vnd.tocsin.problem+json"}},
            "canonical",
        ),
    ],
    ids=str,
)
async def test_the_dialect(gateway: Gateway, document: object, options: dict[str, object], dialect: str) -> None:
    status, _, _ = await gateway.post("/v1/problems", json.dumps(document), **options)
    assert status == 202
    assert gateway.reported[0].problem.dialect == dialect


async def test_the_bytes_are_kept_as_they_came(gateway: Gateway) -> None:
    raw = b'{"title" :  "caf\\u00e9", "status": 500}'
    assert (await gateway.post("/v1/problems", raw))[0] == 202
    assert gateway.reported[0].raw == raw


@pytest.mark.parametrize(
    "options", [{"params": {"tenant": "acme"}}, {"headers": {"tocsin-tenant": "acme"}}], ids=["query", "header"]
)
async def test_the_tenant(gateway: Gateway, options: dict[str, object]) -> None:
    assert (await gateway.post("/v1/problems", json=PROBLEM, **options))[0] == 202
    assert gateway.reported[0].tenant == "acme"


async def test_an_idempotency_key_gives_the_same_event(gateway: Gateway) -> None:
    answers = [
        await gateway.post("/v1/problems", json=PROBLEM, headers={"idempotency-key": "order 7"}) for _ in range(2)
    ]
    assert {answer["event_id"] for _, answer, _ in answers} == {idempotent_id("default", "order 7")}
    assert gateway.reported[0].idempotency_key == "order 7"


async def test_gzip(gateway: Gateway) -> None:
    body = gzip.compress(json.dumps(PROBLEM | {"detail": "x" * 50_000}).encode())
    assert (await gateway.post("/v1/problems", body, headers={"content-encoding": "gzip"}))[0] == 202


@pytest.mark.parametrize("form", ["array", "ndjson"])
async def test_a_batch_takes_each_item_for_itself(gateway: Gateway, form: str) -> None:
    items = [PROBLEM, {"code": ""}, REPORT, 5, {"type": "https://x/forward", "id": "x", "body": {}}]
    if form == "array":
        body, media_type = json.dumps(items), "application/json"
    else:
        body, media_type = "\n".join(json.dumps(item) for item in items) + "\n\n", "application/x-ndjson"
    headers = {"content-type": media_type, "idempotency-key": "k"}
    status, answer, _ = await gateway.post("/v1/problems", body, headers=headers)
    assert (status, answer["accepted"], answer["refused"], answer["ignored"]) == (202, 2, 2, 1)
    assert answer["items"][0]["event_id"] == idempotent_id("default", "k", "item", "0")
    assert answer["items"][2]["event_id"] == idempotent_id("default", "k", "item", "2")
    errors = [answer["items"][n]["error"] for n in (1, 3)]
    assert [error["type"].rpartition(":")[2] for error in errors] == ["not-valid", "not-valid"]
    assert answer["items"][4].keys() == {"ignored"}
    assert errors[0]["pointer"] == "/code"
    assert [event.problem.dialect for event in gateway.reported] == ["rfc9457", "didcomm-2.0"]


async def test_a_line_that_is_no_json_spoils_only_itself(gateway: Gateway) -> None:
    body, headers = b'{"code": "x"}\n{"code": \n{"code": "y"}', {"content-type": "application/x-ndjson"}
    status, answer, _ = await gateway.post("/v1/problems", body, headers=headers)
    assert (status, answer["accepted"]) == (202, 2)
    assert answer["items"][1]["error"]["status"] == 400


async def test_a_batch_of_which_nothing_is_accepted(gateway: Gateway) -> None:
    status, answer, headers = await gateway.post("/v1/problems", json=[{}, {"code": 1}])
    assert (status, answer["type"], len(answer["items"])) == (422, "urn:tocsin:problem:none-accepted", 2)
    assert headers["content-type"] == "application/problem+json"


async def test_a_batch_while_kafka_is_away(gateway: Gateway) -> None:
    gateway.publisher.failures.extend([KafkaAway("e1"), PublishUnconfirmed("e2")])
    status, answer, headers = await gateway.post("/v1/problems", json=[PROBLEM, PROBLEM])
    assert (status, answer["type"], headers["retry-after"]) == (503, "urn:tocsin:problem:unconfirmed", "5")
    assert [item["error"]["event_id"] for item in answer["items"]] == ["e1", "e2"]
    gateway.publisher.failures.append(KafkaAway("e1"))
    status, answer, _ = await gateway.post("/v1/problems", json=[PROBLEM, PROBLEM])
    assert (status, answer["accepted"], answer["refused"]) == (202, 1, 1)


@pytest.mark.parametrize(
    ("failure", "status", "name"),
    [
        (PublishUnconfirmed("e"), 503, "unconfirmed"),
        (KafkaAway("e"), 503, "kafka-away"),
        (TopicMissing("e", "tocsin.inbox"), 503, "kafka-away"),
        (PublishRefused("e", "secret reason"), 503, "refused-by-kafka"),
        (TimeoutError("secret"), 503, "unconfirmed"),
        (RuntimeError("secret"), 500, "internal"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_no_acknowledgement_no_202(gateway: Gateway, failure: Exception, status: int, name: str) -> None:
    gateway.publisher.failures.append(failure)
    got, answer, headers = await gateway.post("/v1/problems", json=PROBLEM)
    assert (got, answer["type"], answer["status"]) == (status, f"urn:tocsin:problem:{name}", status)
    assert "secret" not in json.dumps(answer)
    assert ("retry-after" in headers) is (status == 503)
    assert gateway.publisher.events == []


async def test_what_the_reader_forgave_is_told(gateway: Gateway) -> None:
    status, answer, _ = await gateway.post("/v1/problems", json=REPORT | {"body": {"code": "E.p.x_y"}})
    assert status == 202
    assert answer["violations"]
    assert all(violation.keys() == {"rule", "pointer"} for violation in answer["violations"])


async def test_a_cloud_event_in_binary_mode_has_the_identity_of_the_structured_one(gateway: Gateway) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "7%208", "ce-source": "/svc", "ce-type": "x"}
    _, answer, _ = await gateway.post("/v1/problems", json=PROBLEM, headers=headers)
    assert answer["event_id"] == idempotent_id("default", "7 8", "cloudevent", "/svc")
    _, answer, _ = await gateway.post("/v1/problems", json=PROBLEM, headers=headers | {"idempotency-key": "k"})
    assert answer["event_id"] == idempotent_id("default", "k")


async def test_cloud_events(gateway: Gateway) -> None:
    event = {"specversion": "1.0", "id": "7", "source": "/svc", "type": "x", "data": PROBLEM}
    one = event | {"datacontenttype": "application/problem+json"}
    headers = {"content-type": "application/cloudevents+json"}
    status, answer, _ = await gateway.post("/v1/problems", json.dumps(one), headers=headers)
    assert (status, answer["event_id"]) == (202, idempotent_id("default", "7", "cloudevent", "/svc"))
    headers = {"content-type": "application/cloudevents-batch+json"}
    status, answer, _ = await gateway.post("/v1/problems", json.dumps([event, {"id": "8"}]), headers=headers)
    assert (status, answer["accepted"], answer["items"][1]["error"]["pointer"]) == (202, 1, "/source")
    status, answer, _ = await gateway.post("/v1/problems", json.dumps(event), headers=headers)
    assert (status, answer["type"]) == (422, "urn:tocsin:problem:not-valid")


async def test_activity(gateway: Gateway) -> None:
    document = {"kind": "message_sent", "message_id": "m", "thread_id": "t", "detail": {"a": "b"}, "occurred_at": 5}
    status, answer, _ = await gateway.post("/v1/activity", json=document, params={"tenant": "acme"})
    assert status == 202
    assert answer["instance"] == f"urn:uuid:{answer['event_id']}"
    stored = gateway.publisher.events[0]
    assert isinstance(stored, ActivityObserved)
    assert (stored.tenant, stored.kind, stored.thread_id, stored.occurred_at) == ("acme", "message_sent", "t", 5)


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({}, "/kind"),
        ([1], ""),
        ({"kind": "danced"}, "/kind"),
        ({"kind": "unknown"}, "/kind"),
        ({"kind": "job_started", "tenant": "other"}, ""),
        ({"kind": "job_started", "event_id": str(uuid.UUID(int=7))}, ""),
        ({"kind": "job_started", "jobb": "x"}, ""),
        ({"kind": "job_started", "job": 5}, "/job"),
        ({"kind": "job_started", "occurred_at": -1}, "/occurred_at"),
        ({"kind": "job_started", "occurred_at": 2**62}, "/occurred_at"),
        ({"kind": "message_sent", "thread_id": "t" * 256}, "/thread_id"),
    ],
    ids=str,
)
async def test_activity_that_is_not_valid(gateway: Gateway, document: object, pointer: str) -> None:
    status, answer, _ = await gateway.post("/v1/activity", json=document)
    assert status == 422
    if isinstance(document, dict):
        assert (answer.get("pointer", ""), gateway.publisher.events) == (pointer, [])


async def test_the_kinds_of_activity_are_listed(gateway: Gateway) -> None:
    for document in ({"kind": "danced"}, {"kind": "unknown"}):
        _, answer, _ = await gateway.post("/v1/activity", json=document)
        assert answer["expected"].startswith("one of ")
        assert "message_sent" in answer["expected"]


async def test_the_trace_goes_on(gateway: Gateway) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await gateway.post("/v1/problems", json=PROBLEM, headers={"traceparent": trace})
    await gateway.post("/v1/problems", json=PROBLEM, headers={"traceparent": "nonsense"})
    assert [event.traceparent for event in gateway.reported] == [trace, None]


async def test_a_secret_is_neither_stored_nor_counted_nor_logged_nor_answered(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "tocsin")
    for number, canary in enumerate(CANARIES.values()):
        document = {"code": "e.p.x", "text": f"it says {canary}", "more": {"deep": [canary]}, "password": "c4n4ry"}
        status, answer, _ = await gateway.post("/v1/problems", json.dumps([document, {"code": 1, "text": canary}]))
        assert status == 202
        assert not any(secret in json.dumps(answer) for secret in SECRETS)
        body = json.dumps({"kind": "job_started", "job": str(number), "detail": {"log": canary}})
        assert (await gateway.post("/v1/activity", body))[0] == 202
        body = json.dumps({"by": "a", "why": canary})
        assert (await gateway.post("/v1/problems/case/resolve", body))[0] == 202
    async with gateway.http.get("/metrics") as answer:
        shown = await answer.text() + caplog.text
    for written in [shown.encode(), *map(encode, gateway.publisher.events)]:
        assert not any(secret.encode() in written for secret in SECRETS)
    assert len(gateway.publisher.events) == 3 * len(CANARIES)
