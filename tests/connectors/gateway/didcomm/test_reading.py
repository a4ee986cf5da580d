"""What is read of a message, what is found wrong with it, and what is said back: pure functions."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.didcomm.port import Fault, How, ResolutionFault, Unpackable, Unpacked, Unresolvable
from tocsin.connectors.gateway.didcomm.checks import scenario_against, scenario_of
from tocsin.connectors.gateway.didcomm.message import Kind, read_message
from tocsin.connectors.gateway.didcomm.outcomes import outcome_of
from tocsin.connectors.gateway.didcomm.replies import PROTOCOLS, disclosure, pong
from tocsin.connectors.gateway.didcomm.shape import Kind as ShapeKind
from tocsin.connectors.gateway.didcomm.shape import shape_of
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.mediation import load_table

NOW = 1_800_000_000
OURS, PEER = "did:example:us", "did:example:peer"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["type", "@type", "id", "@id", "thid", "~thread", "~timing", "~transport", "created_time", "expires_time", "to",
     "return_route", "trace", "~trace", "body", "query", "queries", "response_requested"]
)  # fmt: skip


def opened(message: dict[str, Any], **how: Any) -> Unpacked:
    proven: dict[str, Any] = {"version": 2, "encrypted": True, "authenticated": True, "signed": False} | how
    sender = PEER if proven["authenticated"] else None
    recipient = OURS if proven["encrypted"] else None
    proven["algorithms"] = ()
    return Unpacked(message=message, sender=sender, recipient=recipient, how=How(**proven), sha256="0")


@pytest.mark.parametrize(
    ("kind", "wants"),
    [
        pytest.param("https://didcomm.org/report-problem/2.0/problem-report", Kind.REPORT, id="a report of v2"),
        pytest.param("did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/notification/1.0/problem-report", Kind.REPORT, id="of HIPE"),
        pytest.param("https://didcomm.org/issue-credential/2.0/problem-report", Kind.REPORT, id="a protocol's own"),
        pytest.param("https://didcomm.org/connections/1.0/problem_report", Kind.REPORT, id="with an underscore"),
        pytest.param("https://didcomm.org/trust-ping/2.0/ping", Kind.PING, id="a ping"),
        pytest.param("https://didcomm.org/trust_ping/1.0/ping", Kind.PING, id="a ping of Aries"),
        pytest.param("https://didcomm.org/trust-ping/9.0/ping", Kind.OTHER_VERSION, id="a ping of an unknown version"),
        pytest.param("https://didcomm.org/trust-ping/2.0/ping-response", Kind.QUIET, id="the answer to a ping"),
        pytest.param("https://didcomm.org/discover-features/2.0/queries", Kind.QUERY, id="what can you do"),
        pytest.param("https://didcomm.org/discover-features/1.0/query", Kind.QUERY, id="what can you do, Aries"),
        pytest.param("https://didcomm.org/discover-features/2.0/disclose", Kind.QUIET, id="what a peer can do"),
        pytest.param("https://didcomm.org/notification/1.0/ack", Kind.QUIET, id="an ack"),
        pytest.param("https://didcomm.org/empty/1.0/empty", Kind.QUIET, id="the empty message"),
        pytest.param("https://didcomm.org/basicmessage/2.0/message", Kind.OTHER, id="chat"),
        pytest.param("https://didcomm.org/routing/2.0/forward", Kind.OTHER, id="a forward"),
        pytest.param("", Kind.OTHER, id="no type"),
        pytest.param("x" * 5000, Kind.OTHER, id="a type without end"),
    ],
)
def test_what_a_message_wants(kind: str, wants: Kind) -> None:
    assert read_message({"type": kind}, 2).kind is wants
    assert read_message({"@type": kind}, 1).kind is wants


def test_the_members_of_both_versions() -> None:
    two = read_message(
        {"type": "t", "id": "m", "thid": "th", "pthid": "p", "return_route": "all", "created_time": NOW,
         "expires_time": str(NOW + 1), "trace": PARENT, "to": [OURS, 7]},
        2,
    )  # fmt: skip
    one = read_message(
        {"@type": "t", "@id": "m", "~thread": {"thid": "th", "pthid": "p"}, "~transport": {"return_route": "all"},
         "~timing": {"out_time": "2027-01-15T08:00:00Z", "expires_time": "2027-01-15T08:00:01Z"}, "~trace": PARENT},
        1,
    )  # fmt: skip
    for message in (one, two):
        assert (message.id, message.thread_id, message.parent_thread_id, message.return_route) == (
            "m",
            "th",
            "p",
            "all",
        )
        assert (message.created_at, message.expires_at) == (NOW * 10**6, (NOW + 1) * 10**6)
        assert message.traceparent == PARENT
    assert two.to == (OURS,)


@pytest.mark.parametrize(
    ("message", "how", "scenario"),
    [
        pytest.param({}, {}, None, id="all is well"),
        pytest.param({}, {"authenticated": False}, "D7", id="nothing proves who sent it"),
        pytest.param({"expires_time": NOW - 301}, {}, "D5", id="expired beyond what clocks differ by"),
        pytest.param({"expires_time": NOW - 299}, {}, None, id="expired within what clocks differ by"),
        pytest.param({"expires_time": "soon"}, {}, None, id="an expiry that is none"),
        pytest.param({"created_time": NOW + 301}, {}, "D6", id="of the future"),
        pytest.param({"created_time": NOW + 299}, {}, None, id="of a clock that runs ahead a little"),
        pytest.param({"created_time": NOW - 10**6}, {}, None, id="old, but it does not say that it expires"),
    ],
)
def test_what_is_found_wrong_with_a_message_that_opened(
    message: dict[str, Any], how: dict[str, Any], scenario: str | None
) -> None:
    said = read_message({"type": "t"} | message, 2)
    assert scenario_against(opened(message, **how), said, NOW * 10**6) == scenario


@pytest.mark.parametrize("fault", Fault)
def test_each_fault_has_a_scenario_of_the_table(fault: Fault) -> None:
    assert scenario_of(Unpackable(fault)) in load_table("tocsin-didcomm").scenarios
    assert outcome_of(Unpackable(fault))


@pytest.mark.parametrize("fault", ResolutionFault)
def test_each_fault_of_a_did_has_a_scenario_of_the_table(fault: ResolutionFault) -> None:
    assert scenario_of(Unresolvable("did:x:y", fault)) in load_table("tocsin-didcomm").scenarios


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        pytest.param(b'{"protected": "e30", "ciphertext": "x"}', ShapeKind.ENCRYPTED, id="encrypted"),
        pytest.param(b'{"payload": "e30", "signatures": []}', ShapeKind.SIGNED, id="signed"),
        pytest.param(b'{"type": "https://didcomm.org/x/1.0/y"}', ShapeKind.PLAINTEXT, id="plaintext"),
        pytest.param(b'{"@type": "https://didcomm.org/x/1.0/y"}', ShapeKind.PLAINTEXT, id="plaintext of Aries"),
        pytest.param(b"{}", "not-an-envelope", id="an object of nothing"),
        pytest.param(b"[]", "not-an-envelope", id="a list"),
        pytest.param(b"", "malformed", id="nothing"),
        pytest.param(b"\xff", "malformed", id="not UTF-8"),
        pytest.param(b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", "malformed", id="nested deep"),
        pytest.param(
            json.dumps({"protected": "e30", "ciphertext": "x", "recipients": [{}] * 101}).encode(),
            "too-many-recipients",
            id="for a hundred and one",
        ),
    ],
)
def test_what_is_seen_before_any_key_is_looked_for(content: bytes, answer: str) -> None:
    if isinstance(answer, ShapeKind):
        assert shape_of(content).kind is answer
    else:
        with pytest.raises(Refusal) as refused:
            shape_of(content)
        assert refused.value.kind.name == answer


def test_a_ping_is_answered_on_its_thread_and_one_that_wants_no_answer_is_not() -> None:
    two = {"type": "https://didcomm.org/trust-ping/2.0/ping", "id": "m", "body": {}}
    found = pong(two, 2, "m")
    assert found is not None
    assert (found["type"], found["thid"]) == ("https://didcomm.org/trust-ping/2.0/ping-response", "m")
    one = {"@type": "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/trust_ping/1.0/ping", "@id": "m"}
    found = pong(one, 1, "m")
    assert found is not None
    assert found["@type"] == "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/trust_ping/1.0/ping_response"
    assert found["~thread"] == {"thid": "m"}
    assert pong(two | {"body": {"response_requested": False}}, 2, "m") is None
    assert pong(one | {"response_requested": False}, 1, "m") is None


QUERIES = "https://didcomm.org/discover-features/2.0/queries"


@pytest.mark.parametrize(
    ("match", "disclosed"),
    [
        pytest.param("*", list(PROTOCOLS), id="everything"),
        pytest.param("https://didcomm.org/report-problem/2.0", ["https://didcomm.org/report-problem/2.0"], id="one"),
        pytest.param("https://didcomm.org/trust-ping/*", ["https://didcomm.org/trust-ping/2.0"], id="of any version"),
        pytest.param("https://didcomm.org/tictactoe/*", [], id="a game"),
        pytest.param("https://didcomm.org/report-problem/?.0", [], id="a question mark is no pattern"),
        pytest.param("****************************", [], id="a pattern that is costly elsewhere"),
        pytest.param(7, [], id="a number"),
    ],
)
def test_what_is_disclosed(match: object, disclosed: list[str]) -> None:
    ask = {"type": QUERIES, "id": "m", "body": {"queries": [{"feature-type": "protocol", "match": match}]}}
    found = disclosure(ask, 2, "m")
    assert found["type"] == "https://didcomm.org/discover-features/2.0/disclose"
    assert [each["id"] for each in found["body"]["disclosures"]] == disclosed


def test_goal_codes_are_not_disclosed_and_aries_is_answered_in_its_own_form() -> None:
    ask = {"type": QUERIES, "id": "m", "body": {"queries": [{"feature-type": "goal-code", "match": "*"}]}}
    assert disclosure(ask, 2, "m")["body"]["disclosures"] == []
    old = disclosure({"@type": "https://didcomm.org/discover-features/1.0/query", "query": "*"}, 1, "m")
    assert [each["pid"] for each in old["protocols"]] == list(PROTOCOLS)
    new = {"@type": QUERIES, "queries": [{"feature-type": "protocol", "match": "*"}]}
    assert disclosure(new, 1, "m")["@type"].endswith("/disclosures")


@given(st.dictionaries(NAMES | st.text(), ANY, max_size=8), st.sampled_from([1, 2]))
def test_reading_and_answering_take_whatever_a_peer_writes(message: dict[str, Any], version: Any) -> None:
    said = read_message(message, version)
    assert said.kind in Kind
    scenario_against(opened(message), said, NOW * 10**6)
    pong(message, version, said.id)
    assert len(json.dumps(disclosure(message, version, said.id))) < 20_000


@given(st.binary(max_size=200) | ANY.map(lambda value: json.dumps(value).encode()))
def test_the_shape_of_whatever_comes_is_a_shape_or_a_refusal(content: bytes) -> None:
    with suppress(Refusal):  # any other exception fails the test
        assert shape_of(content).kind in ShapeKind
