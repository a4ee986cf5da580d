"""RFC 9457 problem details, `application/problem+json` (docs/requirements.md#b1-32).

A member of the wrong type is ignored, as RFC 9457 section 3.1 demands, flagged, and kept as an extension. `code` is the
`type` verbatim, or, of a document whose type says nothing (`about:blank`, or none), its member `code`; the severity is
always error, unless the code begins `w.` (docs/requirements.md#b1-5).
"""

from __future__ import annotations

import re
from urllib.parse import quote

from tocsin.connectors.dialects.answers import as_number
from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH, fold_code, parse_code
from tocsin.connectors.dialects.context import is_usable, usual_members, with_context
from tocsin.connectors.dialects.didcomm1 import typed_items
from tocsin.connectors.dialects.json_text import json_text, parse_json
from tocsin.connectors.dialects.members import as_extensions, escape
from tocsin.connectors.dialects.ordering import order_of_v1
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, UnreadableReason
from tocsin.connectors.dialects.values import as_uri, write_time
from tocsin.schemas.problem import Http, Item, Problem, RetryParty, Violation

NAME = "rfc9457"
BLANK = "about:blank"
"""The type of a problem that says no more than its status (RFC 9457 section 4.2.1); also what an absent type means."""
_TEXTS = ("type", "title", "detail", "instance")
_KNOWN = (*_TEXTS, "status")
_NOT_IN_URI = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]")
_BETWEEN = re.compile(r"[/:#]")
_DETAIL_LISTS = ("errors", "violations", "invalid-params", "invalid_params", "invalidParams")


def read(document: object) -> Problem | NotAProblem:
    """A problem document as a canonical problem; unknown members are kept whole as extensions, and those with usual
    names (`context.USUAL`) say what it is about. Raises Unreadable when
    it is not an object or its type is longer than any code may be."""
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    violations: list[Violation] = []
    texts = {name: _text(document, name, violations) for name in _TEXTS}
    status = _status(document.get("status"), violations)
    code = texts["type"] or BLANK
    own = _own_code(document) if code == BLANK else None
    code = own or code
    if len(code) > MAX_CODE_LENGTH:
        raise Unreadable(UnreadableReason.TOO_LONG, "/type", f"at most {MAX_CODE_LENGTH} characters")
    taken = {name for name in _KNOWN if document.get(name) in (None, "") or texts.get(name) is not None}
    if status is not None:
        taken.add("status")
    extensions = {name: value for name, value in document.items() if name not in taken}
    parsed = parse_code(code)
    context = usual_members(extensions, violations)
    problem = Problem(
        dialect=NAME,
        conformant=not violations,
        violations=violations,
        code=code,
        code_key=_key(code, status) if own is None else fold_code(own),
        category=parsed.category,
        severity=parsed.severity,
        scope=parsed.scope,
        text=texts["detail"] or texts["title"],
        items=_items(extensions),
        http=Http(
            type=texts["type"], title=texts["title"], status=status, detail=texts["detail"], instance=texts["instance"]
        ),
        extensions=as_extensions(("", extensions)),
    )
    return with_context(problem, context)


def write(problem: Problem) -> dict[str, object]:
    """The problem as a problem document. What RFC 9457 has no member for goes out as extensions, named as in canonical
    form, unless a reader could make nothing of the value; a problem that came as RFC 9457 goes out with the members it
    came with."""
    http = problem.http or Http()
    document: dict[str, object] = {}
    if problem.dialect == NAME:
        for name, text in problem.extensions.items():
            if name not in _KNOWN:
                document[name] = _extension(text)
    else:
        for name in ("code", "severity", "scope", "category", "thread_id", "parent_thread_id", "tracking_uri"):
            value = getattr(problem, name)
            if value and is_usable(name, value):
                document[name] = value
        document |= _told_more(problem)
    status = http.status if http.status is not None and 400 <= http.status <= 599 else None
    standard = {
        "type": _reference(http.type or ("" if problem.dialect == NAME else problem.code or BLANK)),
        "title": http.title,
        "status": status,
        "detail": http.detail or (problem.text if problem.text != http.title else None),
        "instance": _reference(http.instance),
    }
    return {name: value for name, value in standard.items() if value is not None} | document


