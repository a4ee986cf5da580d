"""DWN replies: `{"status": {"code", "detail"}}`, bare or in a wrapping that is in use (docs/requirements.md#b4-1).

A 2xx is a success; any other status is a problem: `request_completed` is true (the node answered), `outcome_ok` false.
`code` is the DwnErrorCode in front of the detail, else the status. What servers answer is reported as it is: what it
means operation by operation stands in `web5.statuses`.

Other forms are read by the same rule (docs/requirements.md#b4-4), though they are no replies: `/connect/*` answers
`{"ok": false, "status": {...}}` (`ok` becomes an extension and decides nothing), and a status stands alone,
`{"code": 404, "detail": ...}`. A number for the status (`rpc.subscribe.close` says `{"reply": {"status": 200, ...}}`)
is flagged where it fails; for a success it is not understood.
"""

from __future__ import annotations

import re

import msgspec

from tocsin.connectors.dialects.answers import (
    Success,
    as_number,
    context_of,
    failing_status,
    http_of,
    http_status,
    split_detail,
    take_rpc_id,
)
from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH, fold_code
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.dialects.members import Members, as_extensions
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, UnreadableReason
from tocsin.schemas.problem import Problem, Severity, Violation

NAME = "dwn-status"
STATUS_PLACES: tuple[tuple[str, ...], ...] = (("result", "reply"), ("reply",), ("result",), ())
"""Where the object with the member `status` stands, tried in order: a JSON-RPC result, an agent's answer, a bare reply.
In a `reply`, or told that the document is one, a number for the status is taken too (`rpc.subscribe.close`)."""
_OUTERMOST = frozenset({"status", *(path[0] for path in STATUS_PLACES if path)})
_NOT_ALONE = frozenset(
    {"status", "reply", "result", "error", "method", "jsonrpc", "type", "title", "instance", "body", "@type"}
)
"""Members by which a document with a code and a detail is something else than a status."""

_DWN_CODE = re.compile(r"[A-Z][A-Za-z0-9]+")


def looks_like(document: dict[str, object]) -> bool:
    """Whether a status with a number as its code stands in one of the places, and no error beside it."""
    if stands_alone(document):
        return True
    path = status_path(document) if document.get("error") is None else None
    status = None if path is None else _at(document, path)["status"]
    if isinstance(status, dict):
        return as_number(status.get("code")) is not None
    return bool(path) and as_number(status) is not None


def stands_alone(document: dict[str, object]) -> bool:
    """Whether it is the status itself: a number as `code`, and a `detail`, or a `message` for it."""
    number = document.get("code")
    return (
        number is not None
        and not isinstance(number, str)
        and as_number(number) is not None
        and ("detail" in document or "message" in document)
        and _NOT_ALONE.isdisjoint(document)
    )


def within_reply(document: dict[str, object]) -> dict[str, object]:
    """A status that stands alone in the reply that it should be in; any other document as it is."""
    if not stands_alone(document):
        return document
    status = {name: document[name] for name in ("code", "detail", "message") if name in document}
    return {"status": status} | {name: value for name, value in document.items() if name not in status}


def status_path(document: dict[str, object]) -> tuple[str, ...] | None:
    """The first of STATUS_PLACES where there is a status, None if there is none."""
    if _OUTERMOST.isdisjoint(document):
        return None
    for path in STATUS_PLACES:
        if path and path[0] not in document:
            continue
        status = _at(document, path).get("status")
        if isinstance(status, dict) or (status is not None and path[-1:] != ("result",)):
            return path
    return None


