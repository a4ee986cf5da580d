"""The forms of a body besides our plain notification and the dialects: CloudEvents, and events of Identus' agent."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.harness.problem_strategies import problems
from tests.harness.routed_reports import NOW, Bus, a_book, a_problem
from tocsin.connectors.gateway.documents import Document, without_envelope
from tocsin.connectors.gateway.request import CLOUD_EVENT
from tocsin.connectors.publish import Origin
from tocsin.schemas.events import DeliveryRequested, ThreadContext
from tocsin.schemas.problem import Http, Problem
from tocsin.streams.rules.bodies import ENVELOPES, EVENTS
from tocsin.streams.rules.cloud_events import CONTENT_TYPE, ROOM, as_cloud_event
from tocsin.streams.rules.config import BODIES, NOT_FOR_PEERS, Route, TenantRules
from tocsin.streams.rules.identus import Told, identus_event
from tocsin.streams.rules.notification import body_of, timestamp

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

ABOUT = str(uuid5(UUID(int=0), "event"))
NAME = {"type": "string", "minLength": 1}
CLOUD_EVENT_SCHEMA = Draft202012Validator({
    "type": "object",
    "required": ["id", "source", "specversion", "type"],
    "properties": {
        "id": NAME, "source": NAME, "type": NAME, "subject": NAME, "specversion": {"const": "1.0"},
        "time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
        "datacontenttype": {"const": "application/json"}, "data": {"type": "object"},
    },
    "patternProperties": {"^[a-z0-9]{1,20}$": {}},
    "additionalProperties": False,
})  # fmt: skip
"""The JSON Schema of CloudEvents 1.0.2, as far as it concerns us; names of attributes as the specification has them."""


def told(rows: DictRows, body: str, problem: Problem, **more: Any) -> list[DeliveryRequested]:
    book = a_book(Route(name="all", endpoints=("owner",)), **more)
    owner = msgspec.structs.replace(book.endpoints["owner"], body=body)
    bus = Bus(rows, msgspec.structs.replace(book, endpoints={**book.endpoints, "owner": owner}))
    bus.report(1, problem)
    return [one for one in bus.events if isinstance(one, DeliveryRequested)]


def test_a_cloud_event_has_the_notification_inside(rows: DictRows) -> None:
    problem = a_problem(thread_id="t", text="no way")
    [plain] = told(rows, "notification", problem)
    [event] = told(type(rows)(), "cloudevents", problem)
    found, inside = json.loads(event.body), json.loads(plain.body)
    CLOUD_EVENT_SCHEMA.validate(found)
    assert event.content_type == CONTENT_TYPE
    assert (found["data"], found["time"]) == (inside["data"], inside["timestamp"])
    assert (found["type"], found["subject"]) == ("io.tocsin.problem.opened", inside["data"]["case"])
    assert (found["id"], found["tenant"], found["source"]) == (inside["data"]["event_id"], "acme", "/tocsin")


@given(
    text=st.text(max_size=200),
    tenant=st.text(max_size=400),
    url=st.none() | st.text(max_size=400),
    trace=st.none() | st.just("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") | st.text(max_size=20),
)
def test_a_cloud_event_is_bounded_and_one(text: str, tenant: str, url: str | None, trace: str | None) -> None:
    data = {"case": text, "tenant": tenant, "traceparent": trace, "tracestate": "a=1"}
    notification = body_of("problem.digest", NOW, data)
    event = as_cloud_event(notification, ABOUT, url)
    assert len(event) <= len(notification) + ROOM
    assert event == as_cloud_event(notification, ABOUT, url)
    CLOUD_EVENT_SCHEMA.validate(json.loads(event))


def test_another_bus_reads_the_problem_in_a_cloud_event(rows: DictRows) -> None:
    problem = a_problem(thread_id="t", text="no way")
    [plain] = told(rows, "notification", problem)
    [event] = told(type(rows)(), "cloudevents", problem)
    origin = Origin(tenant="t", event_id="e", media_type=CLOUD_EVENT)
    read = without_envelope(Document(event.body, origin))
    assert json.loads(read.raw) == json.loads(plain.body), "with it come its hops, so that a ring of buses ends"
    for changed in ({"type": "io.tocsin"}, {"type": 7}, {"data": {"a": 1}}, {"data": [1]}):
        other = json.dumps(json.loads(event.body) | changed).encode()
        assert json.loads(without_envelope(Document(other, origin)).raw) == (json.loads(other)["data"])


THREAD = ThreadContext(thread_id="th", first_seen=NOW, last_seen=NOW)
HTTP = Http(type="error:connect:InvitationExpired", title="Invitation Expired", status=410, detail="too late",
            instance="error:instance:7")  # fmt: skip
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], str, dict[str, Any]]] = {
    "a connection": (
        {"record_type": "connection", "record_id": "c-1"},
        {"role": "inviter", "record_state": "ConnectionRequestReceived"},
        "ConnectionUpdated",
        {"connectionId": "c-1", "role": "Inviter", "state": "ConnectionRequestReceived", "self": "c-1",
         "kind": "Connection", "thid": "th"},
    ),
    "a connection by its protocol": (
        {"connection": "c-2"}, {"protocol": "https://didcomm.org/connections/1.0"}, "ConnectionUpdated",
        {"connectionId": "c-2", "self": "c-2", "kind": "Connection", "thid": "th"},
    ),
    "an issued credential": (
        {}, {"record_type": "issue-credential", "record_id": "i-1", "role": "holder", "record_state": "OfferSent"},
        "IssueCredentialRecordUpdated",
        {"recordId": "i-1", "thid": "th", "role": "Holder", "protocolState": "OfferSent"},
    ),
    "a presentation": (
        {"connection": "c-3"}, {"protocol": "present-proof", "record_id": "p-1", "role": "Verifier"},
        "PresentationUpdated",
        {"presentationId": "p-1", "thid": "th", "role": "Verifier", "connectionId": "c-3", "proofs": []},
    ),
    "a DID": (
        {"record_type": "did", "record_id": "did:prism:a"}, {}, "DIDStatusUpdated",
        {"did": "did:prism:a", "thid": "th"},
    ),
    "something else": (
        {"record_type": "backup", "record_id": "b-1", "connection": "c-4"}, {}, "ProblemReported",
        {"recordType": "backup", "recordId": "b-1", "connectionId": "c-4", "thid": "th"},
    ),
    "a role that the record does not have": (
        {"record_type": "connection", "record_id": "c-5"}, {"role": "mediator"}, "ConnectionUpdated",
        {"connectionId": "c-5", "self": "c-5", "kind": "Connection", "thid": "th"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("source", "thread", "kind", "data"), KINDS.values(), ids=KINDS)
def test_an_event_of_each_record(
    source: dict[str, Any], thread: dict[str, Any], kind: str, data: dict[str, Any]
) -> None:
    problem = a_problem("error:connect:InvitationExpired", dialect="rfc9457", http=HTTP, source=source)
    context = msgspec.structs.replace(THREAD, **thread)
    event = identus_event(problem, Told(ABOUT, NOW, context, "wallet-1"), 64 * 1024)
    assert event is not None
    assert json.loads(event) == {
        "id": ABOUT,
        "ts": timestamp(NOW),
        "type": kind,
        "data": data | {"metaLastFailure": msgspec.to_builtins(HTTP)},
        "walletId": "wallet-1",
    }


def test_a_failure_without_a_status_has_that_of_the_agent() -> None:
    event = identus_event(a_problem("e.p.xfer", text="no way"), Told(ABOUT, NOW), 64 * 1024)
    failure = json.loads(event or b"")["data"]["metaLastFailure"]
    assert failure == {
        "status": 500, "type": "e.p.xfer", "title": "e.p.xfer", "detail": "no way", "instance": f"urn:uuid:{ABOUT}",
    }  # fmt: skip


@given(problem=problems, limit=st.integers(9 * 1024, 64 * 1024), wallet=st.none() | st.text(max_size=2000))
def test_every_problem_is_an_event_within_its_bounds(problem: Problem, limit: int, wallet: str | None) -> None:
    told = Told(ABOUT, NOW, THREAD, wallet)
    event = identus_event(problem, told, limit)
    if event is not None:
        assert len(event) <= limit
        assert event == identus_event(problem, told, limit)
        found = json.loads(event)
        assert found.keys() == {"id", "ts", "type", "data", "walletId"}
        assert found["data"]["metaLastFailure"].keys() >= {"status", "type", "title", "instance"}
        assert isinstance(found["data"]["metaLastFailure"]["status"], int)


def test_a_large_problem_is_still_an_event() -> None:
    large = a_problem(text="x" * 10**6, source={"record_type": "connection", "record_id": "c" * 10**5})
    event = identus_event(large, Told(ABOUT, NOW, THREAD, "w" * 10**5), 64 * 1024)
    assert event is not None
    assert len(event) < 64 * 1024


@pytest.mark.parametrize(
    ("tenants", "source", "wallet"),
    [
        ({}, {}, "acme"),
        ({}, {"wallet": "w-1"}, "w-1"),
        ({"acme": TenantRules(limits=a_book().limits, timeouts=(), wallet="w-2")}, {"wallet": "w-1"}, "w-2"),
    ],
    ids=["the tenant", "what its publisher says", "what the file says"],
)
def test_whose_wallet_it_is(rows: DictRows, tenants: Any, source: dict[str, Any], wallet: str) -> None:
    [event] = told(rows, "identus", a_problem(source=source), tenants=tenants)
    assert json.loads(event.body)["walletId"] == wallet
    assert event.content_type == "application/json"


def test_each_form_has_a_row_and_none_is_for_peers() -> None:
    assert set(NOT_FOR_PEERS) == {"notification", *ENVELOPES, *EVENTS}
    assert set(BODIES) >= NOT_FOR_PEERS
    assert all(re.fullmatch(r"[a-z0-9.-]+", name) for name in BODIES)
