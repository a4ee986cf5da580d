"""The context that a request says beside its documents: headers `Tocsin-*` and query parameters, one naming scheme."""

from __future__ import annotations

from collections import defaultdict
from difflib import get_close_matches
from typing import Any

from starlette.requests import Request

from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.dialects.context import FIELDS, USUAL, ProblemContext, near_field, read_context
from tocsin.connectors.dialects.members import MAX_ID_LENGTH, escape, fold
from tocsin.connectors.gateway.problems import BAD_CONTEXT, Refusal

REQUEST_ID = "x-request-id"
"""The usual header of a request's id: it counts where neither the document nor the context names one."""

_PREFIX = "tocsin-"
_HEADERS = {name: f"{_PREFIX}{name.replace('_', '-')}" for name in FIELDS}
_OTHER_PARAMETERS = ("tenant", "dialect")
_OTHER_HEADERS = ("tenant", "by", "attempt", "replay")
"""Headers `Tocsin-*` that are no context; the last two are on every notification, which may be sent on to a bus."""

_OURS = "tocsin"
_NEAR = 0.8
"""How like a name of ours a parameter is, of 1, when it is taken for it misspelt: `recordd`, not `order_id`."""
_NAMES = frozenset(fold(name) for name in (*_OTHER_PARAMETERS, *FIELDS, *USUAL))

CONTEXT_PARAMETERS: list[dict[str, Any]] = [
    {"name": name if place == "query" else header.title(), "in": place, "schema": {"type": "string"}}
    for name, header in _HEADERS.items()
    for place in ("query", "header")
]
"""What OpenAPI says of them."""


def context_of(request: Request) -> ProblemContext:
    """What the headers and the query say of every document of the request, in any spelling (`recordId`). Raises
    Refusal: a header `Tocsin-*` that says nothing, a parameter that nearly says something, a value that cannot be, or
    two that differ. Recipients may be several: in one header, separated by commas, or repeated. Parameters of others
    (`token`, `utm_source`) say nothing to us."""
    stated: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in request.query_params.multi_items():
        if name not in _OTHER_PARAMETERS and not _is_foreign(name):
            stated[_field(name, (*_OTHER_PARAMETERS, *FIELDS))].append(value)
    for header, value in request.headers.items():
        name = header.removeprefix(_PREFIX)
        if name != header and name not in _OTHER_HEADERS:
            field = _field(name, (*_OTHER_HEADERS, *FIELDS))
            stated[field] += [one.strip() for one in value.split(",")] if field == "recipients" else [value]
    said: dict[str, object] = {}
    for name, values in stated.items():
        distinct = list(dict.fromkeys(value for value in values if value))
        if len(distinct) > 1 and name != "recipients":
            raise Refusal(BAD_CONTEXT, pointer=f"/context/{name}", expected="one value")
        if distinct:
            said[name] = distinct if name == "recipients" else distinct[0]
    try:
        return read_context(said)
    except Unreadable as unreadable:
        raise Refusal(BAD_CONTEXT, pointer=unreadable.pointer, expected=unreadable.expected) from None


def _is_foreign(parameter: str) -> bool:
    """Whether a query parameter is none of ours, nor one misspelt: proxies, gateways and trackers add theirs."""
    folded = fold(parameter[:MAX_ID_LENGTH])
    return not (folded in _NAMES or folded.startswith(_OURS) or get_close_matches(folded, _NAMES, 1, _NEAR))


def _field(name: str, known: tuple[str, ...]) -> str:
    """The field of a parameter or a header, without its prefix. Raises Refusal naming what it nearly is: a misspelt one
    would be lost without a word."""
    field = near_field(name)
    if field is None:
        said = name[:64].lower().replace("-", "_").removeprefix("tocsin_")
        near = get_close_matches(said, known, 1)
        expected = near[0] if near else f"only {', '.join(known)}"
        detail = f"{said} is not the name of anything here: did you mean {expected}?" if near else ""
        pointer = f"/context/{escape(name)}" if len(name) <= MAX_ID_LENGTH else "/context"
        raise Refusal(BAD_CONTEXT, pointer=pointer, expected=expected, detail=detail)
    return field


def request_id_of(request: Request) -> str | None:
    """The `X-Request-ID`, if it is one; a proxy's that cannot be used says nothing."""
    said = request.headers.getlist(REQUEST_ID)
    usable = len(said) == 1 and 0 < len(said[0]) <= MAX_ID_LENGTH and said[0].isprintable()
    return said[0] if usable else None
