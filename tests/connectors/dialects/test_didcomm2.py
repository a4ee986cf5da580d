"""DIDComm v2 reports beyond the shared vectors: interpolation, leniency, refusals, writing."""

from __future__ import annotations

import tracemalloc

import pytest

from tocsin.connectors.dialects import didcomm2
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, Unwritable
from tocsin.connectors.dialects.template import MAX_TEXT, interpolate
from tocsin.connectors.publish.reporting import problem
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
        (message({"code": "e.p.x"}, pthid="?"), "id-names-nothing", "/pthid"),
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
        (message({"code": " e.p.msg "}), "code-whitespace", "/body/code"),
        (message({"code": "e.p"}), "code-descriptor-missing", "/body/code"),
        ({"id": "m1", "type": TYPE, "pthid": "t1", "code": "e.p.x"}, "required-member-missing", "/body"),
    ],
)
def test_read_and_flagged(document: dict[str, object], rule: str, pointer: str) -> None:
    problem = read(document)
    assert not problem.conformant
    assert (rule, pointer) in [(each.rule, each.pointer) for each in problem.violations]


@pytest.mark.parametrize(
    ("members", "name", "kept"),
    [
        ({"id": 5}, "id", "5"),
        ({"id": "?"}, "id", '"?"'),
        ({"thid": "--"}, "thid", '"--"'),
        ({"pthid": "?"}, "pthid", '"?"'),
        ({"to": {"a": 1}}, "to", '{"a":1}'),
        ({"ack": [1, "m"]}, "ack", '[1,"m"]'),
        ({"created_time": "yesterday"}, "created_time", '"yesterday"'),
        ({"created_time": [1]}, "created_time", "[1]"),
        ({"body": {"code": "e.p.x", "comment": {"en": "c"}}}, "body.comment", '{"en":"c"}'),
        ({"body": {"code": "e.p.x", "escalateTo": ["u:x"]}}, "body.escalateTo", '["u:x"]'),
        ({"body": {"code": "e.p.x", "args": {"did": "A"}}}, "body.args", '{"did":"A"}'),
    ],
)
def test_a_member_of_the_wrong_type_is_flagged_and_kept(members: dict[str, object], name: str, kept: str) -> None:
    problem = read(message({"code": "e.p.x"}) | members)
    assert problem.extensions == {name: kept}
    assert not problem.conformant


@pytest.mark.parametrize(
    ("said", "rule", "at"),
    [
        (1547577721, None, 1547577721_000_000),
        (1547577721.5, None, 1547577721_500_000),
        ("1547577721", "not-a-number", 1547577721_000_000),
        ("1547577721.5", "not-a-number", 1547577721_500_000),
        ("2019-01-15T18:42:01Z", "not-a-number", 1547577721_000_000),
        ("2019-01-15 18:42:01Z", "not-a-number", 1547577721_000_000),
        (1547577721500, "time-in-milliseconds", 1547577721_500_000),
        ("1547577721500", "time-in-milliseconds", 1547577721_500_000),
        (10**14, "not-a-time", None),
        (-1, "not-a-time", None),
    ],
)
def test_times(said: object, rule: str | None, at: int | None) -> None:
    problem = read(message({"code": "e.p.x"}, created_time=said))
    assert problem.noticed_at == at
    assert (rule in [each.rule for each in problem.violations]) is (rule is not None)
    assert problem.conformant is (rule is None)


@pytest.mark.parametrize(
    ("document", "detected"),
    [
        ({"id": "m", "type": TYPE, "pthid": "t", "code": "e.p.x", "comment": "c"}, True),
        ({"type": "https://example.org/x/1.0/problem_report", "code": "e.p.x"}, True),
        ({"id": "m", "type": TYPE}, True),
        ({"id": "m", "type": "https://example.org/x/1.0/ping", "code": "e.p.x"}, False),
        ({"type": "https://example.org/problem-report", "title": "t", "status": 400, "id": 1}, False),
        ({"type": TYPE}, False),
    ],
)
def test_detected_without_a_body(document: dict[str, object], detected: bool) -> None:
    assert didcomm2.looks_like(document) is detected


def test_a_report_without_a_body_is_read_from_the_top() -> None:
    flat = {"code": "e.p.x", "comment": "c {1}", "args": ["d"], "escalateTo": "u:x", "hint": 1}
    problem = read({"id": "m", "type": TYPE, "pthid": "t"} | flat)
    assert (problem.code, problem.text, problem.escalation_uri) == ("e.p.x", "c d", "u:x")
    assert (problem.message_id, problem.parent_thread_id) == ("m", "t")
    assert problem.extensions == {"hint": "1"}
    assert [each.pointer for each in problem.violations] == ["/body", "/escalateTo"]


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


