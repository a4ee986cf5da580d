"""References: the ids by which problems name what they are about, and the thread that each leads to.

A problem's ids are tried in this order: parent thread, thread, ack, context ids, digest, request id, record id. None is
required, and unknown context is normal, not an error: a problem of which nothing is known waits at each of its ids
until an activity has one of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from tocsin.schemas.events import ActivityObserved
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.context.interaction import DIRECTIONS
from tocsin.streams.rules.context.record_states import is_later
from tocsin.streams.rules.context.threads import (
    MAX_TEXT,
    Waiting,
    clip,
    keep_thread,
    known_thread,
    linkable,
    parents_of,
    thread_of_message,
    with_waiting,
)
from tocsin.streams.rules.facts import is_stated
from tocsin.streams.rules.state import ReferenceRow, ThreadRow
from tocsin.streams.rules.turn import Turn

MAX_IDS = 16
"""How many of the acknowledged ids, and of the context ids, are looked up; and by how many a problem can wait."""

REQUEST_ID = "request_id"
"""The member of an activity's `detail` that names the request in which it happened."""


RETRY_OF = "retry_of"
"""In an activity's `detail`: the message that is sent again."""


class Reference(Struct, frozen=True):
    """One id of a `message`, a `digest`, a `request` or a `record`, and the key of its row."""

    kind: str
    id: str
    key: str


class Found(Struct, frozen=True):
    """What one of a problem's ids led to: a thread that is known, or a record that belongs to no known thread."""

    by: str
    thread_id: str | None
    row: ThreadRow | None
    record: ReferenceRow | None = None


class Waited(Struct, frozen=True):
    """Problems that waited for an id, and `by` what that id is."""

    by: str
    waiting: Waiting


def find(turn: Turn, problem: Problem, own: ThreadRow | None, alone: bool) -> Found | None:
    """The first of a problem's ids that leads somewhere; `own` is the row of the thread that it names, `alone` says
    that there is nothing else to look up (`names_only_its_thread`).

    A thread that is stated, and known by more than its problems, is the one; unless the problem names a parent that is
    not the thread's own: in DIDComm v2 the parent is where the problem is, and the thread only holds the report.
    """
    active = own is not None and own.activity > 0
    stated = is_stated(problem)
    if alone and stated and not active:
        return None
    if own is not None and active and stated and problem.parent_thread_id in (None, own.parent):
        return Found("thread", problem.thread_id, own)
    for by, thread_id in _named_threads(problem):
        if by == "thread" and thread_id == problem.thread_id and (active or stated):
            found = Found(by, thread_id, own) if active else None
        else:
            found = _by_thread(turn, by, thread_id)
        if found is not None:
            return found
    return next(_by_reference(turn, problem), None)


def record_of(turn: Turn, problem: Problem) -> ReferenceRow | None:
    """What is known of the record that a problem names."""
    named = _record(turn, problem.source.record_type, problem.source.record_id)
    return None if named is None else turn.references.get(named.key)


def connection_of(turn: Turn, problem: Problem, alone: bool, *rows: ThreadRow) -> str | None:
    """The connection that the first of these threads, of the problem's own ids or of the threads above knows: what
    explains a problem best need not know where it came from. `alone`: as for `find`."""
    for row in rows:
        if row.connection is not None:
            return row.connection
    only_thread = alone and is_stated(problem)
    for _, named in () if only_thread else _named_threads(problem):
        known = known_thread(turn, named)[1]
        if known is not None and known.connection is not None:
            return known.connection
    for found in () if only_thread else _by_reference(turn, problem):
        pointed = found.row or found.record
        if pointed is not None and pointed.connection is not None:
            return pointed.connection
    for row in rows:
        for parent in parents_of(turn, row.parent, row.thread_id) if row.parent else ():
            above = turn.threads.find(parent)
            if above is not None and above.connection is not None:
                return above.connection
    return None


