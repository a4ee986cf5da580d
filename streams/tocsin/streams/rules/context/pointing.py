"""The ids that an activity tells: each is pointed to its thread, and gives back the problems that waited for it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from tocsin.schemas.events import ActivityObserved
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.context.interaction import DIRECTIONS
from tocsin.streams.rules.context.references import Reference, digest_reference, record_reference, reference
from tocsin.streams.rules.context.threads import Waiting, clip, keep, linkable, put_thread, thread_row
from tocsin.streams.rules.state import ReferenceRow

REQUEST_ID = "request_id"
"""The member of an activity's `detail` that names the request in which it happened."""


_UNKNOWN = ReferenceRow(None, 0)


class Brought(Struct, frozen=True):
    """Problems that waited for an id, and `by` what that id is."""

    by: str
    waiting: Waiting


def references_of(activity: ActivityObserved) -> list[Reference]:
    """The ids by which a problem might name this activity."""
    named = [
        reference("message", activity.message_id) if activity.message_id else None,
        digest_reference(activity.digest) if activity.digest else None,
        reference("request", activity.detail.get(REQUEST_ID)) if activity.detail else None,
        record_reference(activity.record_type, activity.record_id) if activity.record_id else None,
    ]
    return [one for one in named if one is not None]


def thread_of(activity: ActivityObserved, named: list[Reference], rows: Rows) -> str | None:
    """The thread that an activity states, else the one to which an id of it belongs. A message that is in no thread
    begins one (b.1 11)."""
    if activity.thread_id:
        return activity.thread_id
    for one in named:
        row = rows.get(one.key(activity.tenant))
        if isinstance(row, ReferenceRow) and row.thread_id:
            return row.thread_id
    return (activity.message_id or None) if activity.kind in DIRECTIONS else None


def bring_thread(thread_id: str, tenant: str, rows: Rows) -> Iterator[Brought]:
    """The problems that named a thread of which nothing was known as their parent."""
    named = reference("message", thread_id)
    row = rows.get(named.key(tenant)) if named else None
    if named is not None and isinstance(row, ReferenceRow) and row.waiting:
        rows.delete(named.key(tenant))
        yield Brought("parent", row.waiting)


def bring(
    activity: ActivityObserved, named: list[Reference], thread_id: str | None, rows: Rows, now: int, ttl: int
) -> Iterator[Brought]:
    """Point each id to the thread, or to what is told of a record in no thread."""
    for one in named:
        if one.kind == "message":
            if one.ids[0] == thread_id:
                continue  # a thread's first message is found as the thread
            yield from _bring_report(one.ids[0], activity.tenant, rows, now, ttl)
        key = one.key(activity.tenant)
        row = rows.get(key)
        known = row if isinstance(row, ReferenceRow) else None
        after = _pointed(one, known, activity, thread_id)
        if known is None or known.waiting or after != known or now - known.last_seen >= ttl // 8:
            keep(key, msgspec.structs.replace(after, last_seen=now), rows, now, ttl)
        if known is not None and known.waiting:
            yield Brought(one.kind, known.waiting)


def _bring_report(message_id: str, tenant: str, rows: Rows, now: int, ttl: int) -> Iterator[Brought]:
    """A message that was itself reported as a problem, when its own id was all that was known of its thread."""
    row = thread_row(message_id, tenant, rows)
    if row is not None and row.waiting:
        put_thread(message_id, tenant, msgspec.structs.replace(row, waiting=()), rows, now, ttl)
        yield Brought("thread", row.waiting)


def _pointed(
    one: Reference, known: ReferenceRow | None, activity: ActivityObserved, thread_id: str | None
) -> ReferenceRow:
    row = known or _UNKNOWN
    thread = linkable(thread_id) or row.thread_id
    if thread_id is not None and one.kind != "record":
        return msgspec.structs.replace(row, thread_id=thread, waiting=())
    return msgspec.structs.replace(
        row,
        thread_id=thread,
        waiting=(),
        connection=clip(activity.connection) or row.connection,
        record_state=clip(activity.record_state) or row.record_state,
        job=clip(activity.job) or row.job,
    )
