"""`unwrap`: whatever a Web5 server answers, as one shape (docs/requirements.md#b1-27). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from tocsin.connectors.catalogue.categories import as_catalogued
from tocsin.connectors.dialects import dwn, jsonrpc, rfc9457
from tocsin.connectors.dialects.answers import Success
from tocsin.connectors.dialects.facts import answer_facts
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, UnreadableReason
from tocsin.connectors.web5.errors import (
    MalformedAnswer,
    MalformedCase,
    NotAnAnswer,
    RequestMalformed,
    RequestRefused,
    Web5Failed,
    case_of,
)
from tocsin.connectors.web5.statuses import MALFORMED_REQUEST, StatusMeaning, advice_for, status_meaning
from tocsin.schemas.problem import Problem

RESPONSE_HEADER = "dwn-response"
"""The header in which the answer to a successful RecordsRead travels: the body is then the record's data."""

MAX_ANSWER_DEPTH = 512
"""How deep an answer may nest: a record is the caller's own data, not a stranger's report."""

_NO_JSON = frozenset({UnreadableReason.EMPTY, UnreadableReason.NOT_UTF8, UnreadableReason.NOT_JSON})


class HttpAnswer(Struct, frozen=True, kw_only=True):
    """An HTTP answer as a transport got it; header names in any case."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class AnswerKind(StrEnum):
    """Which of the forms in use the answer had."""

    DWN_REPLY = "dwn-reply"
    RPC_RESULT = "rpc-result"
    RPC_ERROR = "rpc-error"


class Status(Struct, frozen=True):
    """What every response has by Web5 JS Error Handling. `detail` may hold DIDs and values: never a metric label."""

    code: int
    detail: str | None = None


class Reply(Struct, frozen=True, kw_only=True):
    """An answer without its wrappings.

    `request_completed`: the node carried the request out and said how it ended. `outcome_ok`: it ended well (2xx).
    `status` is the node's, else the HTTP equivalent of the JSON-RPC error, else that error's own code (500 for a
    negative one); None for a result that states none. `rest` is what else the answer holds (`entries`, `record`,
    `messageCid`...), `data` the bytes of a record read over HTTP. `advice` says what to do, where there is
    something to know; `meaning` is the row of the operation's status table. `problem` is a failing outcome in canonical
    form, `document` the parsed answer with its wrappings. `report` is what came of publishing the problem: a Receipt,
    the exception, or None if nobody asked.
    """

    kind: AnswerKind
    request_completed: bool
    outcome_ok: bool
    status: Status | None
    rest: dict[str, object] = field(default_factory=dict)
    rpc_id: object = None
    rpc_code: int | None = None
    dwn_code: str | None = None
    data: bytes | None = None
    advice: str | None = None
    meaning: StatusMeaning | None = None
    problem: Problem | None = None
    document: object = None
    report: object = None

    @property
    def ok(self) -> bool:
        """`ok` by Web5 JS Error Handling: the request was completed, EVEN IF its outcome is 404 or 409. For "it worked"
        ask `outcome_ok`; others use the same word for 2xx (docs/requirements.md#b1-28)."""
        return self.request_completed

    def require_completed(self) -> Reply:
        """The reply itself, unless the request was not completed: where Web5 rejects the promise. Raises
        RequestMalformed if the server could not read the request, else RequestRefused."""
        if self.request_completed:
            return self
        code = self.status.code if self.rpc_code is None and self.status is not None else self.rpc_code
        assert code is not None, "only a result has no status, and a result is completed"
        if code in MALFORMED_REQUEST:
            raise RequestMalformed(code, "correct the request before sending it again")
        raise RequestRefused(code, self.advice or "see the status's detail")


def unwrap(answer: object, *, operation: str | None = None) -> Reply:
    """The reply in an answer: a parsed JSON document, its bytes or text, or an HttpAnswer. With an `operation`
    (`RecordsWrite`...) the status is looked up in its table, and a result without one is malformed. Raises NotAnAnswer
    or MalformedAnswer, nothing else."""
    document, data, status = _document(answer)
    if not isinstance(document, dict):
        expected = "one answer, an object (split a batch with jsonrpc.elements)"
        raise _no_answer(status, "", expected if document is not None else "one answer, not null", document)
    given, document = document, dwn.within_reply(document)
    bare = "reply" in document and "jsonrpc" not in document
    reader = dwn if bare or dwn.looks_like(document) else jsonrpc
    try:
        found = reader.read(given)
        if isinstance(found, NotAProblem) and not isinstance(found, Success):
            raise MalformedAnswer("", "an answer, not a request")
        if isinstance(found, Problem):
            for broken in found.violations:
                if broken.rule == "status-is-a-number":
                    expected = "a status, an object with code and detail"
                    raise MalformedAnswer(broken.pointer, expected, MalformedCase.STATUS_IS_NO_OBJECT)
        elif status is not None and status >= 400:
            raise MalformedAnswer("", f"no success beside HTTP status {status}", MalformedCase.CONTRADICTION)
        if operation and isinstance(found, Success) and found.status_code is None:
            expected = "a reply with a status, as a DWN answers an operation"
            raise MalformedAnswer("/result/reply/status", expected, MalformedCase.NO_STATUS)
        return _reply(document, found, data, operation)
    except Unreadable as unreadable:
        known = None if "jsonrpc" in document else status
        raise _no_answer(known, unreadable.pointer, unreadable.expected, document) from None
    except (RecursionError, TypeError, ValueError):
        # A caller may hand in a parsed document that JSON could not hold, or that is nested beyond any limit.
        raise MalformedAnswer("", "JSON, not nested too deeply") from None


def _no_answer(status: int | None, pointer: str, expected: str, document: object) -> Web5Failed:
    """JSON that is no answer: under a failing HTTP status it is an error page, of a proxy perhaps; a problem document
    (RFC 9457) is kept."""
    if status is not None and status >= 300:
        told = isinstance(document, dict) and rfc9457.looks_like(document)
        body = rfc9457.read(document) if told else None
        return NotAnAnswer(case_of(status, False), status, body if isinstance(body, Problem) else None)
    case = MalformedCase.MISPLACED_STATUS if expected == jsonrpc.MISPLACED else _malformed(pointer, document)
    return MalformedAnswer(pointer, expected, case)


def _malformed(pointer: str, document: object) -> MalformedCase:
    """What is wrong at `pointer`."""
    if document is None or pointer == "/result":
        return MalformedCase.NULL
    if pointer.endswith("/status/code"):
        return MalformedCase.STATUS_CODE
    if pointer.endswith("/status"):
        reply: object = document
        for step in pointer.split("/")[1:]:
            reply = reply.get(step) if isinstance(reply, dict) else None
        return MalformedCase.NO_STATUS if reply is None else MalformedCase.STATUS_IS_NO_OBJECT
    return MalformedCase.OTHER


def _document(answer: object) -> tuple[object, bytes | None, int | None]:
    """The parsed document, the data beside it, and the HTTP status."""
    if isinstance(answer, HttpAnswer):
        header = next((text for name, text in answer.headers.items() if name.lower() == RESPONSE_HEADER), None)
        if header is not None:
            return _parsed(header.encode("utf-8", "surrogateescape"), answer.status), answer.body, answer.status
        return _parsed(answer.body, answer.status), None, answer.status
    if isinstance(answer, str):
        answer = answer.encode("utf-8", "surrogatepass")
    if isinstance(answer, bytes | bytearray):
        return _parsed(bytes(answer), None), None, None
    return answer, None, None


def _parsed(raw: bytes, status: int | None) -> object:
    try:
        return parse_json(raw, max_bytes=len(raw), max_depth=MAX_ANSWER_DEPTH)
    except Unreadable as unreadable:
        if unreadable.reason in _NO_JSON:
            raise NotAnAnswer(case_of(status, not raw.strip()), status) from None
        raise MalformedAnswer(unreadable.pointer, unreadable.expected) from None


def _reply(
    document: dict[str, object], found: Problem | NotAProblem, data: bytes | None, operation: str | None
) -> Reply:
    facts = answer_facts(found)
    rpc_code = facts.get("rpc_code")
    stated = [facts.get(name) for name in ("status_code", "http_equivalent", "rpc_code")]
    if isinstance(rpc_code, int) and rpc_code < 0:
        stated[-1] = None
    # An error whose code is a word, or below zero and without an equivalent, has no number to give: no status is
    # negative. Nor has a result without a status, of which nothing is said that its server did not say.
    unstated = None if isinstance(found, Success) else 500
    number = next((code for code in stated if isinstance(code, int)), unstated)
    completed = facts["request_completed"]
    detail = facts.get("status_detail") or facts.get("rpc_message")
    return Reply(
        kind=_kind(found, facts),
        request_completed=completed,
        outcome_ok=facts["status_ok"],
        status=None if number is None else Status(number, detail),
        rest=_rest(document, found),
        rpc_id=facts.get("rpc_id"),
        rpc_code=rpc_code if isinstance(rpc_code, int) else None,
        dwn_code=facts.get("dwn_code"),
        data=data,
        advice=None
        if number is None
        else advice_for(number, None if completed or not isinstance(rpc_code, int) else rpc_code),
        # The tables say what a DWN means by a status: not what a server does that did not get that far.
        meaning=status_meaning(operation, number) if operation and completed and number is not None else None,
        problem=as_catalogued(found) if isinstance(found, Problem) else None,
        document=document,
    )


def _kind(found: Problem | NotAProblem, facts: dict[str, object]) -> AnswerKind:
    if found.dialect == dwn.NAME:
        return AnswerKind.DWN_REPLY
    return AnswerKind.RPC_ERROR if "rpc_code" in facts else AnswerKind.RPC_RESULT


def _rest(document: dict[str, object], found: Problem | NotAProblem) -> dict[str, object]:
    """What the answer holds besides its status, flat; an inner member wins over an outer one of the same name."""
    if found.dialect == jsonrpc.NAME:
        inner = document.get("error") if isinstance(found, Problem) else document.get("result")
        rest: object = inner if isinstance(inner, dict) else {"result": inner}
        known = {"code", "message"} if isinstance(found, Problem) else set()
        return {name: value for name, value in rest.items() if name not in known} if isinstance(rest, dict) else {}
    rest = {}
    place: object = document
    for step in (*(dwn.status_path(document) or ()), "status"):
        assert isinstance(place, dict)
        rest |= {name: value for name, value in place.items() if name not in (step, "jsonrpc", "id")}
        place = place[step]
    return rest
