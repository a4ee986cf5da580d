"""DIDComm v2 reports beyond the shared vectors: interpolation, leniency, refusals, writing."""

from __future__ import annotations

import pytest

from tocsin.connectors.dialects import didcomm2
from tocsin.connectors.dialects.interpolation import interpolate
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, Unwritable
from tocsin.schemas.problem import Problem, Severity

TYPE = didcomm2.MESSAGE_TYPE


def message(body: object, **members: object) -> dict[str, object]:
    return {"id": "m1", "type": TYPE, "pthid": "t1", "body": body} | members


def read(document: object) -> Problem:
    problem = didcomm2.read(document)
    assert isinstance(problem, Problem)
    return problem


@pytest.mark.parametrize(
    ("template", "args", "text"),
    [
        ("Unable to use {1} for {2}.", ["a", "b"], "Unable to use a for b."),
        ("a {3} b", ["x"], "a ? b, x"),
        ("v={1}", [None], "v=?"),
        ("got {1}={1}", ["one", "two"], "got one=one, two"),
        ("{1} and {3}", ["a", "b", "c"], "a and c, b"),
        ("plain", [], "plain"),
        ("{1}", [], "?"),
        ("a {x} {0} b", [], "a {x} {0} b"),
        ("{1}", ["{2}", "b"], "{2}, b"),
        ("{10}", [str(n) for n in range(1, 11)], "10, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
    ],
)
def test_interpolation(template: str, args: list[str | None], text: str) -> None:
    assert interpolate(template, args) == text


def test_a_conformant_message() -> None:
    problem = read(message({"code": "w.m.x", "comment": "c"}, thid="t2", lang="fr", created_time=1700000000, typ="x"))
    assert problem.conformant
    assert (problem.thread_id, problem.thread_id_derived, problem.context_ids) == ("t2", False, ["t1", "t2"])
    assert problem.localized == {"fr": "c"}
    assert (problem.noticed_at, problem.time_source) == (1_700_000_000_000_000, "created_time")
    assert problem.extensions == {}


def test_the_thread_of_a_message_without_thid_is_its_own_id() -> None:
    problem = read(message({"code": "e.p.x"}))
    assert (problem.thread_id, problem.thread_id_derived, problem.context_ids) == ("m1", True, ["t1"])


def test_unknown_members_are_kept() -> None:
    problem = read(message({"code": "e.p.x", "hint": {"a": 1}}, trace=[1]))
    assert problem.extensions == {"trace": "[1]", "body.hint": '{"a":1}'}


@pytest.mark.parametrize(
    ("document", "rule", "pointer"),
    [
        (message({"code": "e.p.x"}, pthid=None), "required-member-missing", "/pthid"),
        (message({"code": "e.p.x"}, to="did:a:b"), "not-a-list", "/to"),
        (message({"code": "e.p.x", "escalateTo": "mailto:a@b.c"}), "member-spelling", "/body/escalateTo"),
        (message({"code": "e.p.x", "escalate_to": "a@b.c"}), "escalate-to-not-a-uri", "/body/escalate_to"),
        (message({"code": "e.p.x", "comment": 1}), "not-a-string", "/body/comment"),
        (message({"code": "e.p.x", "args": "one"}), "not-a-list", "/body/args"),
        (message({"code": "e.p.x", "args": ["a", 5]}), "not-a-string", "/body/args"),
        (message({"code": "e.p.x", "args": ["a"] * 33}), "too-many-args", "/body/args"),
        (message({"code": "e.p.x", "comment": "c" * 4097}), "comment-too-long", "/body/comment"),
        (message({"code": "nope"}), "code-sorter", "/body/code"),
        (message({"code": "e.p.x"}, created_time="1700000000"), "not-a-number", "/created_time"),
        (message({"code": "e.p.x"}, created_time=True), "not-a-time", "/created_time"),
        (message({"code": "e.p." + "x" * 125}), "code-too-long", "/body/code"),
    ],
)
def test_read_and_flagged(document: dict[str, object], rule: str, pointer: str) -> None:
    problem = read(document)
    assert not problem.conformant
    assert (rule, pointer) in [(each.rule, each.pointer) for each in problem.violations]


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ([], ""),
        (message({}), "/body/code"),
        (message({"code": ""}), "/body/code"),
        (message({"code": 7}), "/body/code"),
        (message("text"), "/body"),
        ({"type": TYPE, "id": "x"}, "/body"),
        ({}, "/code"),
        (message({"code": "e.p.x"}, thid="t" * 256), "/thid"),
        (message({"code": "e" * 1025}), "/body/code"),
    ],
)
def test_refused(document: object, pointer: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        didcomm2.read(document)
    assert refusal.value.pointer == pointer


@pytest.mark.parametrize("kind", ["https://didcomm.org/routing/2.0/forward", "https://didcomm.org/empty/1.0/empty", ""])
def test_another_message_is_no_problem(kind: str) -> None:
    assert isinstance(didcomm2.read({"id": "x", "type": kind, "body": {"code": "e.p.x"}}), NotAProblem)


@pytest.mark.parametrize(
    "kind", ["https://example.org/lets-do/1.0/problem_report", "did:sov:x;spec/notification/1.0/problem-report"]
)
def test_a_protocol_may_carry_the_report_under_its_own_name(kind: str) -> None:
    assert read(message({"code": "e.p.x"}, type=kind)).message_type == kind


def test_what_is_written_is_read_back_conformant() -> None:
    problem = read(
        message({"code": "e.p.x", "comment": "a {1}", "args": ["b"], "escalate_to": "mailto:a@b.c"}, ack=["m0"])
    )
    again = read(didcomm2.write(problem) | {"id": "m2"})
    assert again.conformant
    assert (again.code, again.text, again.ack, again.escalation_uri) == ("e.p.x", "a b", ["m0"], "mailto:a@b.c")


@pytest.mark.parametrize(
    ("code", "severity", "written"),
    [
        ("error:VdrServiceError:VdrEntryNotFound", Severity.ERROR, "e.p.error-vdrserviceerror-vdrentrynotfound"),
        ("e.p.req.not_enroll", Severity.ERROR, "e.p.e-p-req-not-enroll"),
        ("---", Severity.WARNING, "w.p.unknown"),
    ],
)
def test_a_foreign_code_is_written_as_one_that_v2_allows(code: str, severity: Severity, written: str) -> None:
    problem = Problem(dialect="rfc9457", code=code, severity=severity, thread_id="t")
    body = didcomm2.write(problem)["body"]
    assert isinstance(body, dict)
    assert body["code"] == written


def test_a_report_without_any_thread_is_not_written() -> None:
    with pytest.raises(Unwritable):
        didcomm2.write(Problem(dialect="canonical", code="e.p.x"))
