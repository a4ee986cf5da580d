"""What is learned of a DIDComm peer, from whom, and that a wrong word of a stranger changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.routed_reports import NOW, a_book, a_problem
from tocsin.schemas.events import ActivityKind, ActivityObserved, DeliveryRequested, ProblemReported
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.config import DecideConfig, Endpoint, Recipient, Route, RuleBook
from tocsin.streams.rules.context.parties import MAX_DID, did_of, parties_in
from tocsin.streams.rules.decision import Emit
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.replay import MemoryRows, Replay
from tocsin.streams.rules.state import ReaderRow
from tocsin.streams.rules.values import DAY, SECOND

THEM, US = "did:peer:2.them", "did:peer:2.us"
GENERIC = "https://didcomm.org/notification/1.0/problem-report"


def book(**recipient: Any) -> RuleBook:
    agent = Endpoint(name="agent", sink="memory", audience="peer", body="auto", recipient=Recipient(**recipient))
    route = Route(name="all", match=Match(), endpoints=("owner", "agent"))
    plain = a_book(route)
    return a_book(route, endpoints={**plain.endpoints, "agent": agent}, limits=plain.limits)


class Bus(Replay):
    """Reports and activity of one tenant, a second apart."""

    def __init__(self, rules: RuleBook | None = None) -> None:
        super().__init__(DecideConfig(book=rules or book()), MemoryRows(), NOW)

    def connected(self, connection: str = "c", trust: str | None = "high", **detail: str) -> None:
        self._hear(
            ActivityObserved(
                **self._common(), kind=ActivityKind.CONNECTION_OPENED, connection=connection, trust=trust, detail=detail
            )
        )

    def report(self, problem: Problem) -> list[DeliveryRequested]:
        """What agents are told because of it."""
        decided = self._hear(ProblemReported(**self._common(), problem=problem))
        emitted = [one.event for one in decided if isinstance(one, Emit)]
        return [one for one in emitted if isinstance(one, DeliveryRequested) and one.endpoint == "agent"]

    def readers(self) -> dict[str, ReaderRow]:
        found = {key: row for key, row in self.rows.rows.items() if isinstance(row, ReaderRow)}
        return {key.removeprefix("reader/acme/"): row for key, row in found.items()}

    def _hear(self, event: Any) -> list[Any]:
        return [decision for one in self.hear(event, event.occurred_at) for decision in one.decisions]

    def _common(self) -> dict[str, Any]:
        at = self.now + SECOND
        return {"event_id": f"e{at}", "tenant": "acme", "occurred_at": at, "recorded_at": at}


def theirs(code: str = "what", **members: Any) -> Problem:
    source = {"connection": "c"} | members.pop("source", {})
    known = {"dialect": "aries-1.0", "message_type": GENERIC, "message_id": f"m-{code}", "thread_id": "t-theirs"}
    return a_problem(code, source=source, **{**known, **members})


# a report of a peer, once its connection is known with its DID -> what is then known of whom
HEARD: dict[str, tuple[Problem, dict[str, tuple[int, str, str]]]] = {
    "of v1": (theirs(), {THEM: (1, "notification/1.0", "")}),
    "of its protocol": (
        theirs(message_type="https://didcomm.org/issue-credential/2.0/problem-report"), {THEM: (1, "", "")},
    ),
    "of v2": (theirs(dialect="didcomm-2.0", message_type=None), {THEM: (2, "", "")}),
    "that asks for a language": (
        theirs(dialect="didcomm-2.0", message_type=None, extensions={"accept-lang": '["fr_CH", "de"]'}),
        {THEM: (2, "", "fr-CH")},
    ),
    "with a locale": (theirs(extensions={"~l10n": '{"locale": "es"}'}), {THEM: (1, "notification/1.0", "es")}),
    "with a locale that is none": (
        theirs(extensions={"~l10n": '{"locale": "<script>"}', "accept-lang": "[[7]]"}),
        {THEM: (1, "notification/1.0", "")},
    ),
    "with another key of it": (theirs(source={"sender": f"{THEM}#key-1"}), {THEM: (1, "notification/1.0", "")}),
    "by somebody else": (theirs(source={"sender": "did:peer:2.mallory"}), {}),
    "of our own": (theirs(source={"side": "own"}), {}),
    "of no trust": (theirs(source={"trust": "low"}), {}),
    "over another connection, which nobody knows": (theirs(source={"connection": "d"}), {}),
    "our own JSON": (theirs(dialect="canonical"), {}),
}  # fmt: skip


@pytest.mark.parametrize(("problem", "known"), HEARD.values(), ids=list(HEARD))
def test_what_is_heard(problem: Problem, known: dict[str, tuple[int, str, str]]) -> None:
    bus = Bus()
    bus.connected(their_did=THEM)
    bus.report(problem)
    assert {who: (row.version, row.family, row.language) for who, row in bus.readers().items()} == known


def test_a_peer_without_a_did_is_known_by_its_connection() -> None:
    bus = Bus()
    bus.connected()
    bus.report(theirs())
    assert list(bus.readers()) == ["c"]


def test_nothing_is_learned_while_no_endpoint_tells_by_didcomm() -> None:
    bus = Bus(a_book(Route(name="all", match=Match(), endpoints=("owner", "peer"))))
    bus.connected(their_did=THEM)
    bus.report(theirs())
    assert bus.readers() == {}


def test_it_is_forgotten_when_nothing_is_heard_of_it_and_kept_while_something_is() -> None:
    bus = Bus()
    bus.connected(their_did=THEM)
    bus.report(theirs())
    bus.wait(bus.now + 5 * DAY)
    bus.report(theirs("again", thread_id="t-9"))
    bus.wait(bus.now + 5 * DAY)
    assert list(bus.readers()) == [THEM]
    bus.wait(bus.now + 15 * DAY)
    assert bus.readers() == {}


@pytest.mark.parametrize("names", ["thread", "parent", "ack"])
def test_an_answer_is_known_by_whatever_it_names(names: str) -> None:
    bus = Bus()
    bus.connected(their_did=THEM)
    (told,) = bus.report(a_problem("e.p.xfer", thread_id="t-1", source={"connection": "c"}))
    sent = told.about
    by_name: dict[str, dict[str, Any]] = {
        "thread": {"thread_id": sent},
        "parent": {"thread_id": "t-new", "parent_thread_id": sent},
        "ack": {"thread_id": "t-new", "ack": [sent]},
    }
    bus.report(theirs(source={"connection": None}, **by_name[names]))
    assert bus.report(a_problem("e.p.msg", thread_id="t-1", source={"connection": "c"})) == []
    assert len(bus.report(a_problem("e.p.msg", thread_id="t-2", source={"connection": "c"}))) == 1


@pytest.mark.parametrize(("ours", "sent"), [(None, "e1800000002000000"), ("m-ours", "m-ours")])
def test_the_same_report_is_told_in_the_same_bytes_under_an_id_of_our_own(ours: str | None, sent: str) -> None:
    requests = []
    for _ in range(2):
        bus = Bus()
        bus.connected(their_did=THEM, my_did=US)
        (told,) = bus.report(a_problem("e.p.xfer", thread_id="t-1", message_id=ours, source={"connection": "c"}))
        requests.append(told)
    assert requests[0] == requests[1]
    assert (requests[0].peer, requests[0].own, requests[0].connection) == (THEM, US, "c")
    assert f'"id":"{sent}"'.encode() in requests[0].body


# how the other side of a connection becomes known -> who is told
SIDES: dict[str, tuple[dict[str, str], dict[str, Any], tuple[str | None, str | None] | None]] = {
    "by activity": ({"their_did": THEM, "my_did": US}, {}, (THEM, US)),
    "by activity, whatever the report says": ({"their_did": THEM}, {"sender": "did:x:1"}, (THEM, None)),
    "by the report": ({}, {"sender": THEM, "recipients": [US]}, (THEM, US)),
    "by the report, to several": ({}, {"sender": THEM, "recipients": [US, "did:x:1"]}, (THEM, None)),
    "by a key": (
        {"their_did": "GJ1SzoWzavQYfNL9XkaJdrQejfztN4XqdsiV4ct3LXKL"},
        {},
        ("GJ1SzoWzavQYfNL9XkaJdrQejfztN4XqdsiV4ct3LXKL", None),
    ),
    "by what is no DID": ({"their_did": "http://them.example"}, {}, None),
    "not at all": ({}, {}, None),
}


@pytest.mark.parametrize(("detail", "source", "sides"), SIDES.values(), ids=list(SIDES))
def test_who_is_told(detail: dict[str, str], source: dict[str, Any], sides: Any) -> None:
    bus = Bus()
    bus.connected(**detail)
    told = bus.report(a_problem("e.p.xfer", thread_id="t-1", source={"connection": "c", **source}))
    assert [(one.peer, one.own) for one in told] == ([] if sides is None else [sides])


@given(st.text(max_size=60) | st.text("did:peer2.#?/ \n\ud800", max_size=60).map(lambda rest: f"did:{rest}"))
def test_what_is_taken_for_a_did_is_one_word_without_a_path(said: str) -> None:
    found = did_of(said)
    if found is not None:
        assert found == did_of(found)
        assert found.isascii()
        assert not set(found) & set(" \n\t#?/")


# what activity of connection c says -> its two sides
SAID: dict[str, tuple[ActivityKind, dict[str, str], tuple[str | None, str | None]]] = {
    "a connection": (ActivityKind.CONNECTION_OPENED, {"their_did": THEM, "my_did": US}, (THEM, US)),
    "a record": (ActivityKind.RECORD_CHANGED, {"their_did": THEM}, (THEM, None)),
    "a message that came": (ActivityKind.MESSAGE_RECEIVED, {"sender": THEM, "recipient": f"{US}#key-1"}, (THEM, US)),
    "a message that went": (ActivityKind.MESSAGE_SENT, {"sender": US, "recipient": THEM}, (THEM, US)),
    "a record's sender is nobody": (ActivityKind.RECORD_CHANGED, {"sender": THEM}, (None, None)),
    "what is no DID": (ActivityKind.CONNECTION_OPENED, {"their_did": "alice", "my_did": ""}, (None, None)),
    "nothing": (ActivityKind.CONNECTION_OPENED, {}, (None, None)),
}


@pytest.mark.parametrize(("kind", "detail", "sides"), SAID.values(), ids=list(SAID))
def test_the_sides_that_an_activity_says(
    kind: ActivityKind, detail: dict[str, str], sides: tuple[str | None, str | None]
) -> None:
    common: dict[str, Any] = {"event_id": "a", "tenant": "acme", "occurred_at": NOW, "recorded_at": NOW}
    activity = ActivityObserved(**common, kind=kind, connection="c", detail=detail)
    assert parties_in(activity) == sides
    bus = Bus()
    for one in (activity, activity):
        bus.hear(one, NOW)
    row = bus.rows.rows.get("connection/acme/c")
    assert ((None, None) if row is None else (row.theirs, row.own)) == sides


# who reports of connection c, one after another, and what activity says of it -> whom a later problem is told
LEARNED: dict[str, tuple[list[dict[str, Any]], dict[str, str], str | None]] = {
    "one": ([{"sender": THEM, "recipients": [US]}], {}, THEM),
    "another after it": ([{"sender": THEM}, {"sender": "did:x:2"}], {}, "did:x:2"),
    "one, and then activity says it": ([{"sender": "did:x:2"}], {"their_did": THEM}, THEM),
    "one of no trust": ([{"sender": THEM, "trust": "low"}], {}, None),
    "one that does not say the connection": ([{"sender": THEM, "connection": None}], {}, None),
    "one that says no sender": ([{}], {}, None),
}


@pytest.mark.parametrize(("sources", "detail", "told"), LEARNED.values(), ids=list(LEARNED))
def test_the_sides_of_a_connection_are_those_of_its_reports_while_activity_says_nothing(
    sources: list[dict[str, Any]], detail: dict[str, str], told: str | None
) -> None:
    bus = Bus()
    bus.connected()
    for number, source in enumerate(sources):
        bus.report(theirs(f"code-{number}", thread_id=f"t-{number}", source=source))
    if detail:
        bus.connected(**detail)
        bus.report(theirs("late", thread_id="t-late", source={"sender": "did:x:3"}))
    requests = bus.report(a_problem("e.p.xfer", thread_id="t-9", source={"connection": "c"}))
    assert [one.peer for one in requests] == ([] if told is None else [told])


def test_a_did_that_is_too_long_is_none() -> None:
    longest = "did:x:" + "a" * (MAX_DID - 6)
    assert did_of(longest) == longest
    assert did_of(longest + "a") is None
