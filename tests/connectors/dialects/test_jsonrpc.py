"""JSON-RPC 2.0 answers beyond the shared vectors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.dialects import jsonrpc
from tocsin.connectors.dialects.answers import Success
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, Unwritable
from tocsin.schemas.problem import Http, Problem, Severity

UUID = "1c7f6ed8-eaaf-447c-aaf3-b9e61f3f59af"


def read(document: object) -> Problem:
    problem = jsonrpc.read(document)
    assert isinstance(problem, Problem)
    return problem


def answer(code: object = -32603, message: object = "text", **more: object) -> dict[str, object]:
    """An error answer; `data` goes into the error, `id` replaces the usual one."""
    error = {"code": code, "message": message} | ({"data": more.pop("data")} if "data" in more else {})
    return {"jsonrpc": "2.0", "id": UUID, "error": error} | more


@pytest.mark.parametrize(
    ("document", "http", "key", "completed"),
    [
        pytest.param(answer(-50409), 409, "-50409", False, id="-50xxx says the HTTP status"),
        pytest.param(answer(-50999), None, "-50999", False, id="-50999 is no HTTP status"),
        pytest.param(answer(-50200), None, "-50200", False, id="the HTTP status of a success is no error's"),
        pytest.param(answer(-50302), None, "-50302", False, id="nor is that of a redirection"),
        pytest.param(
            answer(-50400, data={"code": 202}), 400, "-50400", False, id="a success in an error's data is none"
        ),
        pytest.param(answer(-32601), 404, "-32601", False, id="a predefined code has an equivalent"),
        pytest.param(answer(-32000), 500, "-32000", False, id="a server error is 500"),
        pytest.param(answer(-32100), None, "-32100", False, id="just outside the server errors"),
        pytest.param(answer(7), None, "7", False, id="an unknown code is kept"),
        pytest.param(
            answer(-50400, data={"status": {"code": 401, "detail": "x"}, "code": 404}), 401, "401", True,
            id="data.status.code comes first",
        ),
        pytest.param(answer(-50400, data={"code": 404}), 404, "404", True, id="then data.code"),
        pytest.param(answer(-50400, data={"code": "404"}), 404, "404", True, id="digits in text count"),
        pytest.param(answer(-50400, data={"code": 12}), 400, "-50400", False, id="data.code 12 is no status"),
        pytest.param(answer(-50400, data="x"), 400, "-50400", False, id="data may be anything"),
        pytest.param(
            answer(-50400, "GrantExpired: now"), 400, "grantexpired", False, id="a DwnErrorCode in the text groups"
        ),
        pytest.param(
            answer(-50400, "Conflict", data={"status": {"code": 401, "detail": "UnknownAuthor: who?"}}), 401,
            "unknownauthor", True, id="a DwnErrorCode in data groups",
        ),
        pytest.param(answer(-50400, "Https://x.org"), 400, "-50400", False, id="a URI is no DwnErrorCode"),
        pytest.param(answer(-50400, "Path:/a/b"), 400, "-50400", False, id="a JSON pointer follows: no DwnErrorCode"),
        pytest.param(answer(-50400, "/a/b: must be"), 400, "-50400", False, id="a JSON pointer is no DwnErrorCode"),
        pytest.param(answer(-50400, "bad y coordinate 3"), 400, "-50400", False, id="bare library text"),
    ],
)  # fmt: skip
def test_where_the_status_is(document: dict[str, Any], http: int | None, key: str, completed: bool) -> None:
    problem = read(document)
    assert problem.code == str(document["error"]["code"])
    assert problem.http == (None if http is None else Http(status=http))
    assert (problem.code_key, problem.request_completed, problem.outcome_ok) == (key, completed, False)
    assert problem.severity is Severity.ERROR
    assert problem.conformant


@pytest.mark.parametrize(
    ("ident", "request_id", "context", "rules"),
    [
        pytest.param(UUID, UUID, [UUID], [], id="a UUID may name a thread"),
        pytest.param("7", "7", [], [], id="a counter correlates, but names no thread"),
        pytest.param(7, "7", [], [], id="a number"),
        pytest.param(1.5, "1.5", [], [], id="a fraction"),
        pytest.param(None, None, [], [], id="null is never correlated"),
        pytest.param("", None, [], [], id="empty"),
        pytest.param(True, None, [], ["id-not-an-id"], id="a boolean"),
        pytest.param({"a": 1}, None, [], ["id-not-an-id"], id="an object"),
        pytest.param("x" * 256, None, [], ["id-too-long"], id="too long for a key"),
    ],
)
def test_the_id_is_a_correlation_only(
    ident: object, request_id: str | None, context: list[str], rules: list[str]
) -> None:
    problem = read(answer(id=ident))
    assert (problem.request_id, problem.context_ids, problem.thread_id) == (request_id, context, None)
    assert json.loads(problem.extensions["id"]) == ident
    assert [each.rule for each in problem.violations] == rules


@pytest.mark.parametrize(
    ("document", "rule", "pointer"),
    [
        ({"id": 1, "error": {"code": 1, "message": "m"}}, "jsonrpc-version", "/jsonrpc"),
        (answer(jsonrpc="1.0"), "jsonrpc-version", "/jsonrpc"),
        (answer(jsonrpc=2.0), "jsonrpc-version", "/jsonrpc"),
        ({"jsonrpc": "2.0", "error": {"code": 1, "message": "m"}}, "required-member-missing", "/id"),
        (answer(result=7), "result-and-error", "/result"),
        (answer("-32603"), "not-a-number", "/error/code"),
        (answer("ENOTFOUND"), "not-a-number", "/error/code"),
        (answer(message={"why": "x"}), "not-a-string", "/error/message"),
        (answer(message=None), "required-member-missing", "/error/message"),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "Message": "m"}}, "member-spelling", "/error/Message"),
    ],
)
def test_a_broken_rule_is_named(document: object, rule: str, pointer: str) -> None:
    problem = read(document)
    assert [(each.rule, each.pointer) for each in problem.violations] == [(rule, pointer)]
    assert not problem.conformant


@pytest.mark.parametrize(
    "document",
    [
        pytest.param([answer()], id="a batch, which is several"),
        pytest.param("x", id="text"),
        pytest.param({}, id="neither result nor error"),
        pytest.param({"jsonrpc": "2.0", "id": 1, "error": None}, id="an error that is null"),
        pytest.param({"jsonrpc": "2.0", "id": 1, "error": "boom"}, id="an error that is text"),
        pytest.param(answer(None), id="no code"),
        pytest.param(answer(""), id="an empty code"),
        pytest.param(answer([1]), id="a list as code"),
        pytest.param(answer(1.5), id="a fraction as code"),
        pytest.param(answer(10**99), id="a huge code"),
        pytest.param(answer("x" * 1025), id="a long code"),
        pytest.param({"jsonrpc": "2.0", "id": "1", "result": None}, id="a result that is null"),
        pytest.param({"jsonrpc": "2.0", "id": "1", "result": {"reply": {}}}, id="a reply without a status"),
        pytest.param({"jsonrpc": "2.0", "id": "1", "result": {"reply": None}}, id="a reply that is null"),
        pytest.param({"jsonrpc": "2.0", "id": "1", "result": {"status": 200}}, id="a status that is a number"),
        pytest.param(
            {"jsonrpc": "2.0", "id": "1", "result": {"reply": {"status": {"code": "OK"}}}}, id="a code that is a word"
        ),
        pytest.param({"jsonrpc": "2.0", "id": "1", "result": {"status": {"code": 200.5}}}, id="a fraction as status"),
    ],
)
def test_refused(document: object) -> None:
    with pytest.raises(Unreadable):
        jsonrpc.read(document)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"id": 1, "result": 7, "error": None}, Success("jsonrpc", "a success", rpc_id=1)),
        ({"jsonrpc": "2.0", "method": "m"}, NotAProblem("jsonrpc", "a request")),
        *(
            ({"jsonrpc": "2.0", "id": 1, "result": result}, Success("jsonrpc", "a success", rpc_id=1))
            for result in (
                {"status": "ok"},
                {"statusCode": 200, "error": None, "code": "A7"},
                {"job": {"status": "done", "errors": []}},
                {"a": {"b": {"c": {"error": "a record's own data"}}}},
            )
        ),
    ],
)
def test_no_problem(document: object, expected: NotAProblem) -> None:
    assert jsonrpc.read(document) == expected


def test_a_result_that_wraps_a_failing_reply_is_a_problem() -> None:
    problem = read(
        {"jsonrpc": "2.0", "id": UUID, "result": {"reply": {"status": {"code": 404, "detail": "Not Found"}}}}
    )
    assert (problem.dialect, problem.code, problem.request_id) == ("dwn-status", "404", UUID)


def test_what_is_not_mapped_is_kept() -> None:
    problem = read(answer(data={"why": {"a": 1}}, trace="t"))
    assert json.loads(problem.extensions["error.data"]) == {"why": {"a": 1}}
    assert json.loads(problem.extensions["trace"]) == "t"
    assert [(each.key, each.value) for each in problem.items] == [("why", '{"a":1}')]


@pytest.mark.parametrize(("document", "count"), [([1, 2], 2), ({"a": 1}, 1), ("x", 1)])
def test_elements(document: object, count: int) -> None:
    assert len(jsonrpc.elements(document)) == count


def test_a_batch_without_answers_is_refused() -> None:
    with pytest.raises(Unreadable):
        jsonrpc.elements([])


@pytest.mark.parametrize(
    ("document", "yes"),
    [
        (answer(), True),
        ({"jsonrpc": "2.0", "id": 1, "result": 1}, True),
        ({"id": 1, "error": {"code": 1}}, True),
        ({"error": {"code": 1}}, False),
        ({"error": {"code": -32700, "message": "Parse error"}}, True),
        ({"jsonrpc": "2.0", "id": 1, "result": {"reply": {"status": {"code": 404}}}}, True),
        ({"jsonrpc": "2.0"}, False),
        ({"error": "invalid_request"}, False),
        ({"code": "e.p.x"}, False),
    ],
)
def test_looks_like(document: dict[str, object], yes: bool) -> None:
    assert jsonrpc.looks_like(document) is yes


@given(
    code=st.integers(-(10**9), 10**9),
    message=st.text(min_size=1, max_size=20),
    ident=st.none() | st.text(max_size=9) | st.integers(-(10**9), 10**9),
    data=st.none() | st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3),
)
def test_what_came_goes_out_again(code: int, message: str, ident: object, data: object) -> None:
    document = answer(code, message, id=ident, **({} if data is None else {"data": data}))
    problem = read(document)
    written = jsonrpc.write(problem)
    assert written == document
    assert read(written) == problem


@pytest.mark.parametrize(
    ("problem", "code", "data"),
    [
        (Problem(dialect="didcomm-2.0", code="e.p.me.res.net"), -50503, {"problem": {"code": "e.p.me.res.net"}}),
        (Problem(dialect="didcomm-2.0", code="e.p.trust.crypto"), -50401, {"problem": {"code": "e.p.trust.crypto"}}),
        (Problem(dialect="aries-1.0", code="odd"), -50500, {"problem": {"code": "odd"}}),
        (Problem(dialect="rfc9457", code="t", http=Http(status=418)), -50418, {"problem": {"code": "t"}}),
        (
            Problem(dialect="dwn-status", code="404", text="Not Found", http=Http(status=404)), -50404,
            {"status": {"code": 404, "detail": "Not Found"}},
        ),
        (Problem(dialect="jsonrpc", code="ENOTFOUND"), -50500, {"problem": {"code": "ENOTFOUND"}}),
    ],
)  # fmt: skip
def test_a_problem_of_another_dialect_is_written(problem: Problem, code: int, data: object) -> None:
    written = jsonrpc.write(problem)
    assert written == {
        "jsonrpc": "2.0",
        "error": {"code": code, "message": problem.text or problem.code, "data": data},
        "id": None,
    }
    assert read(written).conformant


def test_a_warning_is_no_error_answer() -> None:
    with pytest.raises(Unwritable):
        jsonrpc.write(Problem(dialect="didcomm-2.0", code="w.p.x", severity=Severity.WARNING))
