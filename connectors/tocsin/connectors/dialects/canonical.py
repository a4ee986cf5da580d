"""Our own form in JSON: the members of `Problem`, of which only `code` is required."""

from __future__ import annotations

from operator import attrgetter

import msgspec

from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH, Code, fold_code, parse_code
from tocsin.connectors.dialects.context import MAX_CONTEXT, MAX_RECIPIENTS, SIDES
from tocsin.connectors.dialects.json_text import json_text, parse_json
from tocsin.connectors.dialects.members import MAX_ID_LENGTH, distinct
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, UnreadableReason
from tocsin.connectors.dialects.refused_members import unreadable
from tocsin.connectors.dialects.template import interpolate
from tocsin.schemas.problem import Problem, Severity, Source, Violation

NAME = "canonical"
_FIELDS = frozenset(Problem.__struct_fields__)
_CODE_OPTIONAL = ("hipe", "aries-1.0", "text")
_IDS = ("message_id", "thread_id", "parent_thread_id")
_SOURCE = tuple(name for name in Source.__struct_fields__ if name not in ("recipients", "side"))
"""The members of `source` that are one text each, and as long as the context may be."""
_texts_of = attrgetter(*_SOURCE)


def read(document: object) -> Problem | NotAProblem:
    """An object with the members of `Problem`. Unknown members become extensions; what follows from the code (key,
    severity, scope, category) and the text is filled in where it is missing. Raises Unreadable naming the member."""
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    members = {name: value for name, value in document.items() if name in _FIELDS and value is not None}
    unknown = {name: value for name, value in document.items() if name not in _FIELDS}
    if not members.get("code") and not _may_lack_code(members):
        raise Unreadable(UnreadableReason.MISSING_MEMBER, "/code", "a problem code")
    members["extensions"] = _extensions(members.get("extensions"), unknown)
    try:
        problem = msgspec.convert({"dialect": NAME, "code": "", **members}, Problem)
    except msgspec.ValidationError as error:
        raise unreadable(error, Problem) from None
    _check_bounds(problem)
    check_source(problem)
    return complete(problem, severity_stated="severity" in members)


def write(problem: Problem) -> dict[str, object]:
    """Every member that says something, as JSON types: the form that `read` takes back unchanged."""
    written = msgspec.to_builtins(problem)
    assert isinstance(written, dict)
    return {name: value for name, value in written.items() if value not in (None, [], {}, "")}


def looks_like(document: dict[str, object]) -> bool:
    """A code at the top (or what may lack one), and no member by which an RFC 9457 document is known."""
    stated = isinstance(document.get("code"), str) or _may_lack_code(document)
    return stated and "title" not in document and "status" not in document


def complete(problem: Problem, *, severity_stated: bool = False) -> Problem:
    """The problem with the members that follow from others filled in; what is stated already is not touched, also a
    severity that is stated to be unknown.
    But an empty id counts as absent and is flagged, or all problems that name no thread would share one."""
    problem = _without_empty_ids(problem)
    code = parse_code(problem.code)
    changes: dict[str, object] = {}
    if not problem.code_key:
        changes["code_key"] = code.key
    if problem.severity is Severity.UNKNOWN and not severity_stated:
        changes["severity"] = code.severity
    if problem.text is None and problem.text_template is not None:
        changes["text"] = interpolate(problem.text_template, problem.args)
    if not problem.context_ids:
        own = None if problem.thread_id_derived else problem.thread_id
        changes["context_ids"] = distinct([problem.parent_thread_id, own, *problem.ack])
    changes.update(_from_code(problem, code))
    return msgspec.structs.replace(problem, **changes)


def _may_lack_code(members: dict[str, object]) -> bool:
    """A text and a report of DIDComm v1 (docs/requirements.md#b1-18) may have no code: it is the empty string."""
    return members.get("dialect") in _CODE_OPTIONAL and bool(members.get("text"))


def _from_code(problem: Problem, code: Code) -> dict[str, object]:
    # A code_key that was given is another code's than v2 would read from the verbatim one: do not mix the two.
    if problem.code_key and problem.code_key != fold_code(problem.code):
        return {}
    found = {"scope": code.scope, "category": code.category}
    return {name: value for name, value in found.items() if value is not None and getattr(problem, name) is None}


def _extensions(stated: object, unknown: dict[str, object]) -> dict[str, str]:
    if stated is not None and not isinstance(stated, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/extensions", "an object")
    return {name: _json(value) for name, value in (stated or {}).items()} | {
        name: json_text(value) for name, value in unknown.items()
    }


def _json(value: object) -> str:
    """A stated extension that is JSON text stays; of plain text or an object the JSON is meant."""
    if isinstance(value, str):
        try:
            parse_json(value.encode())
        except Unreadable:
            return json_text(value)
        return value
    return json_text(value)


def check_source(problem: Problem) -> None:
    """Raises Unreadable naming the member of `source` that is too long, or has too many entries, to be worked with."""
    source = problem.source
    texts = [(name, text) for name, text in zip(_SOURCE, _texts_of(source), strict=True) if text]
    texts += [(f"recipients/{number}", recipient) for number, recipient in enumerate(source.recipients)]
    for name, text in texts:
        if len(text) > MAX_CONTEXT:
            raise Unreadable(UnreadableReason.TOO_LONG, f"/source/{name}", f"at most {MAX_CONTEXT} characters")
    if source.side not in (None, *SIDES):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/source/side", f"one of {', '.join(SIDES)}")
    if len(source.recipients) > MAX_RECIPIENTS:
        raise Unreadable(UnreadableReason.TOO_LONG, "/source/recipients", f"at most {MAX_RECIPIENTS} recipients")


def _check_bounds(problem: Problem) -> None:
    if len(problem.code) > MAX_CODE_LENGTH:
        raise Unreadable(UnreadableReason.TOO_LONG, "/code", f"at most {MAX_CODE_LENGTH} characters")
    for name in _IDS:
        if len(getattr(problem, name) or "") > MAX_ID_LENGTH:
            raise Unreadable(UnreadableReason.TOO_LONG, f"/{name}", f"at most {MAX_ID_LENGTH} characters")
    status = problem.http.status if problem.http else None
    for pointer, number in (("/noticed_at", problem.noticed_at), ("/http/status", status)):
        if number is not None and not -(2**63) <= number < 2**63:
            raise Unreadable(UnreadableReason.NUMBER_OUT_OF_RANGE, pointer, "a number of 64 bits")


def _without_empty_ids(problem: Problem) -> Problem:
    empty = [name for name in _IDS if getattr(problem, name) == ""]
    if not empty:
        return problem
    flagged = [*problem.violations, *(Violation(rule="empty-id", pointer=f"/{name}") for name in empty)]
    return msgspec.structs.replace(problem, violations=flagged, conformant=False, **dict.fromkeys(empty))
