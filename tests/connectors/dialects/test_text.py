"""Plain text as a problem: what it becomes, and what is none."""

from __future__ import annotations

import pytest

from tocsin.connectors.dialects import NotAProblem, Unreadable, Unwritable, read_document, text, write_document
from tocsin.connectors.dialects.facts import document_facts
from tocsin.schemas.problem import Problem

FAILURE = 'Fail(WalletNotFound("w-1"),StackTrace(fiber-7))'


def read(raw: bytes, media_type: str | None = None, dialect: str = "text") -> Problem:
    problem = read_document(raw, dialect, media_type)
    assert not isinstance(problem, NotAProblem)
    return problem


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (FAILURE.encode(), FAILURE),
        (b' "Fail(boom)"\n', "Fail(boom)"),
        (b'"Fail" and more', '"Fail" and more'),
        (b"\xef\xbb\xbfboom", "boom"),
        (b'{"a": 1}', '{"a": 1}'),
        (b"[1]", "[1]"),
        (b"a\x00b", "a\N{REPLACEMENT CHARACTER}b"),
    ],
    ids=["a failure", "a JSON string", "no JSON string", "a mark in front", "an object", "an array", "a zero byte"],
)
def test_the_text(raw: bytes, said: str) -> None:
    for problem in (read(raw), read(raw, "text/plain", "auto")):
        assert (problem.dialect, problem.code, problem.text) == ("text", "", said)
        assert (problem.severity, problem.conformant) == ("error", True)
    assert document_facts(raw, "text")["text"] == said


def test_a_long_text_is_flagged() -> None:
    assert [each.rule for each in read(b"x" * 4097).violations] == ["text-too-long"]


@pytest.mark.parametrize("raw", [b"", b"  \n", b'""', b"\xff", b"x" * 256_001])
def test_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read(raw)


def test_nothing_but_a_name_makes_a_text_a_problem() -> None:
    for raw in (b"boom", b'"boom"'):
        with pytest.raises(Unreadable):
            read_document(raw)
    assert not text.looks_like({"text": "boom"})


def test_no_problem_is_written_as_text() -> None:
    with pytest.raises(Unwritable):
        write_document(Problem(dialect="canonical", code="c"), "text")
