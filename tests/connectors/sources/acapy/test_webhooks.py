"""What ACA-Py's webhooks mean: those of a real one as recorded, and what each topic and each failure becomes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connectors.sources.acapy.recorded import NOW, RECORDED, SHOWN, SILENT, events_of, heard
from tests.connectors.sources.acapy.table import PAGE, between, table
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.sources.acapy.topics import MESSAGES, RECORDS, TOPICS
from tocsin.schemas.events import ActivityKind, ActivityObserved, ProblemReported
from tocsin.schemas.problem import CLAIMED
from tocsin.streams.rules.stages.same_event import digest_of

AT = "2026-11-30T12:00:01.500000Z"
MICROS = 1_796_040_001_500_000
EXCHANGE: dict[str, Any] = {
    "cred_ex_id": "x-1", "thread_id": "t-1", "parent_thread_id": "p-1", "connection_id": "c-1", "role": "issuer",
    "state": "abandoned", "updated_at": AT, "by_format": {"cred_issue": {"ssn": "zebra"}},
}  # fmt: skip


def only_problem(topic: str, body: dict[str, Any], **more: Any) -> ProblemReported:
    """The problem of a webhook, which is its last event."""
    (*_, last) = heard(topic, body, **more).events
    assert isinstance(last, ProblemReported)
    return last


def test_the_page_shows_the_table_that_is_read_by() -> None:
    assert between(PAGE.read_text("utf-8")) == table(), "make documents"


def test_at_least_thirty_errors_were_recorded() -> None:
    assert len({one.error for one in SHOWN} | {*SILENT}) >= 30
    assert len(SHOWN) >= 30


def test_each_recorded_webhook_is_understood() -> None:
    for agent, webhooks in RECORDED["webhooks"].items():
        for one in webhooks:
            found = heard(one["topic"], one["body"])
            assert found.what == one["topic"], (agent, one)
            assert (found.events, found.ignored) != ((), ()), (agent, one)
            assert found.ignored == (), (agent, one)


def test_just_those_in_which_an_error_shows_are_problems() -> None:
    """A record tells of its failure again when it changes once more: of the same thread, then."""
    errors = {(one.agent, one.number) for one in SHOWN}
    again = {thread for one in SHOWN for thread in one.threads}
    for agent, webhooks in RECORDED["webhooks"].items():
        for number in range(len(webhooks)):
            problems = [each for each in events_of(agent, number) if isinstance(each, ProblemReported)]
            if (agent, number) in errors:
                assert len(problems) == 1, webhooks[number]
            for each in problems:
                known = {each.problem.thread_id, each.problem.parent_thread_id} & again
                assert (agent, number) in errors or known, webhooks[number]


@pytest.mark.parametrize("one", SHOWN, ids=[f"{one.error}, {one.agent}" for one in SHOWN])
def test_an_error_has_its_connection_and_thread_where_its_webhook_says_them(one: Any) -> None:
    (*_, event) = events_of(one.agent, one.number)
    assert isinstance(event, ProblemReported)
    problem = event.problem
    named = {problem.thread_id, problem.parent_thread_id}
    if RECORDED["webhooks"][one.agent][one.number]["topic"] == "problem_report":
        assert problem.source.trust == CLAIMED
    elif one.connection is not None:
        assert problem.source.connection == one.connection
        assert problem.source.record_id
    if one.threads and problem.source.record_type != "mediation":
        assert named & {*one.threads}


# topic, members besides those of EXCHANGE -> code, text, side
FAILURES: dict[str, tuple[str, dict[str, Any], tuple[str, str | None, str | None]]] = {
    "given up by us": (
        "issue_credential_v2_0",
        {"error_msg": "created problem report: no: more"},
        ("issuance-abandoned", "no: more", None),
    ),
    "given up by the peer": (
        "issue_credential_v2_0",
        {"error_msg": "e.p.xfer: no: more"},
        ("e.p.xfer", "no: more", "peer"),
    ),
    "a fault of ours": (
        "issue_credential_v2_0",
        {"error_msg": "No such: credential"},
        ("issuance-abandoned", "No such: credential", None),
    ),
    "a fault of ours without a colon": (
        "issue_credential_v2_0",
        {"error_msg": "No such credential"},
        ("issuance-abandoned", "No such credential", "own"),
    ),
    "a peer whose code is a sentence": (
        "present_proof_v2_0",
        {"pres_ex_id": "x-1", "error_msg": "The wallet is broken: forged"},
        ("abandoned", "The wallet is broken: forged", None),
    ),
    "a peer whose code is long": (
        "present_proof_v2_0",
        {"pres_ex_id": "x-1", "error_msg": f"{'c' * 2000}: forged"},
        ("abandoned", f"{'c' * 2000}: forged", None),
    ),
    "an error in a state that is none": (
        "present_proof_v2_0",
        {"pres_ex_id": "x-1", "state": "done", "error_msg": "abandoned: no"},
        ("abandoned", "no", "peer"),
    ),
    "without a text": ("present_proof_v2_0", {"pres_ex_id": "x-1"}, ("abandoned", None, None)),
    "a connection": (
        "connections",
        {"state": "error", "error_msg": "request_not_accepted: no"},
        ("connection-abandoned", "request_not_accepted: no", None),
    ),
    "mediation that we asked for": (
        "mediation",
        {"mediation_id": "x-1", "state": "denied", "role": "client"},
        ("mediation-denied", None, "peer"),
    ),
    "mediation that was asked of us": (
        "mediation",
        {"mediation_id": "x-1", "state": "denied", "role": "server"},
        ("mediation-denied", None, "own"),
    ),
    "a reuse": (
        "out_of_band",
        {"oob_id": "x-1", "state": "reuse-not-accepted", "role": "receiver"},
        ("reuse-not-accepted", None, "peer"),
    ),
    "a reuse, by its own topic": (
        "connection_reuse_accepted",
        {"state": "rejected"},
        ("reuse-not-accepted", None, None),
    ),
    "a transaction": (
        "endorse_transaction",
        {"transaction_id": "x-1", "state": "transaction_refused"},
        ("transaction-refused", None, None),
    ),
    "a registry": (
        "revocation_registry",
        {"record_id": "x-1", "state": "full", "error_msg": "ledger: away"},
        ("record-failed", "ledger: away", "own"),
    ),
    "a message to pass on": (
        "forward",
        {"status": "undeliverable", "state": None},
        ("forward-undeliverable", None, None),
    ),
}


@pytest.mark.parametrize(("topic", "members", "failure"), FAILURES.values(), ids=list(FAILURES))
def test_failures(topic: str, members: dict[str, Any], failure: tuple[str, str | None, str | None]) -> None:
    event = only_problem(topic, EXCHANGE | members)
    problem = event.problem
    assert (problem.code, problem.text, problem.source.side) == failure
    assert (problem.source.connection, problem.severity, problem.source.service) == ("c-1", "error", "acapy")
    assert (event.occurred_at, event.tenant) == (MICROS, "acme")


@pytest.mark.parametrize("topic", RECORDS)
def test_a_record_in_a_good_state_is_a_change_and_no_more(topic: str) -> None:
    ids = dict.fromkeys(RECORDS[topic].ids, "x-1")
    (event,) = heard(topic, EXCHANGE | ids | {"state": "active", "connection_id": "x-1"}).events
    assert isinstance(event, ActivityObserved)
    opened = topic == "connections"
    assert event.kind is (ActivityKind.CONNECTION_OPENED if opened else ActivityKind.RECORD_CHANGED)
    assert (event.record_id, event.occurred_at) == ("x-1", MICROS)


@pytest.mark.parametrize("topic", MESSAGES)
def test_a_message_is_activity_without_what_it_says(topic: str) -> None:
    (event,) = heard(topic, {"connection_id": "c-1", "thread_id": "t-1", "content": "zebra"}).events
    assert isinstance(event, ActivityObserved)
    assert (event.kind, event.connection, event.thread_id) == (ActivityKind.MESSAGE_RECEIVED, "c-1", "t-1")
    assert (event.message_type or "").startswith("https://didcomm.org/")
    assert "zebra" not in repr(event)


def test_of_a_record_nothing_but_ids_states_and_the_error_is_kept() -> None:
    assert "zebra" not in repr(heard("issue_credential_v2_0", EXCHANGE).events)


def test_the_same_bytes_are_the_same_events_and_other_bytes_are_not() -> None:
    ids = [event.event_id for event in heard("issue_credential_v2_0", EXCHANGE).events]
    later = heard("issue_credential_v2_0", EXCHANGE, now=NOW + 5).events
    assert ids == [event.event_id for event in later]
    other = heard("issue_credential_v2_0", EXCHANGE | {"updated_at": "2026-11-30T12:00:02Z"}).events
    assert not {*ids} & {event.event_id for event in other}
    assert len({*ids}) == 2


# topic, body
RESENT: dict[str, tuple[str, dict[str, Any]]] = {
    "what could not be passed on": ("forward", {"connection_id": "c-1", "status": "undeliverable"}),
    "a reuse": ("connection_reuse_accepted", {"connection_id": "c-1", "state": "rejected"}),
    "a record that says no time": ("issue_credential_v2_0", EXCHANGE | {"updated_at": None}),
    "a record whose time is none": ("issue_credential_v2_0", EXCHANGE | {"updated_at": "soon"}),
    "a record whose time is ahead": ("issue_credential_v2_0", EXCHANGE | {"updated_at": "2030-03-17T17:52:00Z"}),
    "a record": ("issue_credential_v2_0", EXCHANGE),
    "a report": ("problem_report", {"@type": "https://didcomm.org/notification/1.0/problem-report",
                                    "description": {"code": "x"}}),
}  # fmt: skip


@pytest.mark.parametrize(("topic", "body"), RESENT.values(), ids=list(RESENT))
def test_what_is_told_does_not_depend_on_when_it_comes(topic: str, body: dict[str, Any]) -> None:
    told = [only_problem(topic, body, now=NOW + later) for later in (0, 61_000_000)]
    assert told[0].event_id == told[1].event_id
    assert digest_of(told[0]) == digest_of(told[1]), "or the rules would take it for another report of the same id"


def test_two_that_could_not_be_passed_on_are_two_where_their_bytes_are() -> None:
    body = {"connection_id": "c-1", "status": "undeliverable"}
    assert only_problem("forward", body).event_id != only_problem("forward", body | {"message_id": "m-2"}).event_id


# topic, body -> why nothing became of it
NOTHING: dict[str, tuple[str, Any, str]] = {
    "a topic that nobody knows": ("weather", {"state": "abandoned"}, "not known"),
    "no topic at all": ("", {}, "not known"),
    "a record without an id": ("connections", {"state": "error"}, "without a usable id"),
    "a message without an id": ("ping", {"comment": "x"}, "without a usable id"),
    "nothing": ("connections", None, "without a usable id"),
    "a report that is none": (
        "problem_report",
        {"@type": "https://didcomm.org/basicmessage/1.0/message"},
        "another type",
    ),
    "a report that cannot be read": ("problem_report", {"description": {"code": "x" * 5000}}, "too_long"),
}


@pytest.mark.parametrize(("topic", "body", "why"), NOTHING.values(), ids=list(NOTHING))
def test_what_becomes_nothing_says_why(topic: str, body: Any, why: str) -> None:
    found = heard(topic, body)
    assert found.events == ()
    assert why in found.ignored[0]
    assert found.what == (topic if topic in TOPICS else "other")


ODD = {"thread_id": ["t"], "parent_thread_id": "x" * 256, "state": 7, "updated_at": "soon", "error_msg": "no\u0000 e"}


def test_what_cannot_be_used_is_left_out_and_said() -> None:
    found = heard("issue_credential_v2_0", EXCHANGE | ODD)
    change, problem = found.events
    assert isinstance(change, ActivityObserved)
    assert isinstance(problem, ProblemReported)
    assert (change.thread_id, change.parent_thread_id, change.record_state, change.occurred_at) == (
        None,
        None,
        None,
        NOW,
    )
    assert found.ignored == ("not usable: thread_id, parent_thread_id, state",)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"a": 1, "a": 2}', b"[" * 100])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        heard("connections", body)


def test_a_time_that_is_ahead_is_not_believed() -> None:
    (*_, event) = heard("issue_credential_v2_0", EXCHANGE | {"updated_at": "2100-01-01T00:00:00Z"}).events
    assert event.occurred_at == NOW


def test_whose_wallet_it_is() -> None:
    known: dict[str, Any] = {"headers": {"x-wallet-id": "w-1"}, "wallets": {"w-1": "globex"}}
    event = only_problem("issue_credential_v2_0", EXCHANGE, **known)
    assert (event.tenant, event.problem.source.wallet) == ("globex", "w-1")
    assert heard("issue_credential_v2_0", EXCHANGE, **known).tenant == "globex"
    unknown = only_problem("issue_credential_v2_0", EXCHANGE, headers={"x-wallet-id": "w-1"})
    assert (unknown.tenant, unknown.problem.source.wallet) == ("acme", "w-1")
