"""JSON-RPC 2.0 answers: an error is a problem, a result is none (docs/requirements.md#b1-30).

`code` is `error.code` verbatim. The HTTP equivalent is the DWN status in `error.data` if there is one, else -50xxx says
xxx, else the table. `code_key`, which groups, is the DwnErrorCode in front of the text, else that DWN status, else the
code. A batch is several documents: split it with `elements`. A result that wraps a DWN reply is read as that reply.
"""

from __future__ import annotations

import msgspec

from tocsin.connectors.dialects import dwn
from tocsin.connectors.dialects.answers import (
    Success,
    as_number,
    context_of,
    failing,
    failing_status,
    http_of,
    kept_value,
    split_detail,
    status_in_data,
    take_rpc_id,
)
from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH, fold_code
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.dialects.members import Members, as_extensions, escape, fold
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, UnreadableReason
from tocsin.schemas.problem import Item, Problem, Severity, Violation

NAME = "jsonrpc"
VERSION = "2.0"
HTTP_BASE = -50000
"""dwn-server's own codes: -50400 is "equivalent to HTTP status 400", and so on down to -50999."""
HTTP_OF_CODE = {-32700: 400, -32600: 400, -32601: 404, -32602: 400, -32603: 500, -32300: 502}
"""The HTTP status that means the same as a predefined code (JSON-RPC 2.0 section 5.1; -32300 is a transport error)."""
SERVER_ERRORS = range(-32099, -31999)
"""The codes that JSON-RPC 2.0 leaves to servers: HTTP 500."""
MISPLACED = "no status here: a DWN's stands in the result, or in its reply"
"""What is expected where a result that is read as a plain one speaks of a status all the same."""
SPEAKS_WITHIN = 3
"""How deep in a result, in objects, a status that is not where it should be is looked for: deeper it is data."""
_REPLIES = frozenset({"reply", "replies"})
_STATUSES = frozenset({"status", "statuscode", "code"})
_ERRORS = frozenset({"error", "errors"})


def looks_like(document: dict[str, object]) -> bool:
    """Whether it says `jsonrpc`, or has an `error` with a number as its code, and an `id` unless the number is negative
    (other APIs put HTTP statuses there). True of a wrapped DWN reply too: ask that dialect first, or let `read` hand it
    over."""
    error = document.get("error")
    code = as_number(error.get("code")) if isinstance(error, dict) else None
    if code is not None and (code < 0 or "id" in document):
        return True
    return "jsonrpc" in document and not {"result", "error", "method"}.isdisjoint(document)


def elements(document: object) -> list[object]:
    """The answers of a batch, in order; anything that is no batch is the one answer. Raises Unreadable(empty) for a
    batch without answers, which JSON-RPC 2.0 forbids."""
    if not isinstance(document, list):
        return [document]
    if not document:
        raise Unreadable(UnreadableReason.EMPTY, expected="a batch of at least one answer")
    return list(document)


