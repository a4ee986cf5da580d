"""RFC 9457 documents beyond the shared vectors."""

from __future__ import annotations

import pytest

from tocsin.connectors.dialects import NotAProblem, Unreadable, read_parsed, rfc9457
from tocsin.schemas.problem import Http, Problem


def read(document: object) -> Problem:
    problem = rfc9457.read(document)
    assert isinstance(problem, Problem)
    return problem


@pytest.mark.parametrize(
    ("document", "code", "key"),
    [
        ({}, "about:blank", "about:blank"),
        ({"status": 404}, "about:blank", "http-404"),
        ({"type": ""}, "about:blank", "about:blank"),
        (
            {"type": "https://example.org/errors/Out_Of_Credit"},
            "https://example.org/errors/Out_Of_Credit",
            "out-of-credit",
        ),
        ({"type": "https://example.org/errors/x/"}, "https://example.org/errors/x/", "x"),
        ({"type": "error:VdrServiceError:NotFound"}, "error:VdrServiceError:NotFound", "notfound"),
        ({"type": "https://example.org/errors#gone"}, "https://example.org/errors#gone", "gone"),
        ({"type": "/"}, "/", "/"),
        ({"code": "E_No_Credit", "status": 402}, "E_No_Credit", "e-no-credit"),
        ({"type": "about:blank", "code": " e.p.xfer ", "title": "t"}, "e.p.xfer", "e.p.xfer"),
        ({"type": "https://example.org/gone", "code": "other"}, "https://example.org/gone", "gone"),
        ({"type": 7, "code": "other"}, "other", "other"),
        ({"code": 42, "status": 500}, "about:blank", "http-500"),
        ({"code": "", "status": 500}, "about:blank", "http-500"),
        ({"code": "x" * 3000, "status": 500}, "about:blank", "http-500"),
    ],
)
def test_the_code_is_the_type_or_the_member_code_beside_one_that_says_nothing(
    document: dict[str, object], code: str, key: str
) -> None:
    problem = read(document)
    assert (problem.code, problem.code_key, problem.severity) == (code, key, "error")


@pytest.mark.parametrize(
    ("document", "rule", "http"),
    [
        ({"status": "404"}, "status-not-a-number", Http(status=404)),
        ({"status": "four"}, "status-invalid", Http()),
        ({"status": 99}, "status-invalid", Http()),
        ({"status": True}, "status-invalid", Http()),
        ({"status": 404.5}, "status-invalid", Http()),
        ({"status": 200, "title": "t"}, "status-not-an-error", Http(status=200, title="t")),
        ({"title": 5, "detail": "d"}, "not-a-string", Http(detail="d")),
    ],
)
def test_a_member_of_the_wrong_type_is_ignored_and_flagged(document: dict[str, object], rule: str, http: Http) -> None:
    problem = read(document)
    assert problem.http == http
    assert [each.rule for each in problem.violations] == [rule]
    assert not problem.conformant


@pytest.mark.parametrize(
    ("document", "kept"),
    [
        ({"type": "x", "title": 7}, {"title": "7"}),
        ({"type": "x", "status": "none"}, {"status": '"none"'}),
        ({"type": "x", "status": True}, {"status": "true"}),
        ({"type": "x", "detail": ["a"]}, {"detail": '["a"]'}),
        ({"type": 1, "instance": {"a": 1}}, {"type": "1", "instance": '{"a":1}'}),
        ({"type": "x", "title": None, "instance": "", "status": 404}, {}),
    ],
)
def test_a_member_of_the_wrong_type_is_kept_and_not_written(document: dict[str, object], kept: dict[str, str]) -> None:
    problem = read(document)
    assert problem.extensions == kept
    assert kept.keys().isdisjoint(rfc9457.write(problem))


@pytest.mark.parametrize(("kind", "severity"), [("w.", "warning"), ("W. a b", "warning"), ("e.", "error")])
def test_a_type_that_begins_as_a_warning_is_one(kind: str, severity: str) -> None:
    assert read({"type": kind}).severity == severity


def test_an_empty_instance_is_absent() -> None:
    assert read({"instance": ""}).http == Http()


@pytest.mark.parametrize("document", [[], "x", 1, None, {"type": "x" * 1025}])
def test_refused(document: object) -> None:
    with pytest.raises(Unreadable):
        rfc9457.read(document)


@pytest.mark.parametrize(
    ("document", "detected"),
    [
        ({"title": "t", "status": 404}, True),
        ({"title": "t", "status": "404"}, True),
        ({"type": "about:blank", "detail": "d"}, True),
        ({"detail": "d", "instance": "/i"}, True),
        ({"title": "t", "status": 99}, False),
        ({"title": 5, "status": 404}, False),
        ({"title": "t"}, False),
        ({"status": 404}, False),
        ({"type": "https://example.org/out-of-credit", "balance": 30}, False),
    ],
)
def test_two_members_in_their_types_make_a_problem_document(document: dict[str, object], detected: bool) -> None:
    assert rfc9457.looks_like(document) is detected
    assert read(document).dialect == "rfc9457"


@pytest.mark.parametrize(
    "document",
    [
        {"type": "ConnectionUpdated", "data": {"state": "completed"}},
        {"type": "UserCreated"},
        {"type": "UserCreated", "title": 5},
        {"@type": "Person", "name": "Alice", "title": "Dr"},
        {"Type": "x", "status": "active"},
    ],
)
def test_an_object_that_names_another_kind_is_not_a_problem(document: dict[str, object]) -> None:
    assert isinstance(read_parsed(document), NotAProblem)


@pytest.mark.parametrize("document", [{"title": "t"}, {"status": 404}, {"detail": "Not Found"}, {"x": 1}, {}])
def test_an_object_that_names_nothing_is_refused_until_its_dialect_is_named(document: dict[str, object]) -> None:
    with pytest.raises(Unreadable, match="undetected"):
        read_parsed(document)
    assert isinstance(read_parsed(document, "rfc9457"), Problem)


def test_single_errors_become_items() -> None:
    problem = read({"title": "t", "errors": [{"pointer": "#/age", "detail": "too young"}, {"x": 1}, "plain"]})
    assert [(item.key, item.value) for item in problem.items] == [
        ("#/age", "too young"),
        (None, '{"x":1}'),
        (None, "plain"),
    ]


def test_what_came_goes_out_again() -> None:
    document = {"type": "x", "title": "t", "status": 400, "cause": {"type": "y", "n": [1, None]}, "errors": []}
    assert rfc9457.write(read(document)) == document


def test_a_problem_of_another_dialect_is_written() -> None:
    problem = Problem(dialect="didcomm-2.0", code="e.p.msg.a b", text="hello", scope="protocol")
    written = rfc9457.write(problem)
    assert (written["type"], written["detail"], written["code"]) == ("e.p.msg.a%20b", "hello", "e.p.msg.a b")
    assert read(written).conformant
