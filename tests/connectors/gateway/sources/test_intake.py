"""Messages of a source: stored whole before they are answered, remembered lately."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from tests.connectors.gateway.conftest import serving
from tests.connectors.gateway.test_ignored import Kept
from tests.harness.keys import Keyring
from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.gateway import Access, GatewayConfig, Rate, build_gateway
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.gateway.sources import acapy
from tocsin.connectors.gateway.sources.heard_lately import LAST, HeardLately, HeardOnce
from tocsin.connectors.publish import KafkaAway, MemoryPublisher
from tocsin.connectors.sources.acapy import ACAPY
from tocsin.connectors.sources.port import Heard, Message, MessageSource
from tocsin.schemas.events import ActivityKind, ActivityObserved


def read(message: Message) -> Heard:
    """A source whose messages say which events they are."""
    document = parse_json(message.body)
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    mine = message.of_wallet(message.headers.get("x-wallet-id"))
    events = tuple(
        ActivityObserved(
            event_id=mine.event_id(message.topic, str(number)), tenant=mine.origin.tenant,
            kind=ActivityKind.RECORD_CHANGED,
            occurred_at=message.now, recorded_at=message.now, record_id=str(record),
        )
        for number, record in enumerate(document.get("records", []))
    )  # fmt: skip
    return Heard(
        what=document.get("what", "record"), events=events, ignored=tuple(document.get("ignored", ())),
        tenant=mine.origin.tenant,
    )  # fmt: skip


SOURCE = MessageSource(name="acapy", read=read, kinds=frozenset({"record"}), headers=("x-wallet-id",))
HOOK = "/v1/agents/acapy/topic/connections/"


class World:
    """A gateway with one source, and all that stands round it."""

    def __init__(self) -> None:
        self.publisher, self.kept, self.keyring = MemoryPublisher(), Kept(), Keyring()
        self.http: aiohttp.ClientSession

    async def post(self, document: Any, path: str = HOOK, **headers: str) -> tuple[int, Any]:
        body = document if isinstance(document, str) else json.dumps(document)
        said = {"content-type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
        async with self.http.post(path, data=body, headers=said) as answer:
            return answer.status, await answer.json(content_type=None) if await answer.text() else None

    async def lately(self, tenant: str = "default") -> Any:
        async with self.http.get(f"/v1/sources?tenant={tenant}") as answer:
            return (await answer.json())["sources"]

    async def metric(self, labels: str) -> bool:
        async with self.http.get("/metrics") as answer:
            return f"tocsin_gateway_source_messages_total{{{labels}}}" in await answer.text()

    @property
    def records(self) -> list[tuple[str, str]]:
        return [
            (each.tenant, each.record_id or "") for each in self.publisher.events if isinstance(each, ActivityObserved)
        ]


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(acapy, "ACAPY", SOURCE)
    made = World()

    async def ready() -> bool:
        return True

    app = build_gateway(
        GatewayConfig(deadline=5, max_body=64 * 1024, tenant_documents=Rate(0, 0)), made.publisher, ready,
        CollectorRegistry(), Ports(ignored=made.kept, access=Access(keys=made.keyring.keys), wallets={"w-1": "acme"}),
    )  # fmt: skip
    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as made.http:
        yield made


async def test_what_was_understood_is_stored_in_its_order_and_the_same_bytes_are_the_same_events(world: World) -> None:
    document = {"records": ["a", "b", "c"]}
    status, answer = await world.post(document)
    assert status == 202
    assert await world.post(document) == (202, answer)
    (heard,) = answer["heard"]
    ids = [event.event_id for event in world.publisher.events]
    assert world.records == [("default", "a"), ("default", "b"), ("default", "c")] * 2
    assert ids[:3] == ids[3:] == heard["event_ids"]
    assert len({*ids}) == 3
    assert await world.metric('outcome="taken",source="acapy",what="record"')


async def test_what_became_nothing_is_answered_well_and_kept_nowhere(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    body = json.dumps({"what": "\n_strange", "ignored": ["a topic that is not known", "no record"]})
    assert (await world.post(body))[0] == 202
    assert world.kept.documents == []
    assert "not all was taken: a topic that is not known; no record" in caplog.text
    assert await world.metric('outcome="ignored",source="acapy",what="other"')


async def test_without_kafka_the_sender_comes_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stored, store = list[str](), MemoryPublisher.send

    async def send(publisher: MemoryPublisher, event: Any) -> Any:
        if event.record_id == "b" and not stored:
            stored.append("refused")
            raise KafkaAway("away", event.event_id)
        return await store(publisher, event)

    monkeypatch.setattr(MemoryPublisher, "send", send)
    status, document = await world.post({"records": ["a", "b", "c"]})
    assert (status, document["type"]) == (503, "urn:tocsin:problem:kafka-away")
    assert await world.metric('outcome="unstored",source="acapy",what="record"')
    assert (await world.post({"records": ["a", "b", "c"]}))[0] == 202
    assert {record for _, record in world.records} == {"a", "b", "c"}


async def test_what_cannot_be_read_is_refused_and_says_what_is_wrong(world: World) -> None:
    status, document = await world.post("[1]")
    assert (status, document["expected"]) == (422, "an object")
    assert (await world.post("{"))[0] == 400
    assert (await world.post(" " * 65 * 1024))[0] == 413
    assert (await world.post("{}", content_type="text/plain"))[0] == 415, "a form of any page could send that"
    assert (await world.post("{}", origin="https://evil.example"))[0] == 403
    assert world.publisher.events == []
    (kind,) = await world.lately()
    assert (kind["what"], kind["count"]) == ("unreadable", 2)
    assert "an object" in kind["last"][1]["refused"]


async def test_what_is_only_tried_was_not_heard_even_if_it_is_refused(world: World) -> None:
    assert (await world.post("[1]", tocsin_probe="1"))[0] == 422
    assert (await world.post({"records": ["a"]}, tocsin_probe="1"))[0] == 200
    assert await world.lately() == []
    assert not await world.metric('outcome="refused",source="acapy",what="unreadable"')


# path and headers -> tenants, or the kind of refusal
WHOSE: dict[str, tuple[str, dict[str, str], str]] = {
    "nobody's": (HOOK, {}, "default"),
    "of the tenant in the path": ("/v1/agents/acapy/beta/topic/x/", {}, "beta"),
    "without a slash": ("/v1/agents/acapy/beta/topic/x", {}, "beta"),
    "of a wallet that is known": (HOOK, {"x_wallet_id": "w-1"}, "acme"),
    "of a wallet that is not": (HOOK, {"x_wallet_id": "w-2"}, "default"),
    "of a wallet, where the path says whose": ("/v1/agents/acapy/beta/topic/x/", {"x_wallet_id": "w-1"}, "beta"),
    "by the key": (HOOK, {"x_api_key": "beta"}, "beta"),
    "by the key and the path": ("/v1/agents/acapy/beta/topic/x/", {"x_api_key": "beta"}, "beta"),
    "of a wallet of another than the key's": (HOOK, {"x_api_key": "beta", "x_wallet_id": "w-1"}, "beta"),
    "of another in the path than the key's": ("/v1/agents/acapy/acme/topic/x/", {"x_api_key": "beta"}, "other-tenant"),
    "of no tenant in the path": ("/v1/agents/acapy/a%20b/topic/x/", {}, "bad-tenant"),
    "of two": ("/v1/agents/acapy/beta/topic/x/?tenant=acme", {}, "bad-tenant"),
}


@pytest.mark.parametrize("name", WHOSE)
async def test_whose_a_message_is(world: World, name: str) -> None:
    path, headers, whose = WHOSE[name]
    if "x_api_key" in headers:
        headers = {**headers, "x_api_key": world.keyring.text(headers["x_api_key"])}
    status, document = await world.post({"records": ["a"]}, path, **headers)
    if status == 202:
        assert world.records == [(whose, "a")]
    else:
        assert document["type"] == f"urn:tocsin:problem:{whose}"
        assert world.records == []


async def test_what_was_heard_lately(world: World) -> None:
    secret = {"records": ["a"], "password": "zebra-crossing"}
    await world.post(secret)
    await world.post({"records": [], "ignored": ["no record"]}, x_wallet_id="w-1")
    (mine,) = await world.lately()
    (once,) = mine["last"]
    assert (mine["source"], mine["what"], mine["count"]) == ("acapy", "record", 1)
    assert (once["topic"], once["became"], once["ignored"]) == ("connections", ["record_changed"], [])
    assert "zebra" not in json.dumps(once)
    (theirs,) = await world.lately("acme")
    assert theirs["last"][0]["ignored"] == ["no record"]


# the end of the path, what an agent sends -> its kind, why something of it became nothing, why all was refused
PRIVATE: dict[str, tuple[str, Any, str, list[str], str | None]] = {
    "a message between people": (
        "acapy/topic/basicmessages/", {"connection_id": "c", "content": "zebra"}, "basicmessages", [], None,
    ),
    "a credential with a member that is wrong": (
        "acapy/topic/issue_credential_v2_0/",
        {"cred_ex_id": "x", "parent_thread_id": {"zebra": "zebra"}, "by_format": {"zebra": "zebra"}},
        "issue_credential_v2_0", ["not usable: parent_thread_id"], None,
    ),
    "a topic that is not known": (
        "acapy/topic/x/", {"content": "zebra"}, "other", ["a topic of ACA-Py that is not known here"], None,
    ),
    "a report that is none": (
        "acapy/topic/problem_report/", {"@type": "x/1.0/y", "zebra": "zebra"}, "problem_report",
        ["not a report that can be read: an object of another kind"], None,
    ),
    "claims": (
        "identus", {"id": "e", "type": "IssueCredentialRecordUpdated", "data": {"recordId": "r", "claims": "zebra"}},
        "IssueCredentialRecordUpdated", [], None,
    ),
    "claims of no record": (
        "identus", {"id": "e", "type": "IssueCredentialRecordUpdated", "data": {"claims": {"zebra": "zebra"}}},
        "IssueCredentialRecordUpdated", ["it does not say which record it is about: no /data/recordId"], None,
    ),
    "claims of a record that is a list": (
        "identus", {"id": "e", "type": "IssueCredentialRecordUpdated", "data": {"recordId": ["zebra"]}},
        "unreadable", [], "/data/recordId a text",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PRIVATE)
async def test_of_an_agents_message_what_it_says_is_shown_and_kept_nowhere(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Its operator sees the topic, the size, and the names of members at fault."""
    monkeypatch.setattr(acapy, "ACAPY", ACAPY)
    caplog.set_level("INFO")
    path, document, what, ignored, refused = PRIVATE[name]
    status, _ = await world.post(document, f"/v1/agents/{path}")
    assert status == (422 if refused else 202)
    (kind,) = await world.lately()
    (once,) = kind["last"]
    assert (kind["what"], once["size"], once["ignored"]) == (what, len(json.dumps(document)), ignored)
    assert (once["refused"] or "").endswith(refused or "")
    assert once["topic"] == (path.split("/")[2] if "topic" in path else "")
    assert world.kept.documents == []
    assert "zebra" not in json.dumps(kind) + repr(world.publisher.events) + caplog.text


