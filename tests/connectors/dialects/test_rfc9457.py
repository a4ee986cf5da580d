"""RFC 9457 documents beyond the shared vectors."""

from __future__ import annotations

import pytest

from tocsin.connectors.dialects import rfc9457
from tocsin.connectors.dialects.reading import Unreadable
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
    ],
)
def test_the_code_is_the_type(document: dict[str, object], code: str, key: str) -> None:
    problem = read(document)
    assert (problem.code, problem.code_key, problem.severity) == (code, key, "error")


@pytest.mark.parametrize(
    ("document", "rule", "http"),
    [
        ({"status": "404"}, "status-invalid", Http()),
        ({"status": 99}, "status-invalid", Http()),
        ({"status": True}, "status-invalid", Http()),
        ({"status": 404.0}, "status-invalid", Http()),
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
        ({"type": "x", "status": "404"}, {"status": '"404"'}),
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
