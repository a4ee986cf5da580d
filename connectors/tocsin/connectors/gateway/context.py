"""The context that a request says beside its documents: headers `Tocsin-*` and query parameters, one naming scheme."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.dialects.context import FIELDS, ProblemContext, read_context
from tocsin.connectors.dialects.members import MAX_ID_LENGTH
from tocsin.connectors.gateway.problems import BAD_CONTEXT, Refusal

REQUEST_ID = "x-request-id"
"""The usual header of a request's id: it counts where neither the document nor the context names one."""

_HEADERS = {name: f"tocsin-{name.replace('_', '-')}" for name in FIELDS}

CONTEXT_PARAMETERS: list[dict[str, Any]] = [
    {"name": name if place == "query" else header.title(), "in": place, "schema": {"type": "string"}}
    for name, header in _HEADERS.items()
    for place in ("query", "header")
]
"""What OpenAPI says of them."""


def context_of(request: Request) -> ProblemContext:
    """What the headers and the query say of every document of the request. Raises Refusal: a value that cannot be, or
    two that differ. Recipients may be several: in one header, separated by commas, or repeated."""
    said: dict[str, object] = {}
    for name, header in _HEADERS.items():
        values = [*request.query_params.getlist(name), *request.headers.getlist(header)]
        if name == "recipients":
            listed = [one.strip() for value in request.headers.getlist(header) for one in value.split(",")]
            values = [*request.query_params.getlist(name), *listed]
        distinct = list(dict.fromkeys(value for value in values if value))
        if len(distinct) > 1 and name != "recipients":
            raise Refusal(BAD_CONTEXT, pointer=f"/context/{name}", expected="one value")
        if distinct:
            said[name] = distinct if name == "recipients" else distinct[0]
    try:
        return read_context(said)
    except Unreadable as unreadable:
        raise Refusal(BAD_CONTEXT, pointer=unreadable.pointer, expected=unreadable.expected) from None


def request_id_of(request: Request) -> str | None:
    """The `X-Request-ID`, if it is one; a proxy's that cannot be used says nothing."""
    said = request.headers.getlist(REQUEST_ID)
    usable = len(said) == 1 and 0 < len(said[0]) <= MAX_ID_LENGTH and said[0].isprintable()
    return said[0] if usable else None