def _told_more(problem: Problem) -> dict[str, object]:
    """What else a report says: its texts by language, items in their JSON types, whose turn it is, where and when."""
    party = problem.retry_party
    said = {
        "message_id": problem.message_id,
        "localized": problem.localized,
        "items": [{"value": value} | ({"key": key} if key else {}) for key, value in typed_items(problem)],
        "retry_party": None if party is RetryParty.UNKNOWN else party.value,
        "fix_hint": problem.fix_hint,
        "where_party": problem.where_party,
        "where_place": problem.where_place,
        "noticed_at": write_time(problem.noticed_at),
        "escalation_uri": as_uri(problem.escalation_uri),
    }
    return {name: value for name, value in said.items() if value} | order_of_v1(problem, NAME)


def looks_like(document: dict[str, object]) -> bool:
    """At least two of its members in their types: any single one stands in objects of every kind."""
    named = [name for name in _TEXTS if isinstance(document.get(name), str)]
    status = as_number(document.get("status"))
    return len(named) + (status is not None and 100 <= status <= 599) >= 2


def _reference(text: str | None) -> str | None:
    """As a URI reference: what may not stand in one is percent-encoded (RFC 9457 section 3.1; RFC 3986 section 2)."""
    return _NOT_IN_URI.sub(lambda found: quote(found.group(), safe="", errors="replace"), text) if text else None


def _extension(text: str) -> object:
    """An extension as the JSON value that it was; what a publisher put there that is no JSON goes out as its text."""
    try:
        return parse_json(text.encode(errors="replace"))
    except Unreadable:
        return text.encode(errors="replace").decode()


def _text(document: dict[str, object], name: str, violations: list[Violation]) -> str | None:
    value = document.get(name)
    if value is None or isinstance(value, str):
        return value or None
    violations.append(Violation(rule="not-a-string", pointer=f"/{escape(name)}"))
    return None


def _status(value: object, violations: list[Violation]) -> int | None:
    if value is None:
        return None
    status = as_number(value)
    if status is not None and 100 <= status <= 599:
        if isinstance(value, str):
            violations.append(Violation(rule="status-not-a-number", pointer="/status"))
        if status < 400:
            violations.append(Violation(rule="status-not-an-error", pointer="/status"))
        return status
    violations.append(Violation(rule="status-invalid", pointer="/status"))
    return None


def _own_code(document: dict[str, object]) -> str | None:
    """The extension `code`, by which many services say what is wrong beside a type that says nothing; None for what is
    no code."""
    said = document.get("code")
    said = said.strip() if isinstance(said, str) else ""
    return said if 0 < len(said) <= MAX_CODE_LENGTH else None


def _key(code: str, status: int | None) -> str:
    """The last segment of the type; `about:blank` stands for its status (RFC 9457 section 4.2.1)."""
    if code == BLANK:
        return f"http-{status}" if status else BLANK
    segments = [part for part in _BETWEEN.split(code) if part]
    return fold_code(segments[-1] if segments else code)


def _items(extensions: dict[str, object]) -> list[Item]:
    """The single errors of a validation problem, in the shapes that frameworks use."""
    for name in _DETAIL_LISTS:
        entries = extensions.get(name)
        if isinstance(entries, list):
            return [_item(entry) for entry in entries]
    return []


def _item(entry: object) -> Item:
    if not isinstance(entry, dict):
        return Item(value=entry if isinstance(entry, str) else json_text(entry))
    key = next((entry[name] for name in ("pointer", "name", "field", "parameter") if name in entry), None)
    text = next((entry[name] for name in ("detail", "reason", "message", "msg") if name in entry), None)
    return Item(key=key if isinstance(key, str) else None, value=text if isinstance(text, str) else json_text(entry))
