"""Our own JSON form."""

from __future__ import annotations

import pytest

from tocsin.connectors.dialects import canonical
from tocsin.connectors.dialects.reading import Unreadable
from tocsin.connectors.publish import problem
from tocsin.schemas.problem import Http, Problem, Severity, Source


def read(document: object) -> Problem:
    found = canonical.read(document)
    assert isinstance(found, Problem)
    return found


def test_a_code_is_enough() -> None:
    problem = read({"code": "w.m.x_y"})
    assert (problem.dialect, problem.code_key, problem.severity, problem.scope) == (
        "canonical",
        "w.m.x-y",
        "warning",
        "message",
    )


def test_what_is_stated_is_not_touched() -> None:
    stated = {
        "code": "w.m.x",
        "severity": "error",
        "scope": "thread",
        "category": "mine",
        "text": "t",
        "text_template": "{1}",
    }
    problem = read(stated)
    assert (problem.severity, problem.scope, problem.category, problem.text) == ("error", "thread", "mine", "t")


def test_unknown_members_become_extensions() -> None:
    problem = read({"code": "x", "job": {"n": 1}, "extensions": {"a": '{"b":1}', "c": "plain", "d": [1]}})
    assert problem.extensions == {"a": '{"b":1}', "c": '"plain"', "d": "[1]", "job": '{"n":1}'}


def test_an_empty_id_counts_as_absent_and_is_flagged() -> None:
    problem = read({"code": "x", "thread_id": "", "message_id": "", "parent_thread_id": "p"})
    assert (problem.thread_id, problem.message_id, problem.parent_thread_id) == (None, None, "p")
    assert [(each.rule, each.pointer) for each in problem.violations] == [
        ("empty-id", "/message_id"),
        ("empty-id", "/thread_id"),
    ]
    assert not problem.conformant
    assert canonical.complete(Problem(dialect="canonical", code="x", thread_id="")).thread_id is None


def test_the_text_is_rendered() -> None:
    assert read({"code": "x", "text_template": "a {1}", "args": ["b"]}).text == "a b"


@pytest.mark.parametrize(
    ("document", "pointer", "expected"),
    [
        ([], "", "an object"),
        ({}, "/code", "a problem code"),
        ({"code": ""}, "/code", "a problem code"),
        ({"code": 5}, "/code", "a string"),
        ({"code": "x", "noticed_at": "x"}, "/noticed_at", "a whole number: microseconds since 1970-01-01 UTC"),
        ({"code": "x", "violations": [{}]}, "/violations/0/rule", "a value that the member allows"),
        ({"code": "x", "localized": {"a": 5}}, "/localized", "a string"),
        ({"code": "x", "http": {"status": "x"}}, "/http/status", "a whole number or null"),
        ({"code": "x", "items": [{"value": "a"}, {"value": 1}]}, "/items/1/value", "a string"),
        ({"code": "x", "severity": "critical"}, "/severity", "one of error, warning"),
        ({"code": "x", "extensions": 1}, "/extensions", "an object"),
        ({"code": "x" * 1025}, "/code", "at most 1024 characters"),
        ({"code": "x", "thread_id": "t" * 256}, "/thread_id", "at most 255 characters"),
    ],
)
def test_refused_with_the_place_and_what_is_expected(document: object, pointer: str, expected: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        canonical.read(document)
    assert (refusal.value.pointer, refusal.value.expected) == (pointer, expected)


def test_what_is_written_is_read_back_the_same() -> None:
    problem = read(
        {
            "code": "e.p.x",
            "severity": "warning",
            "http": {"status": 500},
            "source": {"service": "s", "recipients": ["did:a:b"]},
            "extensions": {"k": '"v"'},
            "noticed_at": 5,
        }
    )
    assert problem.http == Http(status=500)
    assert problem.source == Source(service="s", recipients=["did:a:b"])
    assert problem.severity is Severity.WARNING
    assert read(canonical.write(problem)) == problem


# the members of `source`, and where the fault is
UNBOUNDED: dict[str, tuple[dict[str, object], str]] = {
    "a service without end": ({"service": "x" * 2049}, "/source/service"),
    "a sender without end": ({"sender": "did:peer:2." + "x" * 2048}, "/source/sender"),
    "a record without end": ({"record_id": "x" * 2049}, "/source/record_id"),
    "a recipient without end": ({"recipients": ["a", "x" * 2049]}, "/source/recipients/1"),
    **{
        f"any text without end: {name}": ({name: "x" * 2049}, f"/source/{name}")
        for name in Source.__struct_fields__
        if name not in ("recipients", "side")
    },
    "too many recipients": ({"recipients": ["a"] * 257}, "/source/recipients"),
}


@pytest.mark.parametrize(("source", "pointer"), UNBOUNDED.values(), ids=list(UNBOUNDED))
def test_what_a_source_says_is_bounded(source: dict[str, object], pointer: str) -> None:
    with pytest.raises(Unreadable, match="at most") as caught:
        read({"code": "x", "source": source})
    assert (caught.value.reason, caught.value.pointer) == ("too_long", pointer)


def test_a_long_form_did_is_not_too_long() -> None:
    assert read({"code": "x", "source": {"sender": "did:peer:2." + "x" * 2000}}).source.sender


def test_a_severity_that_is_stated_to_be_unknown_stays_unknown() -> None:
    for severity, read_as in (({"severity": "unknown"}, "unknown"), ({}, "error"), ({"severity": None}, "error")):
        found = canonical.read({"code": "e.p.x"} | severity)
        assert isinstance(found, Problem)
        assert found.severity == read_as
        assert canonical.read(canonical.write(found)) == found
    assert problem("e.p.x", severity=Severity.UNKNOWN).severity is Severity.UNKNOWN
    assert problem("w.p.x").severity is Severity.WARNING