def read(document: object) -> Problem | NotAProblem:
    """One answer as a canonical problem; a result as a Success, a request as NotAProblem. Raises Unreadable: a batch
    (split it with `elements`), neither result nor error, an error without a code."""
    if isinstance(document, list):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="one answer: split a batch with elements()")
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    if document.get("error") is None:
        return _without_error(document)
    violations: list[Violation] = []
    envelope = Members(document, violations)
    if envelope.take("jsonrpc") != VERSION:
        envelope.flag("jsonrpc-version", "jsonrpc")
    if "id" not in envelope.left:
        envelope.flag("required-member-missing", "id")
    kept_id, rpc_id = take_rpc_id(envelope)
    if "result" in envelope.left:
        envelope.flag("result-and-error", "result")
    value = envelope.take("error")
    if not isinstance(value, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/error", "an object")
    error = Members(value, violations, "/error")
    problem = _problem(error, violations)
    extensions = as_extensions(("", envelope.left), ("error.", error.left)) | kept_id
    return msgspec.structs.replace(
        problem, request_id=rpc_id, context_ids=context_of(rpc_id), extensions=extensions, conformant=not violations
    )


def http_equivalent(code: int | None) -> int | None:
    """The HTTP status that an error code means, None if it means none: that of a success is no error's."""
    if code is None:
        return None
    if code in HTTP_OF_CODE:
        return HTTP_OF_CODE[code]
    return 500 if code in SERVER_ERRORS else failing(HTTP_BASE - code)


def write(problem: Problem) -> dict[str, object]:
    """The problem as an error answer. One that came as JSON-RPC keeps its code, id and data; any other gets -50xxx of
    its status, the id null, and what JSON-RPC has no member for in `data`. Raises Unwritable for a warning."""
    status = failing_status(problem, NAME)
    own = as_number(problem.code) if problem.dialect == NAME else None
    code = HTTP_BASE - status if own is None else own
    error: dict[str, object] = {"code": code, "message": problem.text or problem.code}
    data = _data_of(problem, status) if own is None else kept_value(problem, "error.data")
    if data is not None:
        error["data"] = data
    ident = kept_value(problem, "id") if problem.dialect in (NAME, dwn.NAME) else None
    valid = isinstance(ident, str | int | float) and not isinstance(ident, bool)
    return {"jsonrpc": VERSION, "error": error, "id": ident if valid else None}


def _without_error(document: dict[str, object]) -> NotAProblem | Problem:
    if "result" in document:
        result = document["result"]
        if result is None:
            raise Unreadable(UnreadableReason.WRONG_TYPE, "/result", "a result, not null")
        if dwn.looks_like(document) or _speaks_of_a_status(result):
            return dwn.read(document)
        misplaced = _misplaced_status(result)
        if misplaced is not None:
            raise Unreadable(UnreadableReason.WRONG_TYPE, misplaced, MISPLACED)
        return Success(NAME, "a success", rpc_id=document.get("id"))
    if "method" in document:
        return NotAProblem(NAME, "a request")
    raise Unreadable(UnreadableReason.MISSING_MEMBER, "/error", "a result or an error")


def _speaks_of_a_status(result: object) -> bool:
    """Whether a result is a DWN's, well-formed or not: what cannot be understood there is no success."""
    if not isinstance(result, dict):
        return False
    status = result.get("status")
    return "reply" in result or isinstance(status, dict) or as_number(status) is not None


def _misplaced_status(result: object) -> str | None:
    """The pointer to the first member of a result, near its top, by which it may have failed; None without one. An
    object in a list is as near as the list."""
    waiting = [("/result", result, SPEAKS_WITHIN)]
    while waiting:
        at, place, left = waiting.pop()
        if isinstance(place, list) and left:
            nested = [(f"{at}/{number}", each, left - isinstance(each, list)) for number, each in enumerate(place)]
            waiting += [each for each in reversed(nested) if isinstance(each[1], dict | list)]
        elif isinstance(place, dict) and left:
            for name, value in place.items():
                if isinstance(name, str) and _may_fail(fold(name), value):
                    return f"{at}/{escape(name)}"
            inner = [(f"{at}/{escape(str(name))}", value, left - 1) for name, value in place.items()]
            waiting += [each for each in reversed(inner) if isinstance(each[1], dict | list)]
    return None


def _may_fail(name: str, value: object) -> bool:
    """Whether a member says, or wraps, an outcome that is no success for certain; a status that is a word says none."""
    if name in _REPLIES:
        return True
    if name in _ERRORS:
        return value not in (None, False, "", [], {})
    if name not in _STATUSES:
        return False
    number = as_number(value)
    if number is not None:
        return number >= 400 or number <= SERVER_ERRORS[-1]
    return isinstance(value, dict) and name == "status" and "code" in value


def _problem(error: Members, violations: list[Violation]) -> Problem:
    code = _take_code(error)
    message = error.take_said("message")
    if message is None:
        error.flag("required-member-missing", "message")
    data = error.left.get("data")
    stated = status_in_data(data)
    symbol = split_detail(stated[1] if stated else None)[0] or split_detail(message)[0]
    return Problem(
        dialect=NAME,
        violations=violations,
        code=code,
        code_key=fold_code(symbol or (str(stated[0]) if stated else code)),
        severity=Severity.ERROR,
        text=message or None,
        items=_items(data),
        http=http_of(stated[0] if stated else http_equivalent(as_number(code))),
        request_completed=stated is not None,
        outcome_ok=False,
    )


def _take_code(error: Members) -> str:
    value = error.take("code")
    number = as_number(value)
    if number is not None:
        if isinstance(value, str):
            error.flag("not-a-number", "code")
        return str(number)
    if not isinstance(value, str) or not value.strip():
        reason = UnreadableReason.MISSING_MEMBER if value in (None, "") else UnreadableReason.WRONG_TYPE
        raise Unreadable(reason, "/error/code", "an error code, a number")
    if len(value) > MAX_CODE_LENGTH:
        raise Unreadable(UnreadableReason.TOO_LONG, "/error/code", f"at most {MAX_CODE_LENGTH} characters")
    error.flag("not-a-number", "code")
    return value


def _items(data: object) -> list[Item]:
    if data is None:
        return []
    if isinstance(data, dict):
        return [Item(key=name, value=_text(value)) for name, value in data.items()]
    return [Item(value=_text(value)) for value in (data if isinstance(data, list) else [data])]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json_text(value)


def _data_of(problem: Problem, status: int) -> dict[str, object]:
    if problem.dialect == dwn.NAME:
        return {"status": {"code": status, "detail": problem.text or problem.code}}
    said = {name: getattr(problem, name) for name in ("code", "scope", "category", "thread_id", "parent_thread_id")}
    return {"problem": {name: value for name, value in said.items() if value is not None}}
