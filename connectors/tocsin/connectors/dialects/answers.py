"""What the answers of Web5 have in common, whether JSON-RPC or DWN: an id, a status, a code in front of the text."""

from __future__ import annotations

import re
from uuid import UUID

from tocsin.connectors.dialects.codes import parse_code
from tocsin.connectors.dialects.json_text import json_text, parse_json
from tocsin.connectors.dialects.members import MAX_ID_LENGTH, Members
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, Unwritable
from tocsin.schemas.problem import Http, Problem, Severity

STATUS_OF_CATEGORY = {
    "trust": 401,
    "xfer": 502,
    "did": 400,
    "msg": 400,
    "me": 500,
    "me.res": 503,
    "req": 400,
    "req.time": 408,
    "legal": 451,
}
"""The status under which a problem of another dialect goes out, by DIDComm v2 category; the longest match counts. Ours:
no specification relates the two."""
ANY_STATUS = 500
"""The status of a problem about which nothing else is known."""
MAX_NUMBER = 10**9
"""A status or error code beyond this is no code."""

_DIGITS = re.compile(r"-?[0-9]{1,10}")
_PREFIX = re.compile(r"(?P<code>[A-Z][A-Za-z0-9]+):(?:(?:\s+|(?<=[a-z]:)(?!/))(?P<message>.*))?", re.DOTALL)


class Success(NotAProblem, frozen=True, kw_only=True):
    """An answer that reports no problem, and what it said: `rpc_id` is None if it has none."""

    rpc_id: object = None
    status_code: int | None = None
    status_detail: str | None = None


def split_detail(text: str | None) -> tuple[str | None, str | None]:
    """The DwnErrorCode in front of a detail, and the message after it; (None, None) if there is none. Without
    white space after the colon, `Code:/a/json/pointer` and what ends in a capital (`DID:example:1`) are none
    (docs/requirements.md#b1-31)."""
    found = _PREFIX.fullmatch(text) if text else None
    return (found["code"], found["message"] or None) if found else (None, None)


def as_number(value: object) -> int | None:
    """A code as an integer, from an integer, a whole float or digits in text; None for anything else."""
    if value is None:
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_NUMBER:
        return None
    return value


def status_in_data(data: object) -> tuple[int, str | None] | None:
    """The DWN status that a JSON-RPC error carries: `error.data.status.code` (the servers of May 2023), else
    `error.data.code` (Web5 JS Error Handling); None without one (docs/requirements.md#b4-2)."""
    if not isinstance(data, dict):
        return None
    places = (data.get("status"), data)
    for place in places:
        code = as_number(place.get("code")) if isinstance(place, dict) else None
        if isinstance(place, dict) and code is not None and failing(code):
            detail = place.get("detail", place.get("message"))
            return code, detail if isinstance(detail, str) else None
    return None


def http_status(code: int | None) -> int | None:
    """The code, if it can be an HTTP status."""
    return code if code is not None and 100 <= code <= 599 else None


def failing(code: int) -> int | None:
    """The code, if it can be the HTTP status of an error."""
    return code if 400 <= code <= 599 else None


def http_of(code: int | None) -> Http | None:
    """The `http` of a problem whose HTTP equivalent is `code`."""
    status = http_status(code)
    return None if status is None else Http(status=status)


def take_rpc_id(envelope: Members) -> tuple[dict[str, str], str | None]:
    """The `id` of a JSON-RPC answer as an extension, and as the id to correlate on: never null (who answers a request
    that he could not read says null), nor what is no JSON-RPC id."""
    if "id" not in envelope.left:
        return {}, None
    value = envelope.left.pop("id")
    kept = {"id": json_text(value)}
    if value is None:
        return kept, None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        envelope.flag("id-not-an-id", "id")
        return kept, None
    text = value if isinstance(value, str) else kept["id"]
    if len(text) > MAX_ID_LENGTH:
        envelope.flag("id-too-long", "id")
        return kept, None
    return kept, text or None


def context_of(rpc_id: str | None) -> list[str]:
    """The id as a candidate for a thread, if it is a UUID: a counter would meet strangers' threads."""
    try:
        return [str(rpc_id)] if rpc_id and UUID(rpc_id) else []
    except ValueError:
        return []


def kept_value(problem: Problem, name: str) -> object:
    """An extension as the JSON value that it was; None if there is none, or it is no JSON."""
    try:
        return parse_json(problem.extensions[name].encode()) if name in problem.extensions else None
    except (Unreadable, UnicodeEncodeError):
        return None


def failing_status(problem: Problem, dialect: str) -> int:
    """The status, 400 to 599, that says this problem. Raises Unwritable for a warning, which is no failing answer."""
    if problem.severity is Severity.WARNING:
        raise Unwritable(dialect, "severity", "an error: a warning is no failing answer")
    stated = problem.http.status if problem.http else None
    if stated is not None and 400 <= stated <= 599:
        return stated
    category = problem.category or parse_code(problem.code).category or ""
    while category and category not in STATUS_OF_CATEGORY:
        category = category.rpartition(".")[0]
    return STATUS_OF_CATEGORY.get(category, ANY_STATUS)
