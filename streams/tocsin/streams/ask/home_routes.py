"""What is going on: the first page of whoever looks after a tenant, and the same as JSON."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.admission import caller_of
from tocsin.connectors.store import status_of
from tocsin.connectors.store.bus_structs import Minute, SilenceRow
from tocsin.connectors.store.queries.peers import Stopped
from tocsin.streams.ask.asking import Asking, answers, openapi, store_refusals
from tocsin.streams.ask.links import Links
from tocsin.streams.ask.number_routes import DAY
from tocsin.streams.ask.problem_answers import CASE, LINE, OBJECT, case, line
from tocsin.streams.ask.showing import shown
from tocsin.streams.rules.notification import timestamp

NEWEST, CASES, CODES, LOOPS = 20, 50, 12, 20
"""How many problems, cases, codes and loops are shown."""

MINUTE = 60_000_000
MINUTES = 60


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


HOME: dict[str, Any] = {
    "type": "object",
    "properties": {
        "tenant": {"type": "string"}, "tenants": _list({"type": "string"}), "escalations": _list(CASE),
        "open": _list(CASE), "rates": OBJECT, "problems": _list(LINE), "stopped": _list(OBJECT),
        "silences": _list(OBJECT), "links": OBJECT,
    },
    "required": ["tenant", "escalations", "open", "rates", "problems", "stopped", "silences", "links"],
}  # fmt: skip


def home_routes(asking: Asking) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.get("/v1/home", responses=answers(HOME), openapi_extra=openapi())
    async def home(request: Request) -> Response:
        """What is going on: open escalations, other open cases, how often which code was reported in each minute of the
        last hour, the newest problems, which loops were stopped in the last day, and what is silenced. Who may see
        every tenant is also told which there are."""
        asked, links, now = asking.asked(request), asking.links(request), asking.clock()
        asked.done()
        reader, caller = asking.reader(request), caller_of(request)
        standing = await asking.standing(request)
        with store_refusals():
            found = await reader.cases(limit=CASES)
            newest = await reader.problems(limit=NEWEST)
            minutes = await reader.by_minute(now - now % MINUTE - (MINUTES - 1) * MINUTE)
            stopped = await reader.stopped_loops(now - DAY)
            silences = [shown(one) for one in (await reader.silences()).items if _holds(one, now)]
            tenants = await asking.store.tenants() if caller.every_tenant else None
        cases = [case(row, links, now) for row in found.items]
        paging = {row.id for row in found.items if row.escalation and status_of(row, now) == "open"}
        document = {
            "tenant": caller.tenant,
            "escalations": [one for one in cases if one["id"] in paging],
            "open": [one for one in cases if one["id"] not in paging],
            "rates": rates(minutes, now),
            "problems": [line(row, links) for row in newest.items],
            "stopped": [_loop(one, links) for one in stopped.loops[:LOOPS]],
            "silences": silences,
            "links": {"problems": links.to("problems"), "cases": links.to("cases")},
        }
        told = standing | ({} if tenants is None else {"tenants": tenants})
        return asking.shown(request, "home", document | told)

    return router


def rates(minutes: list[Minute], now: int) -> dict[str, Any]:
    """How often each code was reported in each of the last sixty minutes, the oldest first; the codes that were
    reported most, and all others together."""
    begin = now - now % MINUTE - (MINUTES - 1) * MINUTE
    series: dict[str, list[int]] = {}
    for one in minutes:
        place = (one.minute - begin) // MINUTE
        if 0 <= place < MINUTES:
            series.setdefault(one.code, [0] * MINUTES)[place] += one.count
    ordered = sorted(series.items(), key=lambda item: (-sum(item[1]), item[0]))
    codes = [{"code": code, "count": sum(counts), "minutes": counts} for code, counts in ordered[:CODES]]
    others = [sum(column) for column in zip(*(counts for _, counts in ordered[CODES:]), strict=True)]
    total = [sum(column) for column in zip(*series.values(), strict=True)] or [0] * MINUTES
    return {
        "since": timestamp(begin), "codes": codes, "total": {"count": sum(total), "minutes": total},
        **({"others": {"count": sum(others), "codes": len(ordered) - CODES, "minutes": others}} if others else {}),
    }  # fmt: skip


def _loop(one: Stopped, links: Links) -> dict[str, Any]:
    around = {
        "problem": links.problem(one.last_id),
        "thread": one.thread and links.to("threads", one.thread),
        "connection": one.connection and links.to("connections", one.connection),
    }
    return shown(one) | {"links": {name: link for name, link in around.items() if link}}


def _holds(silence: SilenceRow, now: int) -> bool:
    return not silence.removed and (silence.starts_at or 0) <= now < (silence.ends_at or 0)
