"""DWN replies beyond the shared vectors, and the tables of statuses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.dialects import dwn
from tocsin.connectors.dialects.answers import Success
from tocsin.connectors.dialects.reading import Unreadable, Unwritable
from tocsin.connectors.web5.statuses import STATUS_MEANINGS, status_meaning
from tocsin.schemas.problem import Http, Problem, Severity

NOT_FOUND = {"code": 404, "detail": "Not Found"}


def read(document: object) -> Problem:
    problem = dwn.read(document)
    assert isinstance(problem, Problem)
    return problem


@pytest.mark.parametrize(
    ("document", "rules", "kept"),
    [
        pytest.param({"status": NOT_FOUND}, [], {}, id="a bare reply"),
        pytest.param({"status": NOT_FOUND, "entries": []}, [], {"entries": []}, id="with more members"),
        pytest.param({"messageCid": "", "reply": {"status": NOT_FOUND}}, [], {"messageCid": ""}, id="an agent's"),
        pytest.param(
            {"jsonrpc": "2.0", "id": "7", "result": {"reply": {"status": NOT_FOUND, "cursor": 1}, "x": 2}}, [],
            {"id": "7", "result.reply.cursor": 1, "result.x": 2}, id="wrapped in JSON-RPC",
        ),
        pytest.param(
            {"jsonrpc": "2.0", "id": None, "result": {"status": NOT_FOUND}}, [], {"id": None}, id="the result itself"
        ),
        pytest.param(
            {"status": {"code": 404, "message": "Not Found"}}, ["status-message-for-detail"], {}, id="the agent's type"
        ),
        pytest.param(
            {"ok": False, "status": {"code": 404, "message": "Not Found"}}, ["status-message-for-detail"],
            {"ok": False}, id="/connect",
        ),
        pytest.param(
            {"reply": {"status": 404, "detail": "Not Found"}}, ["status-is-a-number"], {}, id="rpc.subscribe.close"
        ),
        pytest.param(
            {"status": {"code": "404", "detail": "Not Found", "why": 1}}, ["not-a-number"], {"status.why": 1},
            id="the code as text",
        ),
        pytest.param(
            {"status": {"code": 404.0, "detail": "Not Found", "message": "m"}}, [], {"status.message": "m"},
            id="detail and message",
        ),
        pytest.param({"status": 404, "detail": "Not Found"}, ["status-is-a-number"], {}, id="flat"),
        pytest.param({"code": 404, "detail": "Not Found"}, ["required-member-missing"], {}, id="the status alone"),
        pytest.param(
            {"code": 404.0, "message": "Not Found", "trace": 1},
            ["required-member-missing", "status-message-for-detail"], {"trace": 1}, id="the agent's status alone",
        ),
    ],
)  # fmt: skip
def test_forms(document: dict[str, object], rules: list[str], kept: dict[str, object]) -> None:
    problem = read(document)
    assert (problem.code, problem.text, problem.http) == ("404", "Not Found", Http(status=404))
    assert (problem.request_completed, problem.outcome_ok) == (True, False)
    assert [each.rule for each in problem.violations] == rules
    assert problem.conformant is (not rules)
    assert {name: json.loads(text) for name, text in problem.extensions.items()} == kept


@pytest.mark.parametrize(
    ("detail", "code", "key"),
    [
        ("RecordsWriteMissingSigner: who?", "RecordsWriteMissingSigner", "recordswritemissingsigner"),
        ("RecordsWriteMissingSigner:", "RecordsWriteMissingSigner", "recordswritemissingsigner"),
        ("RecordsWrite:no space", "RecordsWrite", "recordswrite"),
        ("RecordsWrite:/descriptor/x", "401", "401"),
        ("Unauthorized", "401", "401"),
        ("/descriptor/x: must be", "401", "401"),
        ("DID:example:1 is bad", "401", "401"),
        ("a Code: later", "401", "401"),
        ("X: too short", "401", "401"),
        ("bad y coordinate 3", "401", "401"),
        (f"A{'b' * 1024}: too long for a code", "401", "401"),
        ("Code: two\nlines", "Code", "code"),
    ],
)
def test_the_code_in_front_of_the_detail(detail: str, code: str, key: str) -> None:
    problem = read({"status": {"code": 401, "detail": detail}})
    assert (problem.code, problem.code_key, problem.text) == (code, key, detail)


@pytest.mark.parametrize("code", [200, 202, 204, 299])
def test_a_success(code: int) -> None:
    found = dwn.read({"jsonrpc": "2.0", "id": 5, "result": {"reply": {"status": {"code": code, "detail": "d"}}}})
    assert found == Success("dwn-status", "a success", rpc_id=5, status_code=code, status_detail="d")


@pytest.mark.parametrize(("code", "http"), [(199, 199), (302, 302), (600, None), (0, None), (-1, None)])
def test_an_odd_status_is_a_problem_and_flagged(code: int, http: int | None) -> None:
    problem = read({"status": {"code": code, "detail": "d"}})
    assert [each.rule for each in problem.violations] == ["status-code-unexpected"]
    assert problem.http == (None if http is None else Http(status=http))
    assert problem.extensions.get("status.code") == (None if http else str(code))


@pytest.mark.parametrize(
    "document",
    [
        pytest.param([], id="a list"),
        pytest.param({}, id="nothing"),
        pytest.param({"status": {}}, id="no code"),
        pytest.param({"status": {"code": None, "detail": "d"}}, id="a null code"),
        pytest.param({"status": {"code": True}}, id="a boolean code"),
        pytest.param({"status": {"code": 404.5}}, id="a fraction"),
        pytest.param({"status": {"code": "Not Found"}}, id="words"),
        pytest.param({"status": {"code": 10**99}}, id="a huge code"),
        pytest.param({"status": "ok"}, id="a word as status"),
        pytest.param({"status": 404}, id="a number and nothing else"),
        pytest.param({"status": 200, "detail": "OK"}, id="a number that would be a success"),
        pytest.param({"reply": {"status": 200, "detail": "OK"}}, id="the same within a reply"),
        pytest.param({"reply": {}}, id="an empty reply"),
        pytest.param({"jsonrpc": "2.0", "id": 1, "error": {"code": -50404, "message": "m"}}, id="a JSON-RPC error"),
    ],
)
def test_refused(document: object) -> None:
    with pytest.raises(Unreadable):
        dwn.read(document)


@pytest.mark.parametrize(
    ("document", "yes"),
    [
        ({"status": NOT_FOUND}, True),
        ({"code": 404, "detail": "Not Found"}, True),
        ({"code": 404, "message": "Not Found"}, True),
        ({"code": 404}, False),
        ({"code": "404", "detail": "Not Found"}, False),
        ({"code": 404, "detail": "Not Found", "title": "Not Found"}, False),
        ({"reply": {"status": 200}}, True),
        ({"jsonrpc": "2.0", "id": 1, "result": {"reply": {"status": NOT_FOUND}}}, True),
        ({"status": 404, "title": "Not Found"}, False),
        ({"status": {"phase": "Failed"}}, False),
        ({"result": {"status": 200}}, False),
        ({"status": NOT_FOUND, "error": {"code": 1}}, False),
        ({}, False),
    ],
)
def test_looks_like(document: dict[str, object], yes: bool) -> None:
    assert dwn.looks_like(document) is yes


@given(code=st.integers(400, 599), detail=st.text(min_size=1, max_size=30))
def test_what_came_goes_out_again(code: int, detail: str) -> None:
    document = {"status": {"code": code, "detail": detail}}
    problem = read(document)
    assert dwn.write(problem) == document
    assert read(dwn.write(problem)) == problem


@pytest.mark.parametrize(
    ("problem", "code", "detail"),
    [
        (Problem(dialect="didcomm-2.0", code="e.p.req.time", text="too late"), 408, "too late"),
        (Problem(dialect="didcomm-2.0", code="e.p.did.malformed"), 400, "e.p.did.malformed"),
        (Problem(dialect="hipe", code="odd"), 500, "odd"),
        (Problem(dialect="rfc9457", code="t", text="d", http=Http(status=409)), 409, "d"),
        (Problem(dialect="rfc9457", code="t", text="d", http=Http(status=200)), 500, "d"),
        (Problem(dialect="canonical", code="GrantExpired", text="late"), 500, "GrantExpired: late"),
        (Problem(dialect="canonical", code="GrantExpired"), 500, "GrantExpired:"),
        (Problem(dialect="canonical", code="GrantExpired", text="GrantExpired: late"), 500, "GrantExpired: late"),
    ],
)
def test_a_problem_of_another_dialect_is_written(problem: Problem, code: int, detail: str) -> None:
    assert dwn.write(problem) == {"status": {"code": code, "detail": detail}}
    assert read(dwn.write(problem)).conformant


def test_a_warning_is_no_failing_reply() -> None:
    with pytest.raises(Unwritable):
        dwn.write(Problem(dialect="didcomm-2.0", code="w.p.x", severity=Severity.WARNING))


@pytest.mark.parametrize(
    ("operation", "codes"),
    [
        ("RecordsWrite", {202, 204, 400, 401, 409}),
        ("RecordsRead", {200, 400, 401, 404}),
        ("RecordsQuery", {200, 400, 401}),
        ("RecordsDelete", {202, 400, 401, 404, 409}),
    ],
)
def test_each_operation_has_its_table(operation: str, codes: set[int]) -> None:
    assert {row.code for row in STATUS_MEANINGS if row.operation == operation} == codes
    assert all(status_meaning(operation, code) for code in codes)
    assert status_meaning(operation, 418) is None


@pytest.mark.parametrize("code", [404, 200])
def test_a_detail_that_is_no_text_is_kept_as_json_text(code: int) -> None:
    found = dwn.read({"status": {"code": code, "detail": {"why": ["a", 1]}}})
    said = found.text if isinstance(found, Problem) else found.status_detail if isinstance(found, Success) else None
    assert said == '{"why":["a",1]}'
    if isinstance(found, Problem):
        assert [(each.rule, each.pointer) for each in found.violations] == [("not-a-string", "/status/detail")]


def test_no_row_is_there_twice() -> None:
    assert len({(row.operation, row.code) for row in STATUS_MEANINGS}) == len(STATUS_MEANINGS)


def test_a_delete_of_nothing_tells_versions_apart() -> None:
    for code in (202, 404):
        row = status_meaning("RecordsDelete", code)
        assert row is not None
        assert "2023" in (row.profile or "") or "202" in (row.profile or "")