def wait(turn: Turn, problem: Problem, case: str, report: str) -> None:
    """Nothing is known of any id: the problem waits at each of them, but its thread's, whose row says so itself."""
    threads = [_reference(turn, "message", thread) for by, thread in _named_threads(problem) if by != "thread"]
    for one in [one for one in (*threads, *_other_references(turn, problem)) if one is not None][:MAX_IDS]:
        known = turn.references.get(one.key) or _UNKNOWN
        row = msgspec.structs.replace(known, last_seen=turn.now, waiting=with_waiting(known.waiting, case, report))
        turn.references.keep(one.key, row, turn.now + turn.config.thread_ttl)


def point_report(turn: Turn, message_id: str | None, thread_id: str) -> None:
    """A report belongs to the thread on which it was counted: what acknowledges the report is about that thread too."""
    own = _reference(turn, "message", message_id)
    if own is None or message_id == thread_id or len(thread_id) > MAX_TEXT:
        return
    if turn.references.get(own.key) is None:
        turn.references.keep(own.key, ReferenceRow(thread_id, turn.now), turn.now + turn.config.thread_ttl)


def references_of(turn: Turn, activity: ActivityObserved) -> list[Reference]:
    """The ids by which a problem might name this activity."""
    named = [
        _reference(turn, "message", activity.message_id) if activity.message_id else None,
        _digest(turn, activity.digest) if activity.digest else None,
        _reference(turn, "request", activity.detail.get(REQUEST_ID)) if activity.detail else None,
        _record(turn, activity.record_type, activity.record_id) if activity.record_id else None,
    ]
    return [one for one in named if one is not None]


def thread_of(turn: Turn, activity: ActivityObserved, named: list[Reference]) -> str | None:
    """The thread that an activity states, else the one to which an id of it (`named`) belongs. A message that is in no
    thread begins one."""
    if activity.thread_id:
        return activity.thread_id
    for one in named:
        row = turn.references.get(one.key)
        if row is not None and row.thread_id:
            return row.thread_id
    return (activity.message_id or None) if activity.kind in DIRECTIONS else None


def waited_for_thread(turn: Turn, thread_id: str) -> list[Waited]:
    """The problems that named a thread of which nothing was known as their parent."""
    named = _reference(turn, "message", thread_id)
    row = None if named is None else turn.references.get(named.key)
    if named is None or row is None or not row.waiting:
        return []
    turn.references.delete(named.key)
    return [Waited("parent", row.waiting)]


def point(turn: Turn, activity: ActivityObserved, named: list[Reference], thread_id: str | None) -> list[Waited]:
    """Point each id of an activity to its thread, or to what the activity says of a record in no thread; returns the
    problems that waited for the ids."""
    now, ttl = turn.now, turn.config.thread_ttl
    found: list[Waited] = []
    for one in named:
        if one.kind == "message":
            if one.id == thread_id:
                continue  # a thread's first message is found as the thread
            found += _waited_for_report(turn, one.id)
        known = turn.references.get(one.key)
        after = _pointed(one, known or _UNKNOWN, activity, thread_id)
        if known is None or known.waiting or after != known or now - known.last_seen >= ttl // 8:
            turn.references.keep(one.key, msgspec.structs.replace(after, last_seen=now), now + ttl)
        if known is not None and known.waiting:
            found.append(Waited(one.kind, known.waiting))
    return found


_UNKNOWN = ReferenceRow(None, 0)


def _waited_for_report(turn: Turn, message_id: str) -> list[Waited]:
    """A message that was itself reported as a problem, when its own id was all that was known of its thread."""
    row = turn.threads.find(message_id)
    if row is None or not row.waiting:
        return []
    keep_thread(turn, message_id, msgspec.structs.replace(row, waiting=()))
    return [Waited("thread", row.waiting)]


