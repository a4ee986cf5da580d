"""Problems as documents of dialects: strict, bounded, and for a peer without what is secret."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from tests.harness.problem_strategies import problems
from tests.harness.routed_reports import a_problem
from tocsin.connectors.dialects import DIALECTS
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
