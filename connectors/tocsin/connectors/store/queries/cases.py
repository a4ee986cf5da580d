"""Questions about cases, and about the record that a case spoils."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Subquery, Table, and_, func, not_, tuple_
from sqlalchemy import case as case_when

from tocsin.connectors.store.cursors import page_of, page_size, sorted_place_of
from tocsin.connectors.store.queries import problems as ask_problems
from tocsin.connectors.store.scope import Scope
from tocsin.connectors.store.structs import CaseEvent, CaseRow, Page, ProblemLine, Record, RecordRow, Span
from tocsin.connectors.store.tables import activity, case_events, cases, problems, records
from tocsin.schemas.problem import CLAIMED

CaseState = Literal["open", "unacknowledged", "escalated", "acknowledged", "snoozed", "resolved", "any"]
Columns = Any
"""The columns of the table of cases, or of some of them."""
CaseOrder = Literal["last_seen", "first_seen", "count", "severity"]
NO_REPLY = "A reply did not come in time"
"""What a case of a timeout is called."""
LOOKED_THROUGH = 50_000
"""How many cases are gone through for an order, or a filter, that no index has."""
MOST_COUNTED = 1000
"""Up to how many reports of a span of time are counted."""
STATES_LOOKED_AT = 1000
"""The last states of a record that were heard, among which the last one by its own clock is looked for."""
LOOKED_AT = 50
"""The last problems of a record, among which one of an open case is looked for."""


class CaseFilter(Struct, frozen=True, kw_only=True):
    """Which cases are meant; None: any. `code` is a code or the beginning of one, up to a dot; `now` (microseconds) is
    when a snooze may be over."""

    state: CaseState = "open"
    severity: str | None = None
    code: str | None = None
    connection: str | None = None
    now: int = 0

    def conditions(self, columns: Columns) -> list[ColumnElement[bool]]:
        """What each must fulfil, apart from being resolved or not."""
        equal = (("severity", self.severity), ("connection", self.connection))
        wanted = [columns[name] == value for name, value in equal if value is not None]
        wanted += _refined(self.state, columns, self.now)
        return wanted if self.code is None else [*wanted, ask_problems.under_code(columns.code_key, self.code)]


class Sorting(NamedTuple):
    """An order of cases: the columns that it goes by, their values in a row, and the types of those."""

    by: Callable[[Columns], Sequence[ColumnElement[Any]]]
    of: Callable[[CaseRow], tuple[int | str, ...]]
    kind: Any


_RANKS = {"error": 2, "warning": 1}
ORDERS: Mapping[CaseOrder, Sorting] = {
    "last_seen": Sorting(lambda c: (c.at, c.id), lambda row: (row.at or 0, row.id), tuple[int, str]),
    "first_seen": Sorting(lambda c: (c.opened_at, c.id), lambda row: (row.opened_at or 0, row.id), tuple[int, str]),
    "count": Sorting(
        lambda c: (func.coalesce(c.count, 0), c.id), lambda row: (row.count or 0, row.id), tuple[int, str]
    ),
    "severity": Sorting(
        lambda c: (case_when(_RANKS, value=c.severity, else_=0), c.at, c.id),
        lambda row: (_RANKS.get(row.severity or "", 0), row.at or 0, row.id),
        tuple[int, int, str],
    ),
}


def _standing(columns: Columns, now: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Of a case that is not resolved: whether it is acknowledged, and whether it is snoozed; as `status_of` has it."""
    since = func.coalesce(columns.reopened_at, columns.opened_at)
    taken = func.coalesce(columns.acknowledged_at, 0)
    put_off = func.coalesce(columns.snoozed_at, 0)
    acknowledged = and_(taken > since, taken >= put_off)
    snoozed = and_(put_off > since, func.coalesce(columns.snoozed_until, 0) > now, not_(acknowledged))
    return acknowledged, snoozed


def _ended(state: CaseState) -> list[ColumnElement[bool]]:
    if state == "any":
        return []
    return [cases.c.resolved_at.is_not(None) if state == "resolved" else cases.c.resolved_at.is_(None)]


def _refined(state: CaseState, columns: Columns, now: int) -> list[ColumnElement[bool]]:
    """What cases in this state fulfil besides being resolved, or not."""
    acknowledged, snoozed = _standing(columns, now)
    waiting = [not_(acknowledged), not_(snoozed)]
    return {
        "unacknowledged": waiting,
        "escalated": [*waiting, columns.escalation.in_(RUNNING)],
        "acknowledged": [acknowledged],
        "snoozed": [snoozed],
    }.get(state, [])


RUNNING = ("raised", "stepped", "snoozed", "exhausted")
"""What an escalation is that somebody is being, or was, told of, and that nobody has answered."""


class Case(Struct, frozen=True):
    """A case with its last problems and what else happened to it, newest first."""

    row: CaseRow
    problems: Page[ProblemLine]
    events: Page[CaseEvent]


