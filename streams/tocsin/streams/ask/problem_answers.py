"""A problem in every form in which it can be answered. Pure: what is known goes in, bytes come out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request

from tocsin.connectors.gateway.cookies import told_in
from tocsin.connectors.store import Case, Told, status_of
from tocsin.connectors.store.structs import CaseRow, Occurrence, ProblemLine, Span
from tocsin.schemas.events import ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.ask.links import Links
from tocsin.streams.ask.showing import DATE_TIME, schema_of, shown
from tocsin.streams.rules.documents import document_of
from tocsin.streams.rules.notification import problem_json, thread_json, timestamp
from tocsin.streams.rules.wording import wording_of

OBJECT: dict[str, Any] = {"type": "object"}
ACTIONS = ("acknowledge", "snooze", "resolve")


class Known(Struct, frozen=True):
    """Everything that is known of a problem."""

    problem: Occurrence
    case: Case | None
    told: list[Told]


def read_problem(occurrence: Occurrence) -> Problem | None:
    """The canonical problem; None while only its decision is known."""
    return None if occurrence.document is None else msgspec.json.decode(occurrence.document, type=Problem)


def document(occurrence: Occurrence, dialect: str, links: Links) -> bytes | None:
    """The problem as a document of a dialect; None: that cannot say it, or the report is not known."""
    problem = read_problem(occurrence)
    return None if problem is None else document_of(problem, dialect, links.problem(occurrence.id))


def whole(
    known: Known, tenant: str, links: Links, now: int, languages: tuple[str, ...] = ()
) -> dict[str, Any]:  # fmt: skip
    """All that is known, for `application/json`; `wording` is what it means, in the first of these languages that
    there is."""
    row, problem = known.problem, read_problem(known.problem)
    context = row.context and msgspec.json.decode(row.context, type=ThreadContext)
    answer = line(row, links) | {"tenant": tenant, "instance": links.problem(row.id)}
    if problem is not None:
        answer["problem"] = problem_json(problem)
        answer["wording"] = wording_of(problem, languages, context.protocol if context else None)
    if context:
        answer["context"] = thread_json(context)
    if row.traceparent is not None:
        answer["traceparent"] = row.traceparent
    if known.case is not None:
        answer["case"] = case(known.case.row, links, now)
    return answer | {"deliveries": [delivery(one) for one in known.told]}


def line(row: ProblemLine, links: Links) -> dict[str, Any]:
    """A problem as lists show it, with where more of it is."""
    around = {
        "self": links.problem(row.id),
        "case": row.case_id and links.to("cases", row.case_id),
        "thread": (thread := row.thread_id or row.context_thread) and links.to("threads", thread),
        "connection": (at := row.connection or row.context_connection) and links.to("connections", at),
        "record": (name := row.record_id or row.context_record_id)
        and links.to("records", row.record_type or row.context_record_type or "-", name),
        "peer": row.sender and links.to("peers", row.sender),
    }
    without = ("known_by", "document", "context", "raw", "raw_media_type", "traceparent")
    return shown(row, *without) | {"links": {name: link for name, link in around.items() if link}}


def case(row: CaseRow, links: Links, now: int) -> dict[str, Any]:
    """A case with its status, who has it, and what may be done about it."""
    status, around = status_of(row, now), {"self": links.to("cases", row.id)}
    if row.last_report is not None:
        around["problem"] = links.problem(row.last_report)
    if row.thread_id is not None:
        around["thread"] = links.to("threads", row.thread_id)
    if row.connection is not None:
        around["connection"] = links.to("connections", row.connection)
    if row.record_id is not None:
        around["record"] = links.to("records", row.record_type or "-", row.record_id)
    around |= {name: links.to("problems", row.id, name) for name in ACTIONS}
    held_by, held_since = _held(row, status)
    more = {
        "status": status, "first_seen": _time(row.opened_at), "last_seen": _time(row.at), "held_by": held_by,
        "held_since": _time(held_since), "level": None if row.step is None else row.step + 1,
    }  # fmt: skip
    return shown(row) | {name: value for name, value in more.items() if value is not None} | {"links": around}


def _held(row: CaseRow, status: str) -> tuple[str | None, int | None]:
    """Who has a case, and since when: who acknowledged it last, or put it off. Nobody is assigned one."""
    if status == "acknowledged":
        return row.acknowledged_by, row.acknowledged_at
    return (row.snoozed_by, row.snoozed_at) if status == "snoozed" else (None, None)


def _time(at: int | None) -> str | None:
    return None if at is None else timestamp(at)


def pressed_at(request: Request) -> int | None:
    """When a button was pressed that did something, if that was just now (microseconds): the store may not have it
    yet."""
    told = told_in(request)
    since = told.get("since", "")
    return int(since) if told.get("outcome") == "done" and since.isascii() and since.isdigit() else None


def changed_since(row: CaseRow, at: int | None) -> bool:
    """Whether the store has what somebody wanted of a case then."""
    return at is None or max(row.acknowledged_at or 0, row.snoozed_at or 0, row.resolved_at or 0) >= at


def how_often(spans: Sequence[Span], begins: Sequence[int]) -> dict[str, Any]:
    """The reports of one case in spans of time one after another, the oldest first."""
    counts = {one.begin: one.count for one in spans}
    return {"since": timestamp(begins[0]), "counts": [counts.get(begin, 0) for begin in begins]}


def delivery(told: Told) -> dict[str, Any]:
    """A delivery with its attempts."""
    attempts = [shown(one, "delivery_id", "endpoint") for one in told.attempts]
    return shown(told.delivery, "attempts") | {"attempts": attempts}


LINE = schema_of(ProblemLine, links={"type": "object", "additionalProperties": {"type": "string"}})
SPANS: dict[str, Any] = {
    "type": "object",
    "properties": {"since": DATE_TIME, "counts": {"type": "array", "items": {"type": "integer"}}},
}
CASE = schema_of(
    CaseRow,
    status={"enum": ["open", "acknowledged", "snoozed", "resolved", "untold"]},
    first_seen=DATE_TIME,
    last_seen=DATE_TIME,
    held_by={"type": "string"},
    held_since=DATE_TIME,
    level={"type": "integer"},
    hours=SPANS,
    links={"type": "object", "additionalProperties": {"type": "string"}},
)
WHOLE: dict[str, Any] = {
    "type": "object",
    "properties": LINE["properties"]
    | {"tenant": {"type": "string"}, "instance": {"type": "string"}, "problem": OBJECT, "wording": OBJECT}
    | {
        "context": OBJECT,
        "case": CASE,
        "deliveries": {"type": "array", "items": OBJECT},
        "traceparent": {"type": "string"},
    },
    "required": ["id", "tenant", "instance", "deliveries", "links"],
}
"""The JSON Schema of `whole`."""
