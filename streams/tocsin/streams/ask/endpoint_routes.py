"""Endpoints: where each comes from, how it stands, and what became of the latest attempts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.admission import caller_of
from tocsin.connectors.gateway.ask_kinds import NOT_KNOWN
from tocsin.connectors.gateway.problems import Refusal
from tocsin.streams.ask.asking import Asking, answers, openapi, store_refusals
from tocsin.streams.ask.endpoint_facts import EndpointFacts, StandingPort, document_of
from tocsin.streams.ask.number_routes import DAY
from tocsin.streams.ask.parameters import SORTED, parameter, time_parameters
from tocsin.streams.ask.problem_answers import pressed_at
from tocsin.streams.ask.showing import schema_of

ONE = schema_of(EndpointFacts, attempts={"type": "integer"}, delivered={"type": "integer"}, links={"type": "object"})
STATES = ("enabled", "disabled")
OFF = ("disabled", "removed")
NOT_YET = "It is not so yet, and should be in a moment: load this page again."
_TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_LIST: dict[str, Any] = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": ONE}, "notes": _TEXTS},
    "required": ["items", "notes"],
}


def endpoint_routes(asking: Asking, standings: StandingPort) -> APIRouter:
    """The routes."""
    router = APIRouter()

    @router.get(
        "/v1/endpoints",
        responses=answers(_LIST),
        openapi_extra=openapi(SORTED, *time_parameters()[:1]),
    )
    async def endpoints(request: Request) -> Response:
        """The endpoints that the tenant's problems may be sent to: those of the rules file, and its own that were made
        while the bus runs; where from, how each stands, and what became of the tenant's own attempts in the last day
        (`since`), by the newest 5000. `notes` say what could not be known."""
        asked = asking.asked(request)
        since = asked.time("since", asking.clock() - DAY) or 0
        asked.done()
        items, notes = await _all(asking, standings, request, since)
        return asking.shown(request, "endpoints", {"items": items, "notes": notes})

    @router.get(
        "/v1/endpoints/{name:path}",
        responses=answers(ONE),
        openapi_extra=openapi(
            *time_parameters()[:1],
            parameter("expected", {"enum": list(STATES)}, "After a button of a page: what is waited for."),
        ),
    )
    async def endpoint(request: Request, name: str) -> Response:
        """One of them."""
        asked = asking.asked(request)
        since = asked.time("since", asking.clock() - DAY) or 0
        said = asked.word("expected", STATES)
        asked.done()
        expected = None if pressed_at(request) is None else said

        async def look() -> dict[str, Any] | None:
            items, notes = await _all(asking, standings, request, since)
            return next((one | {"notes": notes} for one in items if one["name"] == name), None)

        found = await look()
        if found is None:
            raise Refusal(NOT_KNOWN)
        if expected is not None and not _stands(found, expected):
            found = await asking.awaited(look, lambda found: _stands(found, expected))
            found["notes"] += [] if _stands(found, expected) else [NOT_YET]
        return asking.shown(request, "endpoint", found)

    return router


def _stands(one: dict[str, Any], expected: str) -> bool:
    return one["state"] == "unknown" or (one["state"] in OFF) == (expected == "disabled")


async def _all(
    asking: Asking, standings: StandingPort, request: Request, since: int
) -> tuple[list[dict[str, Any]], list[str]]:
    caller, links = caller_of(request), asking.links(request)
    with store_refusals():
        lately = await asking.reader(request).attempts_lately(since)
    known = await standings.every(caller.tenant, everything=caller.every_tenant, told=[*lately])
    items = [document_of(one, lately.get(one.name), links, everything=caller.every_tenant) for one in known.endpoints]
    return items, known.notes
