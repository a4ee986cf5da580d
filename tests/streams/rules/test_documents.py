"""Problems as documents of dialects: strict, bounded, and for a peer without what is secret."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from tests.harness.problem_strategies import problems
from tests.harness.routed_reports import a_problem
from tocsin.connectors.dialects import DIALECTS
from tocsin.connectors.dialects.table import FREE_TEXT
from tocsin.schemas.problem import Http, Item, Problem
from tocsin.streams.rules.documents import MAX_DOCUMENT, can_say, document_of, for_peer, media_type_of


@pytest.mark.parametrize("dialect", DIALECTS)
@given(problem=problems)
def test_every_problem_is_a_bounded_document_or_none(dialect: str, problem: Problem) -> None:
    document = document_of(problem, dialect)
    assert can_say(problem, dialect) == (document is not None)
    if document is not None:
        assert len(document) <= MAX_DOCUMENT
        assert document == document_of(problem, dialect), "the same bytes again"
        json.loads(document)


@pytest.mark.parametrize("dialect", ["canonical", "didcomm-2.0", "aries-1.0", "rfc9457"])
def test_of_a_large_problem_what_identifies_it_is_said(dialect: str) -> None:
    large = a_problem(thread_id="t", text="x" * 10**6, items=[Item(value="y" * 10**5)])
    document = document_of(large, dialect)
    assert document is not None
    assert len(document) < 4096
    assert document_of(large, dialect, limit=10) is None


CANARY = "hunter2"
SECRET = a_problem(
    thread_id="t", text_template="no route to {1}", args=[CANARY], text=f"no route to {CANARY}",
    items=[Item(key=CANARY, value=CANARY)], localized={"de": CANARY}, fix_hint={"en": CANARY},
    extensions={"trace": f'"{CANARY}"'}, where_place=CANARY, request_id=CANARY, tracking_uri=f"https://{CANARY}.example",
    http=Http(title=CANARY, detail=CANARY, status=500), source={"service": CANARY, "wallet": CANARY},
)  # fmt: skip


@pytest.mark.parametrize("trust", [None, "low", "medium", "verified"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_peer_is_told_no_secret_unless_its_trust_is_high(dialect: str, trust: str | None) -> None:
    document = document_of(for_peer(SECRET, trust), dialect)
    if document is not None:
        assert CANARY.encode() not in document


ARIES = a_problem(
    dialect="aries-1.0", code="cant-find-route", message_id="m-1", thread_id="t-1", parent_thread_id="p-1",
    text="no route to hunter2", localized={"en": "no route to hunter2", "de": "kein Weg zu hunter2"}, args=["hunter2"],
    items=[Item(key="recipient", value="hunter2")], fix_hint={"de": "hunter2 neu verbinden"}, where_party="me",
    where_place="mediator of hunter2", noticed_at=1_558_968_300_000_000, time_source="noticed_time",
    extensions={"~thread.sender_order": "3", "~thread.received_orders": '{"did:x": 1}', "internal": '"db-7"'},
)  # fmt: skip


def test_what_a_peer_is_told_is_whole_but_for_what_is_secret() -> None:
    told = json.loads(document_of(for_peer(ARIES, "medium"), "aries-1.0", "urn:uuid:e-1") or b"")
    assert {name: told.get(name) for name in ("@id", "~thread", "description", "problem_items", "fix_hint")} == {
        "@id": "m-1",
        "~thread": {"thid": "t-1", "pthid": "p-1", "sender_order": 3, "received_orders": {"did:x": 1}},
        "description": {"en": "no route to ?", "de": "kein Weg zu ?", "code": "cant-find-route"},
        "problem_items": [{"recipient": "?"}],
        "fix_hint": {"de": "? neu verbinden"},
    }
    assert (told["where"], told["noticed_time"][:10]) == ("me - mediator of ?", "2019-05-27")


def test_a_message_of_didcomm_v2_has_an_id_a_language_and_a_time() -> None:
    problem = a_problem(
        parent_thread_id="p", text_template="no route to {1}", args=["bob"], text="no route to bob",
        localized={"en": "no route to bob"}, noticed_at=1_558_968_300_000_000, time_source="created_time",
    )  # fmt: skip
    told = json.loads(document_of(for_peer(problem, "medium"), "didcomm-2.0", "urn:uuid:e-1") or b"")
    assert (told["id"], told["pthid"], told["lang"], told["created_time"]) == ("e-1", "p", "en", 1_558_968_300)
    assert told["body"] == {"code": problem.code, "comment": "no route to {1}", "args": ["?"]}


@pytest.mark.parametrize(
    ("args", "text", "expected"),
    [
        (["bob"], "bob and bobby", "? and bobby"),
        (["hunter2"], "xhunter2x", "x?x"),
        (["a", "a b"], "a b a", "? ?"),
        (["secret"], "secret", "?"),
    ],
    ids=["a short one is a word", "a long one anywhere", "the longest first", "arguments without a comment"],
)
def test_values_of_arguments_are_hidden_wherever_they_stand(args: list[str], text: str, expected: str) -> None:
    problem = a_problem(args=args, text=text, fix_hint={"en": text})
    found = for_peer(problem, "medium")
    assert (found.text, found.fix_hint) == (expected, {"en": expected})


# what came, and the text that is told in its place
FREE: dict[str, tuple[Problem, str | None]] = {
    "the detail of RFC 9457": (
        a_problem(dialect="rfc9457", text="db-7", http=Http(title="No", detail="db-7", status=500)), "No",
    ),
    "RFC 9457 without a title": (a_problem(dialect="rfc9457", text="db-7", http=Http(detail="db-7", status=500)), None),
    "its title": (a_problem(dialect="rfc9457", text="No", http=Http(title="No", status=500)), "No"),
    "a message of JSON-RPC": (a_problem("-32603", dialect="jsonrpc", text="db-7", items=[Item(value="db-7")]), None),
    "the detail of a DWN": (a_problem("500", dialect="dwn-status", text="db-7"), None),
    "a text": (a_problem("", dialect="text", text="db-7"), None),
    "a detail in our own JSON": (
        a_problem(
            dialect="canonical", text="at db-7", localized={"de": "db-7!"}, http=Http(title="No", detail="db-7"),
        ),
        "No",
    ),
}  # fmt: skip


def test_no_dialect_of_free_text_is_forgotten() -> None:
    assert {problem.dialect for problem, _ in FREE.values()} == FREE_TEXT | {"canonical"}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("problem", "told"), FREE.values(), ids=list(FREE))
def test_a_peer_is_told_a_title_or_a_code_instead_of_free_text(
    problem: Problem, told: str | None, dialect: str
) -> None:
    found = for_peer(problem, "medium")
    assert found.text == told
    assert b"db-7" not in (document_of(found, dialect) or b"")
    assert for_peer(problem, "high") == problem


ITEMS = {
    "a value within a word": ("hunter2", "xhunter2x", "x?x"),
    "three characters are a word": ("bob", "bob and bobby", "? and bobby"),
    "a number of two digits stays": ("12", "12 of 12", "12 of 12"),
    "a value within JSON": ('{"pin": "1234", "of": [{"who": "alice"}], "n": 98765}', "alice: 1234, 98765", "?: ?, ?"),
    "what looks like JSON and is not": ("{alice", "{alice", "?"),
}


@pytest.mark.parametrize(("value", "text", "expected"), ITEMS.values(), ids=list(ITEMS))
def test_values_of_items_are_hidden_wherever_they_stand(value: str, text: str, expected: str) -> None:
    problem = a_problem(
        items=[Item(key="k", value=value)], text=text, localized={"en": text, "de": text}, fix_hint={"en": text},
        where_place=text, http=Http(title=text),
    )  # fmt: skip
    found = for_peer(problem, "medium")
    assert (found.text, found.localized["en"], found.localized["de"], found.fix_hint["en"]) == (expected,) * 4
    assert (found.where_place, found.http and found.http.title) == (expected, expected)


def test_a_value_of_an_item_is_hidden_in_the_template_too() -> None:
    problem = a_problem(text_template="alice: {1}", args=["1"], text="alice: 1", items=[Item(value="alice")])
    found = for_peer(problem, "medium")
    assert (found.text_template, found.args, found.text) == ("?: {1}", ["?"], "?: ?")


def test_a_peer_of_high_trust_is_told_all() -> None:
    assert for_peer(SECRET, "High") == SECRET


def test_a_comment_without_arguments_is_the_code_s_text() -> None:
    assert for_peer(a_problem(text="not enrolled"), "medium").text == "not enrolled"


def test_an_occurrence_keeps_its_own_instance_or_gets_ours() -> None:
    ours = json.loads(document_of(a_problem(text="x"), "rfc9457", "urn:uuid:1") or b"")
    theirs = json.loads(document_of(a_problem(http=Http(instance="/a")), "rfc9457", "urn:uuid:1") or b"")
    assert (ours["instance"], theirs["instance"]) == ("urn:uuid:1", "/a")


@pytest.mark.parametrize(
    ("dialect", "media_type"),
    [
        ("rfc9457", "application/problem+json"),
        ("didcomm-2.0", "application/didcomm-plain+json"),
        ("aries-1.0", "application/json"),
    ],
)
def test_media_types(dialect: str, media_type: str) -> None:
    assert media_type_of(dialect) == media_type


# an extension of a problem, and the dialect in which it came
ODD = {
    "a catalogue that is no JSON": ("aries-1.0", "@msg_catalog", "did:x"),
    "a decorator without end": ("hipe", "~l10n", "[" * 100_000),
    "no JSON in a problem document": ("rfc9457", "more", "{"),
    "a number of more than 64 bits": ("rfc9457", "more", "1" * 40),
    "a text that UTF-8 cannot hold": ("rfc9457", "more", "\ud800"),
    "a name that UTF-8 cannot hold": ("rfc9457", "\ud800", '"x"'),
}


@pytest.mark.parametrize("dialect", ["canonical", "rfc9457", "aries-1.0", "hipe", "didcomm-2.0"])
@pytest.mark.parametrize(("came_as", "name", "text"), ODD.values(), ids=list(ODD))
def test_what_a_publisher_put_into_extensions_keeps_nobody_from_being_told(
    dialect: str, came_as: str, name: str, text: str
) -> None:
    document = document_of(a_problem(thread_id="t", dialect=came_as, text="t", extensions={name: text}), dialect)
    assert document is not None
    json.loads(document)


def test_a_number_of_more_than_64_bits_goes_out_whole() -> None:
    problem = a_problem(dialect="rfc9457", extensions={"more": "1" * 40})
    assert json.loads(document_of(problem, "rfc9457") or b"")["more"] == int("1" * 40)
