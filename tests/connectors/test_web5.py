"""`unwrap` and `call`: what each answer, and each lack of one, becomes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.publish import KafkaAway, MemoryPublisher, Receipt
from tocsin.connectors.web5 import (
    AnswerCase,
    AnswerKind,
    ConnectionFailed,
    HttpAnswer,
    MalformedAnswer,
    NoAnswerInTime,
    NotAnAnswer,
    Reply,
    RequestMalformed,
    RequestRefused,
    Status,
    Unfit,
    Unresolvable,
    Web5Failed,
    call,
    unwrap,
)
from tocsin.connectors.web5.errors import ADVICE_OF_CASE, ADVICE_OF_UNFIT
from tocsin.schemas.events import ProblemReported


def rpc(reply: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": "i", "result": {"reply": reply}}


def error(code: int, message: str = "text", **more: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": "i", "error": {"code": code, "message": message, **more}}


NOT_FOUND = {"status": {"code": 404, "detail": "Not Found"}}


@pytest.mark.parametrize(
    ("answer", "kind", "completed", "outcome", "status", "rest"),
    [
        pytest.param(
            rpc({"status": {"code": 200, "detail": "OK"}, "entries": [1]}), "dwn-reply", True, True, (200, "OK"),
            {"entries": [1]}, id="a query",
        ),
        pytest.param(rpc(NOT_FOUND), "dwn-reply", True, False, (404, "Not Found"), {}, id="404: completed as well"),
        pytest.param(NOT_FOUND, "dwn-reply", True, False, (404, "Not Found"), {}, id="a bare reply"),
        pytest.param(
            {"messageCid": "c", "reply": NOT_FOUND}, "dwn-reply", True, False, (404, "Not Found"),
            {"messageCid": "c"}, id="an agent's answer",
        ),
        pytest.param(
            {"ok": False, "status": {"code": 500, "message": "boom"}}, "dwn-reply", True, False, (500, "boom"),
            {"ok": False}, id="/connect",
        ),
        pytest.param({"code": 404, "detail": "d"}, "dwn-reply", True, False, (404, "d"), {}, id="a status alone"),
        pytest.param(
            rpc({"status": {"code": 401, "detail": {"why": 1}}}), "dwn-reply", True, False, (401, '{"why":1}'), {},
            id="a detail that is an object",
        ),
        pytest.param(error(-50999), "rpc-error", False, False, (500, "text"), {}, id="no status is negative"),
        pytest.param(error(-32100), "rpc-error", False, False, (500, "text"), {}, id="nor without an equivalent"),
        pytest.param(error(-50400), "rpc-error", False, False, (400, "text"), {}, id="-50400"),
        pytest.param(
            error(-50400, "Conflict", data={"status": {"code": 409, "detail": "c"}}), "rpc-error", True, False,
            (409, "c"), {"data": {"status": {"code": 409, "detail": "c"}}}, id="the servers of May 2023",
        ),
        pytest.param(error(0), "rpc-error", False, False, (0, "text"), {}, id="a code without an equivalent"),
        pytest.param(
            {"jsonrpc": "2.0", "id": "i", "error": {"code": "E", "message": "m"}}, "rpc-error", False, False,
            (500, "m"), {}, id="a code that is a word",
        ),
        pytest.param(
            {"jsonrpc": "2.0", "id": "i", "result": 7}, "rpc-result", True, True, None, {"result": 7},
            id="a result without a status",
        ),
        pytest.param(
            {"jsonrpc": "2.0", "id": "i", "result": {"a": 1}}, "rpc-result", True, True, None, {"a": 1},
            id="a result that is an object",
        ),
    ],
)  # fmt: skip
def test_unwrap(
    answer: object, kind: str, completed: bool, outcome: bool, status: tuple[int, str] | None, rest: dict[str, object]
) -> None:
    for form in (
        answer,
        json.dumps(answer),
        json.dumps(answer).encode(),
        HttpAnswer(status=200, body=as_bytes(answer)),
    ):
        reply = unwrap(form)
        assert (reply.kind, reply.request_completed, reply.outcome_ok) == (AnswerKind(kind), completed, outcome)
        assert reply.ok is completed
        assert (reply.status, reply.rest, reply.data) == (status and Status(*status), rest, None)
        assert (reply.problem is None) is outcome


def code_of(reply: Reply) -> int | None:
    return None if reply.status is None else reply.status.code


def as_bytes(document: object) -> bytes:
    return json.dumps(document).encode()


def test_the_data_of_a_record_comes_beside_the_answer_in_a_header() -> None:
    header = json.dumps(rpc({"status": {"code": 200, "detail": "OK"}, "record": {"recordId": "r"}}))
    reply = unwrap(HttpAnswer(status=200, body=b"\x00data", headers={"DWN-Response": header}))
    assert (reply.data, reply.rest, reply.rpc_id) == (b"\x00data", {"record": {"recordId": "r"}}, "i")


def test_the_code_is_not_lost() -> None:
    reply = unwrap(error(-50400, "Conflict", data={"status": {"code": 401, "detail": "UnknownAuthor: x"}}))
    assert (reply.rpc_code, reply.dwn_code, code_of(reply)) == (-50400, "UnknownAuthor", 401)


@pytest.mark.parametrize(
    ("code", "words"),
    [(401, "only the detail tells apart"), (409, "may have succeeded"), (404, "2023"), (418, None), (202, None)],
)
def test_advice(code: int, words: str | None) -> None:
    advice = unwrap({"status": {"code": code, "detail": "d"}}).advice
    assert advice is None if words is None else words in (advice or "")


def test_the_operation_finds_its_row() -> None:
    row = unwrap(NOT_FOUND, operation="RecordsDelete").meaning
    assert row is not None
    assert "202" in (row.profile or "")
    assert unwrap(NOT_FOUND, operation="Morse").meaning is None
    assert unwrap(NOT_FOUND).meaning is None


PAGE = b"<!DOCTYPE html>"


@pytest.mark.parametrize(
    ("status", "body", "case"),
    [
        pytest.param(431, b"", "headers-too-large", id="431, empty"),
        pytest.param(413, PAGE, "body-too-large", id="413, a page"),
        pytest.param(400, PAGE, "bad-request-page", id="400, a page"),
        pytest.param(404, b"Not Found", "no-such-endpoint", id="404, text"),
        pytest.param(404, b'{"detail":"Not Found"}', "no-such-endpoint", id="404, JSON of something else"),
        pytest.param(404, b"null", "no-such-endpoint", id="404, null"),
        pytest.param(401, PAGE, "access-refused", id="401, a page"),
        pytest.param(429, b"", "rate-limited", id="429"),
        pytest.param(302, b"", "redirected", id="a redirect"),
        pytest.param(502, PAGE, "server-failed", id="a proxy's page"),
        pytest.param(200, b"", "empty", id="nothing"),
        pytest.param(200, PAGE, "not-json", id="a page with 200"),
        pytest.param(418, b"\xff", "not-json", id="no UTF-8"),
        pytest.param(204, b"", "no-content", id="204, as it should be: empty"),
        pytest.param(None, b"", "empty", id="no bytes"),
        pytest.param(None, PAGE, "not-json", id="bytes of a page"),
    ],
)
def test_what_is_no_answer_has_a_name(status: int | None, body: bytes, case: str) -> None:
    with pytest.raises(NotAnAnswer) as caught:
        unwrap(body if status is None else HttpAnswer(status=status, body=body))
    assert (caught.value.case, caught.value.status) == (AnswerCase(case), status)
    assert caught.value.advice in str(caught.value)
    assert caught.value.code == f"e.p.xfer.{case}"


@pytest.mark.parametrize(
    ("answer", "pointer", "case"),
    [
        pytest.param([error(1)], "", "other", id="a batch"),
        pytest.param(None, "", "null", id="null"),
        pytest.param(7, "", "other", id="a number"),
        pytest.param({}, "/error", "other", id="an empty object"),
        pytest.param({"jsonrpc": "2.0", "id": 1, "method": "m"}, "", "other", id="a request"),
        pytest.param({"jsonrpc": "2.0", "id": 1, "error": "boom"}, "/error", "other", id="an error that is text"),
        pytest.param(b"[" * 100_000, "", "other", id="deep nesting"),
        pytest.param(b'{"a":1,"a":2}', "", "other", id="a member twice"),
        pytest.param({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "data": {1, 2}}}, "", "other", id="no JSON"),
        pytest.param(HttpAnswer(status=500, body=b'{"jsonrpc":"2.0"}'), "/error", "other", id="JSON-RPC with 500"),
        pytest.param(
            HttpAnswer(status=502, body=as_bytes(rpc({"status": {"code": 200, "detail": "OK"}}))), "", "contradiction",
            id="a success with 502",
        ),
        pytest.param({"jsonrpc": "2.0", "id": 1, "result": None}, "/result", "null", id="a result that is null"),
        pytest.param(rpc({}), "/result/reply/status", "no-status", id="an empty reply"),
        pytest.param({"reply": {}}, "/reply/status", "no-status", id="an empty reply without JSON-RPC"),
        pytest.param(rpc(None), "/result/reply/status", "no-status", id="a reply that is null"),
        pytest.param(
            rpc({"status": 200, "detail": "Accepted"}), "/result/reply/status", "status-is-no-object",
            id="rpc.subscribe.close",
        ),
        pytest.param(
            rpc({"status": 404, "detail": "d"}), "/result/reply/status", "status-is-no-object",
            id="a failing status that is a number",
        ),
        pytest.param(
            {"jsonrpc": "2.0", "id": 1, "result": {"status": 200}}, "/result/status", "status-is-no-object",
            id="a number in the result",
        ),
        *(
            pytest.param({"jsonrpc": "2.0", "id": 1, "result": result}, at, "misplaced-status", id=f"a status at {at}")
            for result, at in (
                ({"code": 401, "detail": "no"}, "/result/code"),
                ({"result": {"reply": {"status": {"code": 401}}}}, "/result/result/reply"),
                ({"Reply": {"status": {"code": 401}}}, "/result/Reply"),
                ({"replies": [{"status": {"code": 401}}]}, "/result/replies"),
                ([{"a": {"status": {"code": 401}}}], "/result/0/a/status"),
                ({"error": "boom"}, "/result/error"),
                ({"statusCode": 500}, "/result/statusCode"),
            )
        ),
        *(
            pytest.param(
                rpc({"status": {"code": code}}), "/result/reply/status/code", "status-code-not-an-integer",
                id=f"the code {code!r}",
            )
            for code in (200.5, "OK", None, True, [200], {"code": 200})
        ),
    ],
)  # fmt: skip
def test_malformed(answer: object, pointer: str, case: str) -> None:
    with pytest.raises(MalformedAnswer) as caught:
        unwrap(answer)
    assert (caught.value.pointer, caught.value.case) == (pointer, case)


@pytest.mark.parametrize("result", [{}, [], False, "OK"], ids=repr)
def test_a_plain_result_answers_no_operation_of_a_dwn(result: object) -> None:
    answer = {"jsonrpc": "2.0", "id": 1, "result": result}
    assert unwrap(answer).kind is AnswerKind.RPC_RESULT
    with pytest.raises(MalformedAnswer) as caught:
        unwrap(answer, operation="RecordsQuery")
    assert caught.value.case == "no-status"


def test_a_method_that_is_not_known_is_no_missing_record() -> None:
    reply = unwrap(error(-32601, "Method not found"), operation="RecordsRead")
    assert (code_of(reply), reply.meaning) == (404, None)
    assert "method" in (reply.advice or "")
    assert "record" not in (reply.advice or "")


def test_a_problem_document_of_http_is_kept() -> None:
    body = {"type": "about:blank", "title": "Not Found", "status": 404, "trace": "t"}
    with pytest.raises(NotAnAnswer) as caught:
        unwrap(HttpAnswer(status=404, body=as_bytes(body)))
    problem = caught.value.problem
    assert problem is not None
    assert problem.http is not None
    assert (caught.value.case, problem.http.title, problem.extensions) == (
        "no-such-endpoint",
        "Not Found",
        {"trace": '"t"'},
    )


def test_a_record_may_nest_deeper_than_a_report() -> None:
    reply = unwrap(b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 40 + b"]" * 40 + b"}")
    assert reply.outcome_ok


def test_a_parsed_answer_nested_beyond_the_stack() -> None:
    deep: Any = 1
    for _ in range(200_000):
        deep = [deep]
    try:
        with pytest.raises(MalformedAnswer):
            unwrap(error(-50400, data=deep))
    finally:
        while isinstance(deep, list):
            deep = deep.pop()


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (error(-50400), RequestMalformed),
        (error(-32700), RequestMalformed),
        (error(-32603), RequestRefused),
        (error(-50401), RequestRefused),
        (rpc(NOT_FOUND), None),
    ],
)
def test_require_completed_rejects_where_web5_does(answer: object, raised: type[Web5Failed] | None) -> None:
    reply = unwrap(answer)
    if raised is None:
        assert reply.require_completed() is reply
        return
    with pytest.raises(RequestRefused) as caught:
        reply.require_completed()
    assert type(caught.value) is raised


def test_every_case_has_its_advice() -> None:
    assert ADVICE_OF_CASE.keys() == set(AnswerCase)
    assert ADVICE_OF_UNFIT.keys() == set(Unfit)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)
statuses = st.fixed_dictionaries(
    {}, optional={"code": st.integers(0, 700) | values, "detail": values, "message": values, "status": values}
)
replies = st.fixed_dictionaries({}, optional={"status": statuses | values, "entries": values})
errors = st.fixed_dictionaries({}, optional={"code": values, "message": values, "data": statuses | values})
answers = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | values,
        "id": values,
        "result": st.fixed_dictionaries({"reply": replies}) | replies | values,
        "error": errors | values,
        "reply": replies | values,
        "status": statuses | values,
        "ok": values,
        "method": values,
    },
)  # fmt: skip


@given(answer=answers | values, status=st.integers(100, 599))
def test_any_answer_is_a_reply_or_a_declared_failure(answer: object, status: int) -> None:
    body = json.dumps(answer).encode()
    for form in (answer, body, HttpAnswer(status=status, body=body)):
        try:
            reply = unwrap(form)
        except (NotAnAnswer, MalformedAnswer):
            continue
        assert reply.status is None or isinstance(reply.status.code, int)
        assert reply.request_completed or not reply.outcome_ok


@given(body=st.binary(max_size=60))
def test_any_bytes_are_a_reply_or_a_declared_failure(body: bytes) -> None:
    try:
        assert isinstance(unwrap(body), Reply)
    except (NotAnAnswer, MalformedAnswer):
        return


async def found_nothing(request: object) -> object:
    return rpc(NOT_FOUND)


async def found(request: object) -> object:
    return rpc({"status": {"code": 200, "detail": "OK"}})


async def never(request: object) -> object:
    return await asyncio.Event().wait()


async def timed_out_itself(request: object) -> object:
    raise TimeoutError


async def lost(request: object) -> object:
    raise ConnectionResetError("peer 10.0.0.1")


async def odd(request: object) -> object:
    raise KeyError("a library's own")


def unfit(why: Unfit) -> Callable[[object], Awaitable[object]]:
    """A transport that finds the DID of no use."""

    async def transport(request: object) -> object:
        raise Unresolvable(why)

    return transport


async def page(request: object) -> object:
    return HttpAnswer(status=404, body=PAGE)


async def test_a_failing_outcome_is_a_reply() -> None:
    reply = await call(found_nothing, {"target": "did:example:1"}, timeout=5)
    assert (code_of(reply), reply.ok, reply.outcome_ok, reply.report) == (404, True, False, None)


@pytest.mark.parametrize(
    ("transport", "raised", "code", "words"),
    [
        (never, NoAnswerInTime, "e.p.xfer.no-answer", "no answer within our own limit of 0.05 s"),
        (timed_out_itself, ConnectionFailed, "e.p.xfer.connection-failed", "TimeoutError"),
        (lost, ConnectionFailed, "e.p.xfer.connection-failed", "ConnectionResetError"),
        (odd, ConnectionFailed, "e.p.xfer.connection-failed", "KeyError"),
        (unfit(Unfit.INVALID), Unresolvable, "e.p.did.invalid", "correct the DID"),
        (unfit(Unfit.NOT_RESOLVED), Unresolvable, "e.p.did.not-resolved", "anchored"),
        (unfit(Unfit.NO_SERVICE), Unresolvable, "e.p.did.no-dwn-service", "service entry"),
        (page, NotAnAnswer, "e.p.xfer.no-such-endpoint", "HTTP 404"),
    ],
)
async def test_what_raises_is_declared_and_published_by_choice(
    transport: Any, raised: type[Web5Failed], code: str, words: str
) -> None:
    publisher = MemoryPublisher()
    with pytest.raises(raised, match=words) as caught:
        await call(transport, {}, timeout=0.05, publisher=publisher)
    assert "10.0.0.1" not in str(caught.value)
    assert isinstance(caught.value.report, Receipt)
    (event,) = publisher.events
    assert isinstance(event, ProblemReported)
    assert (event.problem.code, event.problem.request_completed) == (code, False)
    with pytest.raises(raised) as again:
        await call(transport, {}, timeout=0.05)
    assert again.value.report is None


async def test_a_failing_outcome_is_published_with_its_document() -> None:
    publisher = MemoryPublisher()
    reply = await call(found_nothing, {}, publisher=publisher)
    assert isinstance(reply.report, Receipt)
    (event,) = publisher.events
    assert isinstance(event, ProblemReported)
    assert event.problem == reply.problem
    assert json.loads(event.raw) == rpc(NOT_FOUND)


async def test_a_good_outcome_is_not_published() -> None:
    publisher = MemoryPublisher()
    assert (await call(found, {}, publisher=publisher)).report is None
    assert not publisher.events


async def test_that_publishing_failed_is_told_and_changes_nothing_else() -> None:
    publisher = MemoryPublisher()
    publisher.failures.extend([KafkaAway("e"), KafkaAway("e")])
    reply = await call(found_nothing, {}, publisher=publisher)
    assert (code_of(reply), type(reply.report)) == (404, KafkaAway)
    with pytest.raises(ConnectionFailed) as caught:
        await call(lost, {}, publisher=publisher)
    assert isinstance(caught.value.report, KafkaAway)


async def test_a_cancelled_call_is_cancelled() -> None:
    publisher = MemoryPublisher()
    task = asyncio.create_task(call(never, {}, publisher=publisher))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not publisher.events


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
async def test_there_is_always_a_time_limit(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        await call(found, {}, timeout=timeout)
