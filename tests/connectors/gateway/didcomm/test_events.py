"""What is published of a message that a peer sent: as told by that peer, and the same event whenever it comes again."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.connectors.didcomm.port import How, Unpacked
from tocsin.connectors.gateway.didcomm.config import Connection
from tocsin.connectors.gateway.didcomm.events import Arrival, Traced, activity_of, named, report_of
from tocsin.connectors.gateway.didcomm.message import read_message
from tocsin.schemas.codec import decode, encode

HASH = "did:peer:4zQm" + "a" * 44
OURS, PEER = "did:example:us", "did:example:peer"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER_PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
REPORT: dict[str, Any] = {
    "type": "https://didcomm.org/report-problem/2.0/problem-report", "id": "r-1", "pthid": "th-1", "from": PEER,
    "to": [OURS], "body": {"code": "e.p.xfer.cant-use-endpoint", "comment": "Cannot reach {1}.", "args": ["x"]},
}  # fmt: skip
ARIES: dict[str, Any] = {
    "@type": "https://didcomm.org/notification/1.0/problem-report", "@id": "r-1", "~thread": {"pthid": "th-1"},
    "description": {"en": "no", "code": "message-parse-failure"}, "where": "you - cloud",
}  # fmt: skip


def arrival(message: dict[str, Any], **changes: Any) -> Arrival:
    version: Any = changes.pop("version", 2)
    how = How(version=version, encrypted=True, authenticated=True, signed=False, algorithms=())
    unpacked = Unpacked(message=message, sender=PEER, recipient=OURS, how=how, sha256=changes.pop("sha256", "ab" * 32))
    known: dict[str, Any] = {
        "unpacked": unpacked,
        "message": read_message(message, version),
        "tenant": "acme",
        "own": OURS,
        "sender": PEER,
        "connection": None,
        "traced": Traced(request_id="req-1"),
    }
    return Arrival(**(known | changes))


def test_a_report_is_told_by_its_peer() -> None:
    connection = Connection(peer=PEER, connection="conn-7", trust="high")
    event = report_of(arrival(REPORT, connection=connection))
    problem, source = event.problem, event.problem.source
    assert (event.tenant, problem.code, problem.parent_thread_id) == ("acme", "e.p.xfer.cant-use-endpoint", "th-1")
    assert (source.sender, source.recipients, source.side) == (PEER, [OURS], "peer")
    assert (source.connection, source.trust) == ("conn-7", "high")
    assert (problem.request_id, problem.message_sha256) == ("req-1", "ab" * 32)
    assert problem.conformant, problem.violations
    assert decode(encode(event)) == event


def test_a_report_of_aries_says_by_its_where_at_whose_side_the_trouble_is() -> None:
    event = report_of(arrival(ARIES, version=1))
    source = event.problem.source
    assert event.problem.dialect == "aries-1.0"
    assert (source.sender, source.recipients, source.side) == (PEER, [OURS], "own")
    assert report_of(arrival(ARIES | {"where": "me - cloud"}, version=1)).problem.source.side == "peer"


def test_the_trace_of_the_request_counts_before_that_of_the_message() -> None:
    said = REPORT | {"trace": OTHER_PARENT}
    assert report_of(arrival(said)).traceparent == OTHER_PARENT
    assert report_of(arrival(said, traced=Traced(request_id="r", traceparent=PARENT))).traceparent == PARENT
    assert report_of(arrival(REPORT | {"trace": "https://collector.example"})).traceparent is None


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        pytest.param({"sha256": "cd" * 32}, True, id="encrypted anew"),
        pytest.param({"traced": Traced(request_id="another")}, True, id="by another request"),
        pytest.param({"connection": Connection(peer=PEER, connection="c")}, True, id="when its connection is known"),
        pytest.param({"sender": "did:example:mallory"}, False, id="of another sender"),
        pytest.param({"own": "did:example:also-us"}, False, id="to another of ours"),
        pytest.param({"tenant": "other"}, False, id="of another tenant"),
    ],
)
def test_which_messages_are_one_event(changes: dict[str, Any], same: bool) -> None:
    first, again = arrival(REPORT), arrival(REPORT, **changes)
    assert (report_of(first).event_id == report_of(again).event_id) is same
    assert (activity_of(first).event_id == activity_of(again).event_id) is same
    assert report_of(first).event_id != activity_of(first).event_id


def test_the_same_id_over_other_words_is_another_event() -> None:
    other = REPORT | {"body": {"code": "e.p.me"}}
    assert report_of(arrival(REPORT)).event_id != report_of(arrival(other)).event_id


def test_a_message_as_activity() -> None:
    chat = {
        "type": "https://didcomm.org/basicmessage/2.0/message",
        "id": "m-1",
        "thid": "th-1",
        "body": {"content": "x"},
    }
    event = activity_of(arrival(chat))
    assert (event.message_id, event.thread_id, event.digest) == ("m-1", "th-1", "ab" * 32)
    assert event.detail == {"request_id": "req-1", "sender": PEER, "recipient": OURS}
    assert decode(encode(event)) == event


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param(PEER, PEER, id="as it is"),
        pytest.param(HASH + ":z" + "x" * 4000, HASH, id="a document in a DID: its short form"),
        pytest.param("did:peer:2." + "x" * 4000, None, id="half a DID would be another one"),
    ],
)
def test_how_a_long_did_is_named(name: str, shown: str | None) -> None:
    assert named(name) == shown
    assert report_of(arrival(REPORT | {"from": name}, sender=name)).problem.source.sender in (shown, name)