def read(document: object) -> Problem | NotAProblem:
    """A reply as a canonical problem; a 2xx as a Success. Raises Unreadable without a status that has a code."""
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    violations: list[Violation] = []
    if stands_alone(document):
        document = within_reply(document)
        violations.append(Violation(rule="required-member-missing", pointer="/status"))
    path = status_path(document)
    if path is None:
        raise Unreadable(UnreadableReason.MISSING_MEMBER, _missing(document), "a status with code and detail")
    levels = _levels(document, path, violations)
    envelope, reply = levels[0][1], levels[-1][1]
    code, detail, status = _take_status(reply, violations)
    kept_id, rpc_id = take_rpc_id(envelope) if envelope.left.pop("jsonrpc", None) is not None else ({}, None)
    if 200 <= code <= 299 and isinstance(_at(document, path)["status"], dict):
        stated_id = document.get("id") if kept_id else None
        return Success(NAME, "a success", rpc_id=stated_id, status_code=code, status_detail=detail)
    if 200 <= code <= 299:
        at = "".join(f"/{name}" for name in (*path, "status"))
        raise Unreadable(UnreadableReason.WRONG_TYPE, at, "a status, an object with code and detail")
    if not 400 <= code <= 599:
        reply.flag("status-code-unexpected", "status")
    levels.append((".".join((*path, "status.")), Members(status, violations)))
    unmapped = as_extensions(*((prefix, members.left) for prefix, members in levels))
    problem = _problem(code, detail, violations, unmapped | kept_id)
    return msgspec.structs.replace(problem, request_id=rpc_id, context_ids=context_of(rpc_id))


def write(problem: Problem) -> dict[str, object]:
    """The problem as a bare reply. A code that is none of DWN's appears only if there is no text: a reply has no other
    room. Raises Unwritable for a warning."""
    status = failing_status(problem, NAME)
    detail = problem.text or problem.code
    if _DWN_CODE.fullmatch(problem.code) and split_detail(detail)[0] != problem.code:
        detail = f"{problem.code}: {problem.text}" if problem.text else f"{problem.code}:"
    return {"status": {"code": status, "detail": detail}}


def _problem(code: int, detail: str | None, violations: list[Violation], extensions: dict[str, str]) -> Problem:
    symbol, _ = split_detail(detail)
    verbatim = symbol if symbol and len(symbol) <= MAX_CODE_LENGTH else str(code)
    return Problem(
        dialect=NAME,
        conformant=not violations,
        violations=violations,
        code=verbatim,
        code_key=fold_code(verbatim),
        severity=Severity.ERROR,
        text=detail,
        http=http_of(code),
        request_completed=True,
        outcome_ok=False,
        extensions=extensions | ({} if http_status(code) else {"status.code": json_text(code)}),
    )


def _at(document: dict[str, object], path: tuple[str, ...]) -> dict[str, object]:
    place: object = document
    for name in path:
        place = place.get(name) if isinstance(place, dict) else None
    return place if isinstance(place, dict) else {}


def _missing(document: dict[str, object]) -> str:
    """Where the status should be: in the innermost of the places that is there."""
    result = document.get("result")
    if isinstance(result, dict):
        return "/result/reply/status" if "reply" in result else "/result/status"
    return "/reply/status" if "reply" in document else "/status"


def _levels(
    document: dict[str, object], path: tuple[str, ...], violations: list[Violation]
) -> list[tuple[str, Members]]:
    """The object at each step of the path with the prefix of its unknown members, without the next step."""
    levels = [("", Members(document, violations))]
    for depth, name in enumerate(path, 1):
        levels[-1][1].left.pop(name)
        at = path[:depth]
        levels.append((f"{'.'.join(at)}.", Members(_at(document, at), violations, f"/{'/'.join(at)}")))
    return levels


def _take_status(reply: Members, violations: list[Violation]) -> tuple[int, str | None, dict[str, object]]:
    """The code, the detail, and the status's unknown members. `message` counts as the detail
    (docs/requirements.md#b1-27)."""
    value = reply.left.pop("status")
    if isinstance(value, dict):
        status = Members(value, violations, f"{reply.at}/status")
        stated = status.take("code")
    else:
        reply.flag("status-is-a-number", "status")
        status, stated = reply, value
    code = as_number(stated)
    if code is None:
        missing = stated is None
        reason = UnreadableReason.MISSING_MEMBER if missing else UnreadableReason.WRONG_TYPE
        raise Unreadable(reason, f"{reply.at}/status/code", "a status code, a whole number")
    if status is reply and not reply.at and not {"detail", "message"} & reply.left.keys():
        raise Unreadable(UnreadableReason.MISSING_MEMBER, "/detail", "the detail of the status")
    if isinstance(stated, str):
        status.flag("not-a-number", "code")
    detail = status.take_said("detail")
    if detail is None:
        detail = status.take_said("message")
        status.flag("required-member-missing" if detail is None else "status-message-for-detail", "detail")
    return code, detail or None, {} if status is reply else status.left