def test_what_names_no_thread_is_none() -> None:
    problem = read(message({"code": "e.p.x"}, pthid="?"))
    assert (problem.parent_thread_id, problem.context_ids) == (None, [])


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
        (" e.p.msg ", Severity.ERROR, "e.p.e-p-msg"),
        ("e.p", Severity.ERROR, "e.p.e-p"),
        ("cant_find_route", Severity.ERROR, "e.p.cant-find-route"),
    ],
)
def test_a_foreign_code_is_written_as_one_that_v2_allows(code: str, severity: Severity, written: str) -> None:
    problem = Problem(dialect="rfc9457", code=code, severity=severity, thread_id="t")
    body = didcomm2.write(problem)["body"]
    assert isinstance(body, dict)
    assert body["code"] == written


@pytest.mark.parametrize(
    ("scope", "written"),
    [
        ("state:get-pay-details", "e.get-pay-details.oh-no"),
        ("state:Bad One", "e.p.oh-no"),
        ("state:trust", "e.p.oh-no"),
        ("state:m", "e.p.oh-no"),
        ("message", "e.m.oh-no"),
        ("thread", "e.p.oh-no"),
        (None, "e.p.oh-no"),
    ],
)
def test_a_built_code_keeps_the_scope(scope: str | None, written: str) -> None:
    problem = Problem(dialect="canonical", code="Oh no", code_key="x", scope=scope, thread_id="t")
    assert didcomm2.write(problem)["body"] == {"code": written}


@pytest.mark.parametrize(
    ("template", "text", "args", "comment", "sent"),
    [
        (None, "use {1}", [], "{1}", ["use {1}"]),
        (None, "use {x}", [], "use {x}", None),
        (None, "plain", ["a"], "plain", None),
        ("use {1}", "use a", ["a"], "use {1}", ["a"]),
    ],
)
def test_a_text_is_shown_as_it_is(
    template: str | None, text: str, args: list[str], comment: str, sent: list[str] | None
) -> None:
    problem = Problem(dialect="aries-1.0", code="e.p.x", text_template=template, text=text, args=args, thread_id="t")
    document = didcomm2.write(problem)
    assert document["body"] == {"code": "e.p.x", "comment": comment} | ({"args": sent} if sent else {})
    assert read(document).text == text


@pytest.mark.parametrize(
    ("dialect", "thread", "derived", "parent", "pthid"),
    [
        ("aries-1.0", "t", False, "p", "t"),
        ("hipe", "t", False, "p", "t"),
        ("aries-1.0", "m", True, "p", "p"),
        ("aries-1.0", "m", True, None, "m"),
        ("didcomm-2.0", "t", False, "p", "p"),
    ],
)
def test_the_thread_of_the_report(dialect: str, thread: str, derived: bool, parent: str | None, pthid: str) -> None:
    problem = Problem(
        dialect=dialect, code="e.p.x", thread_id=thread, thread_id_derived=derived, parent_thread_id=parent
    )
    assert didcomm2.write(problem)["pthid"] == pthid


def test_a_report_without_any_thread_is_not_written() -> None:
    with pytest.raises(Unwritable):
        didcomm2.write(Problem(dialect="canonical", code="e.p.x"))


@pytest.mark.parametrize(
    ("template", "args", "length"),
    [
        pytest.param("{1}" * 3000, ["x" * 300_000], MAX_TEXT, id="a long argument, referred to often"),
        pytest.param("{1}" * MAX_TEXT, ["x"], MAX_TEXT, id="at the limit"),
        pytest.param("{1}" * (MAX_TEXT + 1), ["x"], MAX_TEXT, id="one over the limit"),
        pytest.param("y" * (MAX_TEXT + 1), [], MAX_TEXT, id="a long template"),
        pytest.param("", ["x"] * MAX_TEXT, MAX_TEXT, id="many arguments that nothing refers to"),
        pytest.param("{1}" * 3000, [""], 0, id="nothing, often"),
    ],
)
def test_a_text_is_bounded_while_it_is_put_together(template: str, args: list[str], length: int) -> None:
    tracemalloc.start()
    text = interpolate(template, args)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(text) == length
    assert peak < 16 * 2**20, "a bomb of a few hundred bytes must not become gigabytes"


def test_a_text_that_was_cut_is_flagged() -> None:
    bomb = read(message({"code": "e.p.x", "comment": "{1}" * 1300, "args": ["x" * 300_000]}))
    assert bomb.text is not None
    assert (len(bomb.text), bomb.text[-2:]) == (MAX_TEXT, "x…")
    assert [violation.rule for violation in bomb.violations] == ["text-cut"]
    assert problem("e.p.x", text_template="{1}" * 3000, args=["x" * 300_000]).text == bomb.text
