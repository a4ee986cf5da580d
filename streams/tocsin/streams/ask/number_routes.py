"""Numbers: how often which code was reported, what became of the reports, hour by hour."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.streams.ask.asking import Asking, answers, openapi, store_refusals
from tocsin.streams.ask.parameters import parameter, refused, time_parameters
from tocsin.streams.ask.showing import DATE_TIME
from tocsin.streams.rules.notification import timestamp

KINDS = ("code", "outcome", "dialect")
HOUR = 3_600_000_000
DAY = 24 * HOUR
LONGEST = 92 * DAY
"""The longest time that is counted at once."""

MOST = 200

_COUNT: dict[str, Any] = {"name": {"type": "string"}, "count": {"type": "integer"}}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "by": {"enum": list(KINDS)}, "since": DATE_TIME, "until": DATE_TIME,
        "top": {"type": "array", "items": {"type": "object", "properties": _COUNT}},
        "hours": {"type": "array", "items": {"type": "object", "properties": {"hour": DATE_TIME} | _COUNT}},
    },
    "required": ["by", "since", "until", "top", "hours"],
}  # fmt: skip


def number_routes(asking: Asking) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.get(
        "/v1/statistics",
        responses=answers(SCHEMA),
        openapi_extra=openapi(
            parameter("by", {"enum": list(KINDS), "default": "code"}),
            parameter("name", description="Only this code, outcome or dialect, hour by hour."),
            parameter("limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": 20}),
            *time_parameters(),
        ),
    )
    async def statistics(request: Request) -> Response:
        """What was reported most in a time (the last day, unless something else is said), and how much in each of its
        hours: reports by code or dialect, or what became of them (`suppressed:identical`). Hours are whole."""
        asked, now, reader = asking.asked(request), asking.clock(), asking.reader(request)
        by, name, limit = asked.word("by", KINDS, "code"), asked.text("name"), asked.number("limit", 20, MOST)
        since, until = asked.time("since", now - DAY), asked.time("until", now)
        asked.done()
        assert since is not None
        assert until is not None
        since -= since % HOUR
        if not since < until <= since + LONGEST:
            raise refused("since", "it is not before `until`, or more than 92 days before", "a shorter time")
        names = None if name is None else [name]
        with store_refusals():
            top = await reader.top(by, since, until, limit)  # type: ignore[arg-type]
            hours = await reader.by_hour(by, since, until, names)  # type: ignore[arg-type]
        return asking.shown(
            request,
            "statistics",
            {
                "by": by,
                "since": timestamp(since),
                "until": timestamp(until),
                "top": [{"name": one.name, "count": one.count} for one in top],
                "hours": [
                    {"hour": timestamp(one.hour), "count": one.count} | ({"name": one.name} if one.name else {})
                    for one in hours
                ],
            },
        )

    return router