def one(scope: Scope, case: str, cursor: str | None, limit: int) -> Case | None:
    """The case of this id. The cursor is that of its problems. Raises CursorInvalid."""
    row = scope.one(CaseRow, cases, cases.c.id == case)
    if row is None or row.opened_at is None:
        row = _of_timeout(scope, case, row)
    if row is None:
        return None
    reports = ask_problems.page(scope, ask_problems.Filter(case=case), cursor, limit)
    return Case(row, reports, events(scope, case, None, limit))


def _of_timeout(scope: Scope, case: str, row: CaseRow | None) -> CaseRow | None:
    """The case of a reply that did not come, which nobody reports: as what happened to it says."""
    late = scope.structs(
        CaseEvent, case_events, case_events.c.case_id == case, case_events.c.kind == "TimeoutNoticed",
        order=[case_events.c.at, case_events.c.id], limit=LOOKED_AT,
    )  # fmt: skip
    if not late:
        return row
    told = (one.at for one in late if one.detail and msgspec.json.decode(one.detail).get("endpoints"))
    known: dict[str, Any] = {name: getattr(row, name, None) for name in CaseRow.__struct_fields__}
    here = {"id": case, "title": NO_REPLY, "opened_at": next(told, None), "at": late[-1].at}
    here |= {"thread_id": late[0].thread_id, "connection": late[0].connection}
    return CaseRow(**known | {name: value for name, value in here.items() if known[name] is None})


def events(scope: Scope, case: str, cursor: str | None, limit: int) -> Page[CaseEvent]:
    """What happened to a case besides its reports. Raises CursorInvalid."""
    return scope.page(CaseEvent, case_events, case_events.c.case_id == case, cursor=cursor, limit=limit)


def page(scope: Scope, wanted: CaseFilter, order: CaseOrder, cursor: str | None, limit: int) -> Page[CaseRow]:
    """The cases that are meant, in this order, the most first. Unless they are all of a state, and those first that
    were reported last, only LOOKED_THROUGH of them are looked through: those that were reported last. Raises
    CursorInvalid."""
    limit, sorting = page_size(limit), ORDERS[order]
    place = sorted_place_of(cursor, order, sorting.kind)
    where = [cases.c.opened_at.is_not(None), cases.c.at.is_not(None), *_ended(wanted.state)]
    table: Table | Subquery = cases
    if order != "last_seen" or wanted.conditions(cases.c):
        table = scope.latest(cases, *where, most=LOOKED_THROUGH)
        where = wanted.conditions(table.c)
    by = sorting.by(table.c)
    behind = [] if place is None else [tuple_(*by) < tuple_(*place)]
    found = scope.structs(CaseRow, table, *where, *behind, order=[one.desc() for one in by], limit=limit + 1)
    return page_of(found, limit, lambda row: (order, *sorting.of(row)))


def reports_in(scope: Scope, ids: Sequence[str], begins: Sequence[int], width: int) -> list[Span]:
    """How many reports of each of these cases came in the spans of so many microseconds that begin then; without those
    that had none, and counted up to MOST_COUNTED."""
    found = scope.reports_in(ids, begins, width, MOST_COUNTED) if ids else []
    return [Span(row[0], row[1], row[2]) for row in found if row[2]]


def record(scope: Scope, record_type: str, record_id: str) -> Record | None:
    """The record with its error, a claimed one only while there is no other; None when nothing was heard of it."""
    row = scope.one(RecordRow, records, records.c.type == record_type, records.c.id == record_id)
    proven = func.coalesce(problems.c.trust, "") != CLAIMED
    # Whoever can claim anything of a thread shall not say what its record's error is.
    lines = ask_problems.of_record(scope, record_type, record_id, proven, limit=LOOKED_AT)
    lines = lines or ask_problems.of_record(scope, record_type, record_id, limit=LOOKED_AT)
    if row is None and not lines:
        return None
    ids = {line.case_id for line in lines if line.case_id is not None}
    open_ids = {
        found[0]
        for found in scope.rows(
            [cases.c.id], cases, cases.c.id.in_(ids), cases.c.opened_at.is_not(None), cases.c.resolved_at.is_(None)
        )
    }
    spoiling = next((line for line in lines if line.case_id in open_ids), None)
    last = spoiling or next(iter(lines), None)
    error = None if last is None else ask_problems.one(scope, last.id)
    if row is not None:
        row = msgspec.structs.replace(row, state=_state(scope, record_type, record_id) or row.state)
    return Record(row, error, spoiling is not None)


def _state(scope: Scope, record_type: str, record_id: str) -> str | None:
    """The state that is the last by the record's own clock, as the rules have it: a program may tell of it in whatever
    order. Of those at one time what was heard last."""
    about = (activity.c.record_type == record_type, activity.c.record_id == record_id)
    latest = scope.latest(activity, *about, activity.c.record_state.is_not(None), most=STATES_LOOKED_AT)
    heard = latest.c
    order = [func.coalesce(heard.occurred_at, heard.at).desc(), heard.at.desc(), heard.id.desc()]
    found = scope.rows([heard.record_state], latest, order=order, limit=1)
    return found[0][0] if found else None


def first_at(scope: Scope) -> int | None:
    """The time of the oldest problem that is there."""
    oldest = scope.rows([problems.c.at], problems, order=[problems.c.at], limit=1)
    return int(oldest[0][0]) if oldest else None
