"""References: the ids by which problems name what they are about, and the thread that each leads to.

A problem's ids are tried in this order: parent thread, thread, ack, context ids, digest, request id, record id
(REQUIREMENTS b.1 10). None is required, and unknown context is normal, not an error (b.4 13).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from tocsin.schemas.problem import Problem
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.context.threads import MAX_TEXT, keep, thread_of_message, thread_row, with_waiting
from tocsin.streams.rules.state import ReferenceRow, ThreadRow, row_key

MAX_IDS = 16
"""How many of the acknowledged ids, and of the context ids, are looked up; and by how many a problem can wait."""


class Reference(Struct, frozen=True):
    """One id as a row knows it: of a `message`, a `digest`, a `request` or a `record` (then its type and its id)."""

    kind: str
    ids: tuple[str, ...]

    def key(self, tenant: str) -> str:
        """The key of its row."""
        return row_key("reference", tenant, self.kind, *self.ids)


class Found(Struct, frozen=True):
    """What one of a problem's ids led to: a thread that is known, or a record that belongs to no known thread."""

    by: str
    thread_id: str | None
    row: ThreadRow | None
    record: ReferenceRow | None = None


def reference(kind: str, *ids: str | None) -> Reference | None:
    """The reference, unless an id (the last one) is missing or too long to be remembered."""
    if not ids[-1]:
        return None
    for one in ids:
        if one and len(one) > MAX_TEXT:
            return None
    return Reference(kind, tuple([one or "" for one in ids]))


def record_reference(record_type: str | None, record_id: str | None) -> Reference | None:
    """The reference of a record: ids of different types are different things."""
    return reference("record", record_type, record_id)


def digest_reference(digest: str | None) -> Reference | None:
    """The reference of a ciphertext: hex in whatever case."""
    return reference("digest", digest and digest.lower())


def is_stated(problem: Problem) -> bool:
    """Whether the problem says in which thread it is. A thread that is only the report's own id says nothing: both
    worlds take that when nothing is stated (b.1 11)."""
    own = problem.thread_id
    return own is not None and not problem.thread_id_derived and own != problem.message_id


def names_only_its_thread(problem: Problem) -> bool:
    """Whether there is nothing else to look up, as for most problems."""
    if problem.parent_thread_id or problem.ack or problem.message_sha256 or problem.request_id:
        return False
    return not problem.source.record_id and problem.context_ids in ([], [problem.thread_id])


def find(problem: Problem, own: ThreadRow | None, tenant: str, rows: Rows) -> Found | None:
    """The first of a problem's ids that leads somewhere; `own` is the row of the thread that it names.

    A thread that is stated, and known by more than its problems, is the one; unless the problem names a parent that is
    not the thread's own: in DIDComm v2 the parent is where the problem is, and the thread only holds the report.
    """
    active = own is not None and own.activity > 0
    stated = is_stated(problem)
    if stated and not active and names_only_its_thread(problem):
        return None
    if own is not None and active and stated and problem.parent_thread_id in (None, own.parent):
        return Found("thread", problem.thread_id, own)
    for by, thread_id in _named_threads(problem):
        if by == "thread" and thread_id == problem.thread_id and (active or stated):
            found = Found(by, thread_id, own) if active else None
        else:
            found = _by_thread(by, thread_id, tenant, rows)
        if found is not None:
            return found
    return next(_by_reference(problem, tenant, rows), None)


def record_of(problem: Problem, tenant: str, rows: Rows) -> ReferenceRow | None:
    """What is known of the record that a problem names."""
    named = record_reference(problem.source.record_type, problem.source.record_id)
    row = rows.get(named.key(tenant)) if named else None
    return row if isinstance(row, ReferenceRow) else None


def wait(problem: Problem, case: str, report: str, tenant: str, rows: Rows, now: int, ttl: int) -> None:
    """Nothing is known of any id: remember by each of them that this problem would like to hear more."""
    if names_only_its_thread(problem):
        return
    named = [reference("message", thread) for by, thread in _named_threads(problem) if by != "thread"]
    wanted = [one for one in (*named, *_other_references(problem)) if one is not None]
    for one in wanted[:MAX_IDS]:
        key = one.key(tenant)
        row = rows.get(key)
        known = row if isinstance(row, ReferenceRow) else ReferenceRow(None, now)
        waiting = with_waiting(known.waiting, case, report)
        keep(key, ReferenceRow(known.thread_id, now, waiting, *_facts(known)), rows, now, ttl)


def point(message_id: str | None, thread_id: str, tenant: str, rows: Rows, now: int, ttl: int) -> None:
    """A report belongs to the thread on which it was counted: what acknowledges the report is about that thread too."""
    own = reference("message", message_id)
    if own is None or message_id == thread_id or len(thread_id) > MAX_TEXT:
        return
    key = own.key(tenant)
    if rows.get(key) is None:
        keep(key, ReferenceRow(thread_id, now), rows, now, ttl)


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


def _by_thread(by: str, thread_id: str, tenant: str, rows: Rows) -> Found | None:
    row = thread_row(thread_id, tenant, rows)
    if row is not None and (by != "thread" or row.activity):
        return Found(by, thread_id, row)
    of_message = thread_of_message(thread_id, tenant, rows)
    row = thread_row(of_message, tenant, rows) if of_message else None
    return None if row is None else Found(by, of_message, row)


def _other_references(problem: Problem) -> Iterator[Reference | None]:
    if problem.message_sha256:
        yield digest_reference(problem.message_sha256)
    if problem.request_id:
        yield reference("request", problem.request_id)
    if problem.source.record_id:
        yield record_reference(problem.source.record_type, problem.source.record_id)


def _by_reference(problem: Problem, tenant: str, rows: Rows) -> Iterator[Found]:
    for one in _other_references(problem):
        row = rows.get(one.key(tenant)) if one is not None else None
        if one is None or not isinstance(row, ReferenceRow):
            continue
        thread = thread_row(row.thread_id, tenant, rows) if row.thread_id else None
        if thread is not None:
            yield Found(one.kind, row.thread_id, thread)
        elif any(_facts(row)):
            yield Found(one.kind, None, None, row)


def _facts(row: ReferenceRow) -> tuple[str | None, str | None, str | None]:
    return row.connection, row.record_state, row.job
