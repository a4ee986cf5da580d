"""What was going on when a problem struck: its thread, its interaction, its connection, its record.

A problem is counted on the thread that it states, else on the first known one that its ids lead to. Its case keeps its
id whatever is found (DESIGN 3); what is not known yet is waited for (rules.context.late).
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tocsin.schemas.events import ProblemReported, ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.interaction import Strike, known_protocol, strike
from tocsin.streams.rules.context.references import Found, find, is_stated, point, record_of, wait
from tocsin.streams.rules.context.threads import (
    MAX_CODE,
    MAX_PARENTS,
    Told,
    clip,
    context_from,
    context_of,
    linkable,
    put_thread,
    thread_row,
    with_code,
    with_waiting,
)
from tocsin.streams.rules.state import ThreadRow

__all__ = ["MAX_CODE", "MAX_PARENTS", "context_of", "enrich"]


class _Place(Struct, frozen=True):
    """Where a problem counts (`thread_id`: None on no thread, then nothing is kept; `row`: with it counted), and whose
    interaction it interrupts (`struck`, the row of `struck_id`; mostly the same)."""

    thread_id: str | None
    row: ThreadRow
    struck_id: str | None
    struck: ThreadRow

    @property
    def apart(self) -> bool:
        return self.struck_id != self.thread_id


def enrich(report: ProblemReported, case: str, rows: Rows, now: int, config: DecideConfig) -> ThreadContext:
    """Count a problem on its thread's row and return what is then known."""
    problem, tenant, ttl = report.problem, report.tenant, config.thread_ttl
    own = thread_row(problem.thread_id, tenant, rows) if problem.thread_id else None
    found = find(problem, own, tenant, rows)
    if found is None:
        wait(problem, case, report.event_id, tenant, rows, now, ttl)
    place = _place(problem, own, found, now)
    protocol = _stated_protocol(problem)
    blow, after = None, place.struck
    if place.thread_id is not None or protocol is not None:
        blow, after = strike(place.struck, problem.severity, problem.scope, problem.code)
    by = found.by if found is not None else "thread" if own is not None else None
    told = _told(problem, place, found, by, protocol, blow, rows, tenant)
    _keep(report, case, place, after, rows, now, ttl)
    return context_from(place.row, place.struck, told, tenant, rows)


def _place(problem: Problem, own: ThreadRow | None, found: Found | None, now: int) -> _Place:
    led = found.row if found is not None else None
    led_to = found.thread_id if found is not None and led is not None else None
    stated = is_stated(problem)
    thread_id = problem.thread_id if stated or led_to is None else led_to
    before = own if thread_id == problem.thread_id else led
    row = before or ThreadRow(clip(thread_id) or "", None, now, now)
    parent = row.parent
    if parent is None and (stated or led_to is None):
        named = linkable(problem.parent_thread_id, thread_id)
        parent = named if led_to is None or named is not None else linkable(led_to, thread_id)
    row = msgspec.structs.replace(
        row,
        parent=parent,
        count=row.count + 1,
        last_seen=now,
        codes=with_code(row.codes, problem.code[:MAX_CODE]),
        connection=row.connection or clip(problem.source.connection),
    )
    if led is None or led_to is None or led_to == thread_id:
        return _Place(thread_id, row, thread_id, row)
    return _Place(thread_id, row, led_to, led)


def _stated_protocol(problem: Problem) -> str | None:
    """The protocol as the problem says it: by its source, or by being one of that protocol's own reports."""
    if problem.source.protocol:
        return clip(problem.source.protocol)
    return known_protocol(problem.message_type) if problem.message_type else None


def _told(
    problem: Problem,
    place: _Place,
    found: Found | None,
    by: str | None,
    protocol: str | None,
    blow: Strike | None,
    rows: Rows,
    tenant: str,
) -> Told:
    source, struck = problem.source, place.struck
    record = found.record if found is not None else None
    state = struck.record_state
    if source.record_id and record is None and struck.record_id != source.record_id:
        record, state = record_of(problem, tenant, rows), None
    return Told(
        thread_id=place.thread_id,
        found_by=by,
        protocol=protocol,
        state=struck.state,
        effect=blow.effect if blow else None,
        state_after=blow.state if blow else None,
        connection=clip(source.connection) or (record.connection if record else None),
        record_type=clip(source.record_type),
        record_id=clip(source.record_id),
        record_state=record.record_state if record else state,
        job=record.job if record else None,
    )


def _keep(report: ProblemReported, case: str, place: _Place, after: ThreadRow, rows: Rows, now: int, ttl: int) -> None:
    """Keep the rows that changed; `after` is the struck row with its new state."""
    tenant, problem = report.tenant, report.problem
    if place.apart and place.struck_id is not None and after is not place.struck:
        put_thread(place.struck_id, tenant, msgspec.structs.replace(after, last_seen=now), rows, now, ttl)
    if place.thread_id is None:
        return
    row = place.row if place.apart else after
    if not row.activity and not place.apart:
        row = msgspec.structs.replace(row, waiting=with_waiting(row.waiting, case, report.event_id))
    put_thread(place.thread_id, tenant, row, rows, now, ttl)
    if place.thread_id != problem.thread_id:
        point(problem.thread_id or problem.message_id, place.thread_id, tenant, rows, now, ttl)