def test_it_is_bounded_and_nobody_else_sees_it() -> None:
    heard = HeardLately(most=3)
    for number in range(10):
        heard.note("acme", "acapy", "record", HeardOnce(at=number, topic="t", size=1))
    (kind,) = heard.of("acme")
    assert kind["count"] == 10
    assert [each["at"] for each in kind["last"]] == [9, 8, 7][:LAST]  # type: ignore[attr-defined]
    for tenant in ("b", "c", "d"):
        heard.note(tenant, "acapy", "record", HeardOnce(at=1, topic="t", size=1))
    assert heard.of("acme") == []


async def test_two_wallets_are_none(world: World) -> None:
    headers = [("content-type", "application/json"), ("x-wallet-id", "w-1"), ("x-wallet-id", "w-2")]
    async with world.http.post(HOOK, data='{"records":["a"]}', headers=headers) as answer:
        assert (answer.status, (await answer.json(content_type=None))["expected"]) == (422, "one header x-wallet-id")
    assert world.records == []


def test_a_tenant_of_many_kinds_does_not_push_out_what_others_are() -> None:
    heard = HeardLately(most=3)
    heard.note("quiet", "acapy", "record", HeardOnce(at=1, topic="", size=0))
    for number in range(5):
        heard.note("loud", "acapy", f"kind {number}", HeardOnce(at=2, topic="", size=0))
    assert [one["what"] for one in heard.of("quiet")] == ["record"]
    assert [one["what"] for one in heard.of("loud")] == ["kind 4", "kind 3"]
