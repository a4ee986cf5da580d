"""Peers: what they send and how it is spoken with them, which rules they break, the report that the vendor of one can
be sent; and the loops that were stopped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.admission import caller_of
from tocsin.connectors.gateway.ask_kinds import NOT_KNOWN
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.store import Reader
from tocsin.connectors.store.bus_structs import Violation
from tocsin.connectors.store.queries.peers import PeerLine, Stopped
from tocsin.streams.ask.asking import Asking, answer, answers, openapi, store_refusals
from tocsin.streams.ask.endpoint_facts import StandingPort
from tocsin.streams.ask.forms import form_of
from tocsin.streams.ask.links import Links
from tocsin.streams.ask.loop_words import LOOP_WORDS
from tocsin.streams.ask.number_routes import DAY
from tocsin.streams.ask.parameters import SORTED, parameter, time_parameters
from tocsin.streams.ask.peer_facts import facts_of
from tocsin.streams.ask.peer_report import Broken, report_json, report_markdown
from tocsin.streams.ask.showing import schema_of, shown

FORMS = {"json": "application/json", "markdown": "text/markdown", "html": "text/html"}
MOST_RULES = 100
USUAL = 30 * DAY

_OBJECTS: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
_LINE = schema_of(PeerLine, links={"type": "object"})
_LIST: dict[str, Any] = {"type": "object", "properties": {"items": {"type": "array", "items": _LINE}}}
_REPORT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "peer": {"type": "string"}, "violations": _OBJECTS, "sent": {"type": "object"}, "protocols": _OBJECTS,
        "replies": _OBJECTS, "timeouts": {"type": "object"}, "stopped": _OBJECTS, "connections": _OBJECTS,
        "held_back": _OBJECTS,
        "links": {"type": "object"},
    },
    "required": ["peer", "violations", "sent", "replies"],
}  # fmt: skip
_LOOP = schema_of(Stopped, meaning={"type": "string"}, links={"type": "object"})
_LOOPS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": _LOOP}, "looked_at": {"type": "integer"}, "whole": {"type": "boolean"},
    },
    "required": ["items", "looked_at", "whole"],
}  # fmt: skip


def peer_routes(asking: Asking, standings: StandingPort | None = None) -> APIRouter:
    """The routes; without `standings` nothing is said of what is held back from a peer."""
    router = APIRouter()

    @router.get("/v1/peers", responses=answers(_LIST), openapi_extra=openapi(*time_parameters()[:1], SORTED))
    async def peers(request: Request) -> Response:
        """The peers of the last thirty days (`since`): how many reports each sent, how many rules these broke, when the
        last one came. The empty name is of reports of which nobody says who sent them."""
        asked, links = asking.asked(request), asking.links(request)
        since = asked.time("since", asking.clock() - USUAL) or 0
        asked.done()
        with store_refusals():
            found = await asking.reader(request).peer_lines(since - since % DAY)
        return asking.shown(request, "peers", {"items": [_line(one, links) for one in found]})

    @router.get(
        "/v1/peers/{peer:path}",
        responses=answers(_REPORT) | {406: {"description": "In no form that is accepted"}},
        openapi_extra=openapi(parameter("form", {"enum": list(FORMS)}), *time_parameters()[:1]),
    )
    async def report(request: Request, peer: str) -> Response:
        """What is known of a peer: what it sends, how long its answers take, which did not come, which loops with it
        were stopped; and its conformance report, which is also to be had as Markdown, for its vendor: which rules its
        reports break, what the specification asks for, since when, how often, and an example of each without its
        values."""
        form, now = form_of(request, asking.forms(FORMS)), asking.clock()
        asked, reader = asking.asked(request), asking.reader(request)
        asked.text("form")
        since = asked.time("since", now - USUAL) or 0
        asked.done()
        with store_refusals():
            if not await reader.is_known(peer):
                raise Refusal(NOT_KNOWN)
            violations = await reader.violations(peer, since - since % DAY)
            broken = [await _with_example(reader, one) for one in violations[:MOST_RULES]]
            if form == "markdown":
                return answer(request, report_markdown(peer, broken, since, now).encode(), FORMS["markdown"])
            known = await reader.of_peer(peer, since)
        said = report_json(peer, broken) | facts_of(known) | _around(peer, known.connections, asking.links(request))
        caller = caller_of(request)
        everything = caller.every_tenant
        held = None if standings is None else await standings.of_peer(peer, caller.tenant, everything=everything)
        if held is not None:
            said["held_back"] = [shown(one) for one in held]
        if form == "html":
            said["report"] = report_markdown(peer, broken, since, now)
        return asking.shown(request, "peer", said)

    router.include_router(_loop_routes(asking))
    return router


def _around(peer: str, connections: Iterable[str], links: Links) -> dict[str, Any]:
    """The connections of a peer, and where more is to be had."""
    around = {
        "self": links.to("peers", peer),
        "report": links.to("peers", peer, form="markdown"),
        "problems": links.to("problems", peer=peer),
    }
    listed = [{"id": one, "links": {"self": links.to("connections", one)}} for one in connections]
    return {"connections": listed, "links": around}


def _loop_routes(asking: Asking) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/loops", responses=answers(_LOOPS), openapi_extra=openapi(*time_parameters()[:1], SORTED))
    async def loops(request: Request) -> Response:
        """What went round in circles and was stopped, of the last day (`since`), by thread: why, how many reports were
        held back, since when. `whole` is false where more were held back than are looked at."""
        asked, links = asking.asked(request), asking.links(request)
        since = asked.time("since", asking.clock() - DAY) or 0
        asked.done()
        with store_refusals():
            found = await asking.reader(request).stopped_loops(since)
        items = [_loop(one, links) for one in found.loops]
        said = {"items": items, "looked_at": found.looked_at, "whole": found.whole}
        return asking.shown(request, "loops", said)

    return router


def _line(one: PeerLine, links: Links) -> dict[str, Any]:
    return shown(one) | ({"links": {"self": links.to("peers", one.peer)}} if one.peer else {})


def _loop(one: Stopped, links: Links) -> dict[str, Any]:
    around = {
        "last": links.problem(one.last_id),
        "thread": one.thread and links.to("threads", one.thread),
        "connection": one.connection and links.to("connections", one.connection),
        "peer": one.sender and links.to("peers", one.sender),
    }
    there = {name: link for name, link in around.items() if link}
    return shown(one) | {"meaning": LOOP_WORDS[one.reason], "links": there}


async def _with_example(reader: Reader, violation: Violation) -> Broken:
    return Broken(violation, None if violation.example is None else await reader.problem(violation.example))
