"""Activity: messages, records, jobs and connections are no problems, but explain them."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import ActivityObserved
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.connections import note_connection
from tocsin.streams.rules.context.interaction import DIRECTIONS, advance, answered, is_report
from tocsin.streams.rules.context.late import explain
from tocsin.streams.rules.context.pointing import Brought, bring, bring_thread, references_of, thread_of
from tocsin.streams.rules.context.references import Reference
from tocsin.streams.rules.context.threads import (
    Told,
    clip,
    known_thread,
    linkable,
    put_thread,
    thread_row,
    with_waiting,
)
from tocsin.streams.rules.decision import Decision
from tocsin.streams.rules.state import ThreadRow


def observe(activity: ActivityObserved, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """Note activity on the rows of its thread, its ids and its connection; explain the problems that waited for it."""
    tenant, ttl = activity.tenant, config.thread_ttl
    note_connection(activity, rows, now, config)
    named = references_of(activity)
    thread_id = thread_of(activity, named, rows)
    if thread_id is None:
        return _observe_record(activity, named, rows, now, ttl)
    before = thread_row(thread_id, tenant, rows) or ThreadRow(clip(thread_id) or "", None, now, now)
    row = _noted(before, activity, thread_id, now)
    row = _moved(row, before, activity, rows, now, ttl)
    brought = list(bring(activity, named, thread_id, rows, now, ttl))
    decisions: list[Decision] = []
    if row.activity:
        if not before.activity:
            brought = [Brought("thread", before.waiting), *bring_thread(thread_id, tenant, rows), *brought]
            row = msgspec.structs.replace(row, waiting=())
        row, decisions = explain(activity, brought, row, Told(thread_id=thread_id), rows, now)
    else:
        row = _still_waiting(row, brought)
    put_thread(thread_id, tenant, row, rows, now, ttl)
    return decisions


def _noted(row: ThreadRow, activity: ActivityObserved, own: str, now: int) -> ThreadRow:
    """The row with what an activity says. The message of a report says nothing that the report does not."""
    parent = row.parent or linkable(activity.parent_thread_id, own)
    message_id, message_type = row.last_message_id, row.last_message_type
    if activity.kind in DIRECTIONS:
        if is_report(activity.message_type):
            return msgspec.structs.replace(row, parent=parent, last_seen=now)
        message_id, message_type = clip(activity.message_id), clip(activity.message_type) or message_type
    record_type, record_id, record_state = row.record_type, row.record_id, row.record_state
    if activity.record_id:
        other = record_id != clip(activity.record_id)
        record_type = clip(activity.record_type) or (None if other else record_type)
        record_id = clip(activity.record_id)
        record_state = clip(activity.record_state) or (None if other else record_state)
    return msgspec.structs.replace(
        row,
        parent=parent,
        last_seen=now,
        last_message_id=message_id,
        last_message_type=message_type,
        record_type=record_type,
        record_id=record_id,
        record_state=record_state,
        activity=row.activity + 1,
        connection=clip(activity.connection) or row.connection,
        job=clip(activity.job) or row.job,
    )


def _moved(row: ThreadRow, before: ThreadRow, activity: ActivityObserved, rows: Rows, now: int, ttl: int) -> ThreadRow:
    """The row after a message; the first one of a thread may answer the thread above, for example an invitation."""
    direction = DIRECTIONS.get(activity.kind)
    if direction is None or not activity.message_type or is_report(activity.message_type):
        return row
    if before.last_message_type is None and row.parent is not None:
        parent, above = known_thread(row.parent, activity.tenant, rows)
        after = None if above is None else answered(above, activity.message_type, direction)
        if after is not None and after is not above:
            put_thread(parent, activity.tenant, msgspec.structs.replace(after, last_seen=now), rows, now, ttl)
    return advance(row, activity.message_type, direction)


def _still_waiting(row: ThreadRow, brought: list[Brought]) -> ThreadRow:
    """All that is known of this thread is reports: who waited for one of its ids waits for the thread from now on."""
    waiting = row.waiting
    for case, report in (pair for one in brought for pair in one.waiting):
        waiting = with_waiting(waiting, case, report)
    return msgspec.structs.replace(row, waiting=waiting)


def _observe_record(
    activity: ActivityObserved, named: list[Reference], rows: Rows, now: int, ttl: int
) -> list[Decision]:
    """Activity in no known thread: what it says is remembered with its ids."""
    facts = (activity.connection, activity.record_state, activity.job)
    if not any(facts):
        return []
    brought = list(bring(activity, named, None, rows, now, ttl))
    if not brought:
        return []
    nowhere = _noted(ThreadRow("", None, now, now), activity, "", now)
    return explain(activity, brought, nowhere, Told(), rows, now)[1]
