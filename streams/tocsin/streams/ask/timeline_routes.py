"""Records with their error, and the time lines of records, threads and connections."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.ask_kinds import NOT_KNOWN
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.store.cursors import LARGEST_PAGE
from tocsin.connectors.store.structs import CaseEvent, Connection, Entry, Page, ProblemLine, Record, RecordRow
from tocsin.streams.ask.asking import Asking, answers, openapi, store_refusals
from tocsin.streams.ask.interaction_states import Passed, Standing, course_of, states_of
from tocsin.streams.ask.links import Links
from tocsin.streams.ask.parameters import listing_parameters
from tocsin.streams.ask.problem_answers import OBJECT, document, line
from tocsin.streams.ask.showing import page, page_schema, schema_of, shown

ENTRY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "entry": {"enum": ["problem", "activity", "case_event"]},
        "protocol": {"type": "string"}, "role": {"type": "string"}, "state_after": {"type": "string"},
    },
    "required": ["entry"],
}  # fmt: skip
LINE: dict[str, Any] = page_schema(ENTRY)

COURSE: dict[str, Any] = {"type": "array", "items": schema_of(Passed)}
THREAD = {**LINE, "properties": LINE["properties"] | {"course": COURSE}}

_OPEN = {"type": "boolean"}
_TRUST = {"type": "string", "description": "Of the error; `claimed`: nothing proves who sent it."}
RECORDS = b"/v1/records/"
LOOKED_BACK = 1000
"""Entries from which on nothing that is older is read for the sake of the states."""

Older = Callable[[str], Awaitable[Page[Entry]]]
"""The part of a time line behind a cursor."""


def timeline_routes(asking: Asking) -> APIRouter:
    """The routes."""
    router = APIRouter()
    listing = openapi(*listing_parameters())

    @router.get(
        "/v1/records/{record_type}/{record:path}",
        responses=answers(
            schema_of(RecordRow, error=OBJECT, trust=_TRUST, open={"type": "boolean"}, timeline=LINE, links=OBJECT)
        ),
        openapi_extra=listing,
    )
    async def record(request: Request, record_type: str, record: str) -> Response:
        """A record (a connection, an issuance, a job, ...) with its `error` (RFC 9457): the problem of the case that is
        open, else the last one; a claimed one only while there is no other (`trust`). And its time line, newest
        first."""
        asked, links, reader = asking.asked(request), asking.links(request), asking.reader(request)
        part = asked.listing()
        asked.done()
        record_type, record = _named(request, record_type, record)
        found = await asking.awaited(lambda: reader.record(record_type, record))
        with store_refusals():
            entries = await reader.record_line(record_type, record, part.cursor, part.limit)
            _, states = await _states(
                entries, lambda cursor: reader.record_line(record_type, record, cursor, LARGEST_PAGE)
            )
        document = _record(found, record_type, record, links)
        return asking.shown(request, "record", document | {"timeline": _page(entries, links, states)})

    @router.get("/v1/threads/{thread:path}", responses=answers(THREAD), openapi_extra=listing)
    async def thread(request: Request, thread: str) -> Response:
        """The time line of a thread, newest first: messages, problems, and what happened to their cases, each with the
        protocol's state after it; and where the thread stands now, on which course through the protocol's states."""
        asked, links, reader = asking.asked(request), asking.links(request), asking.reader(request)
        part = asked.listing()
        asked.done()
        with store_refusals():
            entries = await reader.thread(thread, part.cursor, part.limit)
            known, states = await _states(entries, lambda cursor: reader.thread(thread, cursor, LARGEST_PAGE))
        if not entries.items and part.cursor is None:
            raise Refusal(NOT_KNOWN)
        last = states.get(entries.items[0].id) if part.cursor is None else None
        now: dict[str, Any] = {} if last is None else _stands(last, "state")
        if part.cursor is None:
            now["course"] = [shown(one) for one in course_of(known, states)]
        return asking.shown(request, "thread", {"id": thread, **now, **_page(entries, links, states)})

    router.include_router(_connection_routes(asking))
    return router


def _connection_routes(asking: Asking) -> APIRouter:
    router = APIRouter()
    listing = openapi(*listing_parameters())

    @router.get("/v1/connections", responses=answers(page_schema(schema_of(Connection))), openapi_extra=listing)
    async def connections(request: Request) -> Response:
        """The connections, those first of which was heard last."""
        asked, links, reader = asking.asked(request), asking.links(request), asking.reader(request)
        part = asked.listing()
        asked.done()
        with store_refusals():
            found = await reader.connections(part.cursor, part.limit)
        rows = (_connection(one, links) for one in found.items)
        return asking.shown(request, "connections", page(found, links.next(found.cursor), rows))

    @router.get(
        "/v1/connections/{connection:path}",
        responses=answers(schema_of(Connection, timeline=LINE, links=OBJECT)),
        openapi_extra=listing,
    )
    async def connection(request: Request, connection: str) -> Response:
        """A connection as last heard of, and its time line, newest first."""
        asked, links, reader = asking.asked(request), asking.links(request), asking.reader(request)
        part = asked.listing()
        asked.done()
        with store_refusals():
            about = await reader.connection(connection)
            entries = await reader.connection_line(connection, part.cursor, part.limit)
            _, states = await _states(entries, lambda cursor: reader.connection_line(connection, cursor, LARGEST_PAGE))
        if about is None and not entries.items:
            raise Refusal(NOT_KNOWN)
        shows = {"id": connection} if about is None else _connection(about, links)
        return asking.shown(request, "connection", shows | {"timeline": _page(entries, links, states)})

    return router


def _named(request: Request, record_type: str, record: str) -> tuple[str, str]:
    """The type and the id as they stand in the path: either may have a slash, escaped."""
    kind, slash, name = request.scope["raw_path"].removeprefix(RECORDS).partition(b"/")
    return (unquote(kind), unquote(name)) if slash and b"%" in kind else (record_type, record)


def _record(found: Record, record_type: str, record: str, links: Links) -> dict[str, Any]:
    shows: dict[str, Any] = {"type": record_type, "id": record} if found.row is None else shown(found.row)
    shows |= {"open": found.open, "links": {"self": links.to("records", record_type, record)}}
    if found.row is not None and found.row.thread_id is not None:
        shows["links"]["thread"] = links.to("threads", found.row.thread_id)
    if found.row is not None and found.row.connection is not None:
        shows["links"]["connection"] = links.to("connections", found.row.connection)
    if found.error is not None:
        said = document(found.error, "rfc9457", links)
        shows["error"] = msgspec.Raw(said) if said is not None else line(found.error, links)
        shows["links"]["error"] = links.problem(found.error.id)
        if found.error.trust is not None:
            shows["trust"] = found.error.trust
    return shows


def _connection(row: Connection, links: Links) -> dict[str, Any]:
    around = {"self": links.to("connections", row.id)}
    if row.peer is not None:
        around["peer"] = links.to("peers", row.peer)
    return shown(row) | {"links": around}


async def _states(entries: Page[Entry], older: Older) -> tuple[list[Entry], dict[str, Standing]]:
    """Where each thread stands after each entry; for that, what went before the page is read as well, and returned
    with it."""
    known, cursor = list(entries.items), entries.cursor
    while cursor is not None and len(known) < LOOKED_BACK:
        before = await older(cursor)
        known, cursor = [*known, *before.items], before.cursor
    return known, states_of(known)


def _page(entries: Page[Entry], links: Links, states: dict[str, Standing]) -> dict[str, Any]:
    return page(entries, links.next(entries.cursor), (_entry(one, links, states.get(one.id)) for one in entries.items))


def _entry(one: Entry, links: Links, stands: Standing | None) -> dict[str, Any]:
    if isinstance(one, ProblemLine):
        shows = {"entry": "problem"} | line(one, links)
    elif isinstance(one, CaseEvent):
        shows = {"entry": "case_event"} | shown(one, *([] if one.case_id else ["case_id"]))
        shows |= {"links": {"case": links.to("cases", one.case_id)} if one.case_id else {}}
    else:
        shows = {"entry": "activity"} | shown(one)
    return shows if stands is None else shows | _stands(stands, "state_after")


def _stands(stands: Standing, name: str) -> dict[str, str]:
    told = {"protocol": stands.protocol, "role": stands.role, name: stands.state}
    return {key: value for key, value in told.items() if value is not None}