def _pointed(one: Reference, row: ReferenceRow, activity: ActivityObserved, thread_id: str | None) -> ReferenceRow:
    thread = linkable(thread_id) or row.thread_id
    if thread_id is not None and one.kind != "record":
        return msgspec.structs.replace(row, thread_id=thread, waiting=())
    news = is_later(activity.occurred_at, clip(activity.record_state), row.record_at, row.record_state)
    return msgspec.structs.replace(
        row,
        thread_id=thread,
        waiting=(),
        connection=clip(activity.connection) or row.connection,
        record_state=clip(activity.record_state) or row.record_state if news else row.record_state,
        job=clip(activity.job) or row.job,
        record_at=max(row.record_at, activity.occurred_at if one.kind == "record" else 0),
    )


def changes_record(turn: Turn, activity: ActivityObserved, row: ThreadRow) -> bool:
    """Whether a record comes into another state, by what is known of this very record: the clock of another one on the
    thread of `row` says nothing of it."""
    named, state = _record(turn, activity.record_type, activity.record_id), clip(activity.record_state)
    known = turn.references.get(named.key) if named is not None else row
    if known is None:
        return True
    return state != known.record_state and is_later(activity.occurred_at, state, known.record_at, known.record_state)


def names_only_its_thread(problem: Problem) -> bool:
    """Whether there is nothing else to look up, as for most problems."""
    if problem.parent_thread_id or problem.ack or problem.message_sha256 or problem.request_id:
        return False
    return not problem.source.record_id and problem.context_ids in ([], [problem.thread_id])


def _named_threads(problem: Problem) -> Iterator[tuple[str, str]]:
    """(how it is named, id) of the threads, or of messages in them."""
    if problem.parent_thread_id:
        yield "parent", problem.parent_thread_id
    own = problem.thread_id or problem.message_id
    if own:
        yield "thread", own
    tried = {problem.parent_thread_id, own}
    for by, ids in (("ack", problem.ack), ("context", problem.context_ids)):
        for one in ids[:MAX_IDS]:
            if one and one not in tried:
                tried.add(one)
                yield by, one


def _by_thread(turn: Turn, by: str, thread_id: str) -> Found | None:
    row = turn.threads.find(thread_id)
    if row is not None and (by != "thread" or row.activity):
        return Found(by, thread_id, row)
    of_message = thread_of_message(turn, thread_id)
    row = turn.threads.find(of_message) if of_message else None
    return None if row is None else Found(by, of_message, row)


def _by_reference(turn: Turn, problem: Problem) -> Iterator[Found]:
    for one in _other_references(turn, problem):
        row = None if one is None else turn.references.get(one.key)
        if one is None or row is None:
            continue
        thread = turn.threads.find(row.thread_id) if row.thread_id else None
        if thread is not None:
            yield Found(one.kind, row.thread_id, thread)
        elif row.connection or row.record_state or row.job:
            yield Found(one.kind, None, None, row)


def _other_references(turn: Turn, problem: Problem) -> Iterator[Reference | None]:
    if problem.message_sha256:
        yield _digest(turn, problem.message_sha256)
    if problem.request_id:
        yield _reference(turn, "request", problem.request_id)
    if problem.source.record_id:
        yield _record(turn, problem.source.record_type, problem.source.record_id)


def _reference(turn: Turn, kind: str, *ids: str | None) -> Reference | None:
    """The reference, unless an id (the last one) is missing or too long to be remembered."""
    last = ids[-1]
    if not last:
        return None
    for one in ids:
        if one and len(one) > MAX_TEXT:
            return None
    return Reference(kind, last, turn.references.key(kind, *[one or "" for one in ids]))


def _record(turn: Turn, record_type: str | None, record_id: str | None) -> Reference | None:
    """The reference of a record: ids of different types are different things."""
    return _reference(turn, "record", record_type, record_id)


def _digest(turn: Turn, digest: str | None) -> Reference | None:
    """The reference of a ciphertext: hex in whatever case."""
    return _reference(turn, "digest", digest and digest.lower())
