"""What was going on when a problem happened: its thread, its interaction, its connection, its record.

A problem is counted on the thread that it states, else on the first known one that its ids lead to. Its case keeps its
id whatever is found; what is not known yet is waited for (rules.context.activity).
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tocsin.schemas.events import ProblemReported, ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.context.interaction import ProblemEffect, apply_problem, known_protocol
from tocsin.streams.rules.context.references import (
    Found,
    connection_of,
    find,
    names_only_its_thread,
    point_report,
    record_of,
    wait,
)
from tocsin.streams.rules.context.threads import (
    MAX_CODE,
    Stated,
    clip,
    context_from,
    keep_thread,
    linkable,
    with_code,
    with_waiting,
)
from tocsin.streams.rules.facts import is_stated
from tocsin.streams.rules.state import ThreadRow
from tocsin.streams.rules.trust import is_claimed, marked
from tocsin.streams.rules.turn import Turn


class _Place(Struct, frozen=True):
    """Where a problem counts (`thread_id`: None on no thread, then nothing is kept; `row`: with it counted), and whose
    interaction it interrupts (`affected`, the row of `affected_id`; mostly the same)."""

    thread_id: str | None
    row: ThreadRow
    affected_id: str | None
    affected: ThreadRow

    @property
    def apart(self) -> bool:
        return self.affected_id != self.thread_id


def enrich(turn: Turn, event: ProblemReported, case: str) -> tuple[ThreadContext, ThreadRow | None]:
    """Count a problem on its thread's row and return what is then known, and that row; None when it is in no thread."""
    problem = event.problem
    key = turn.threads.key(problem.thread_id) if problem.thread_id else None
    own = None if key is None else turn.threads.get(key)
    alone = names_only_its_thread(problem)
    found = find(turn, problem, own, alone)
    if found is None and not alone:
        wait(turn, problem, marked(case) if is_claimed(problem) else case, event.event_id)
    place = _place(event, case, own, found, turn.now)
    protocol = _stated_protocol(problem)
    effect, after = None, place.affected
    if (place.thread_id is not None or protocol is not None) and not is_claimed(problem):
        effect, after = apply_problem(place.affected, problem.severity, problem.scope, problem.code)
    by = found.by if found is not None else "thread" if own is not None else None
    stated = _stated(turn, problem, place, found, by, protocol, effect, alone)
    kept = _keep(turn, problem, place, after, key)
    return context_from(turn, place.row, place.affected, stated), kept


def _place(event: ProblemReported, case: str, own: ThreadRow | None, found: Found | None, now: int) -> _Place:
    """A problem counts on the thread that it states, else on the one to which its ids led; it interrupts the one to
    which they led, if they did."""
    problem, claimed = event.problem, is_claimed(event.problem)
    led = found.row if found is not None else None
    led_to = found.thread_id if found is not None and led is not None else None
    follows = led_to is not None and not is_stated(problem)
    thread_id = led_to if follows else problem.thread_id
    row = (own if thread_id == problem.thread_id else led) or ThreadRow(clip(thread_id) or "", None, now, now)
    apart = None if led_to in (None, thread_id) else led
    waiting = row.waiting
    if not row.activity and apart is None:
        waiting = with_waiting(waiting, marked(case) if claimed else case, event.event_id)
    if claimed:  # whoever can claim changes nothing that is known of a thread
        row = msgspec.structs.replace(row, last_seen=now, waiting=waiting)
    else:
        parent = row.parent
        if parent is None and not follows:
            parent = linkable(problem.parent_thread_id, thread_id)
            if parent is None and led_to is not None:
                parent = linkable(led_to, thread_id)
        row = msgspec.structs.replace(
            row,
            parent=parent,
            count=row.count + 1,
            last_seen=now,
            codes=with_code(row.codes, problem.code[:MAX_CODE]),
            connection=row.connection or clip(problem.source.connection),
            waiting=waiting,
        )
    return _Place(thread_id, row, thread_id, row) if apart is None else _Place(thread_id, row, led_to, apart)


def _stated_protocol(problem: Problem) -> str | None:
    """The protocol as the problem says it: by its source, or by being one of that protocol's own reports."""
    if problem.source.protocol:
        return clip(problem.source.protocol)
    return known_protocol(problem.message_type) if problem.message_type else None


def _stated(
    turn: Turn,
    problem: Problem,
    place: _Place,
    found: Found | None,
    by: str | None,
    protocol: str | None,
    effect: ProblemEffect | None,
    alone: bool,
) -> Stated:
    source, affected = problem.source, place.affected
    record = found.record if found is not None else None
    state = affected.record_state
    if source.record_id and record is None and affected.record_id != source.record_id:
        record, state = record_of(turn, problem), None
    return Stated(
        thread_id=place.thread_id,
        found_by=by,
        protocol=protocol,
        state=affected.state,
        effect=effect.effect if effect else None,
        state_after=effect.state if effect else None,
        connection=clip(source.connection)
        or (record.connection if record else None)
        or connection_of(turn, problem, alone, affected, place.row),
        record_type=clip(source.record_type),
        record_id=clip(source.record_id),
        record_state=record.record_state if record else state,
        job=clip(source.job) or affected.job or (record.job if record else None),
        trust=clip(source.trust),
    )


def _keep(turn: Turn, problem: Problem, place: _Place, after: ThreadRow, key: str | None) -> ThreadRow | None:
    """Keep the rows that changed, and return that of the problem's thread; `after` is the affected row with its new
    state, `key` that of the thread which the problem names."""
    if place.apart and place.affected_id is not None and after is not place.affected:
        keep_thread(turn, place.affected_id, msgspec.structs.replace(after, last_seen=turn.now))
    if place.thread_id is None:
        return None
    row = place.row if place.apart else after
    named = place.thread_id == problem.thread_id
    if key is None or not named:
        key = turn.threads.key(place.thread_id)
    turn.threads.keep(key, row, turn.now + turn.config.thread_ttl)
    if not named and not is_claimed(problem):
        point_report(turn, problem.thread_id or problem.message_id, place.thread_id)
    return row
