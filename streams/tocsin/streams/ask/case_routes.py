"""Cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.store import Reader
from tocsin.connectors.store.cursors import LARGEST_PAGE
from tocsin.connectors.store.queries.cases import CaseFilter, CaseOrder, CaseState
from tocsin.connectors.store.queries.numbers import DAY, HOUR
from tocsin.connectors.store.structs import CaseEvent, Span
from tocsin.streams.ask.asking import Asking, answers, openapi, store_refusals
from tocsin.streams.ask.delivery_routes import DELIVERY
from tocsin.streams.ask.parameters import SEVERITIES, Asked, listing_parameters, parameter
from tocsin.streams.ask.problem_answers import (
    CASE,
    LINE,
    SPANS,
    case,
    changed_since,
    delivery,
    how_often,
    line,
    pressed_at,
)
from tocsin.streams.ask.showing import page, page_schema, schema_of, shown

STATES, SORTS = get_args(CaseState), get_args(CaseOrder)
HOURS, DAYS = 24, 30
"""How far back is counted hour by hour, and day by day."""
EVENTS: dict[str, Any] = {"type": "array", "items": schema_of(CaseEvent)}
WHOLE_CASE = {
    **CASE,
    "properties": CASE["properties"]
    | {"days": SPANS, "problems": page_schema(LINE), "events": EVENTS}
    | {"deliveries": {"type": "array", "items": DELIVERY}},
}


_PARAMETERS = (
    parameter("state", {"enum": list(STATES), "default": "open"}),
    parameter("sort", {"enum": list(SORTS), "default": "last_seen"}),
    parameter("severity", {"enum": list(SEVERITIES)}),
    *(parameter(name) for name in ("code", "connection")),
)


def case_routes(asking: Asking) -> APIRouter:
    """The routes."""
    router = APIRouter()

    @router.get(
        "/v1/cases",
        responses=answers(page_schema(CASE)),
        openapi_extra=openapi(*_PARAMETERS, *listing_parameters()),
    )
    async def cases(request: Request) -> Response:
        """The cases that are meant, in an order, the most first; each with its reports in the hours of the last day.
        Of cases in another order than `last_seen`, or with more than a state, the 50,000 that were reported last are
        looked through."""
        asked, links, now = asking.asked(request), asking.links(request), asking.clock()
        wanted = _wanted(asked, now)
        sort: Any = asked.word("sort", SORTS, "last_seen")
        part, reader = asked.listing(), asking.reader(request)
        asked.done()
        standing = await asking.standing(request)
        with store_refusals():
            found = await reader.cases(wanted, sort, part.cursor, part.limit)
            hours = await _hours(reader, [row.id for row in found.items], now)
        rows = (case(row, links, now) | {"hours": hours[row.id]} for row in found.items)
        return asking.shown(request, "cases", page(found, links.next(found.cursor), rows) | standing, in_order=True)

    @router.get("/v1/cases/{case_id}", responses=answers(WHOLE_CASE), openapi_extra=openapi(*listing_parameters()))
    async def one_case(request: Request, case_id: str) -> Response:
        """A case with its problems, newest first, what else happened to it, and what may be done about it."""
        return asking.shown(request, "case", await _whole(asking, request, case_id))

    return router


async def _whole(asking: Asking, request: Request, case_id: str) -> dict[str, Any]:
    asked, links, reader = asking.asked(request), asking.links(request), asking.reader(request)
    part = asked.listing()
    asked.done()
    standing = await asking.standing(request)
    found = await asking.awaited(
        lambda: reader.case(case_id, part.cursor, part.limit),
        lambda found: changed_since(found.row, pressed_at(request)),
    )
    now = asking.clock()
    with store_refusals():
        hours = (await _hours(reader, [case_id], now))[case_id]
        days = begins(now, DAY, DAYS)
        in_days = how_often(await reader.reports_in([case_id], days, DAY), days)
        told = await reader.told_of_case(case_id, LARGEST_PAGE)
    rows = (line(row, links) for row in found.problems.items)
    reports = page(found.problems, links.next(found.problems.cursor), rows)
    events = [shown(event) for event in found.events.items]
    more = {"hours": hours, "days": in_days, "problems": reports, "events": events} | standing
    deliveries = [delivery(one) for one in told]
    return case(found.row, links, now) | more | {"deliveries": deliveries}


def _wanted(asked: Asked, now: int) -> CaseFilter:
    """Which cases are meant; each is a parameter of the list."""
    return CaseFilter(
        state=asked.word("state", STATES, "open"),  # type: ignore[arg-type]
        severity=asked.word("severity", SEVERITIES),
        code=asked.text("code"),
        connection=asked.text("connection"),
        now=now,
    )


async def _hours(reader: Reader, cases: Sequence[str], now: int) -> dict[str, dict[str, Any]]:
    """Case -> its reports in each hour of the last day."""
    hours = begins(now, HOUR, HOURS)
    of_case: dict[str, list[Span]] = {one: [] for one in cases}
    for span in await reader.reports_in(cases, hours, HOUR):
        of_case[span.case].append(span)
    return {one: how_often(spans, hours) for one, spans in of_case.items()}


def begins(now: int, width: int, number: int) -> list[int]:
    """When so many spans of time begin that come one after another, the last of which is going on."""
    last = now - now % width
    return [last - width * back for back in reversed(range(number))]
