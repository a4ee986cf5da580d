"""Thread rows: how they are found, kept and described. Links are followed when they are read, so a parent that becomes
known after its child explains the child's next problem."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tocsin.schemas.events import ThreadContext
from tocsin.streams.rules.state import THREAD_CODES, WAITING, CaseRow, ThreadRow
from tocsin.streams.rules.trust import is_apart, lower_trust
from tocsin.streams.rules.turn import Turn

MAX_PARENTS = 16
"""How far up a chain of threads is followed."""

MAX_CODE = 128
"""Characters of a code that a row remembers, as many as DIDComm v2 allows."""

MAX_TEXT = 255
"""Characters of any other text from outside that a row remembers; a longer id links to nothing."""

Waiting = tuple[tuple[str, str], ...]
"""Problems that wait for context: pairs of case and report."""


def clip(text: str | None) -> str | None:
    """The text as a row remembers it; an empty one says nothing."""
    return text[:MAX_TEXT] if text else None


def linkable(thread_id: str | None, own: str | None = None) -> str | None:
    """The id, if a row can point to it: neither empty nor too long, and not the thread's own."""
    return thread_id if thread_id and thread_id != own and len(thread_id) <= MAX_TEXT else None


def with_code(codes: tuple[str, ...], code: str) -> tuple[str, ...]:
    """The codes of a thread with one more, newest last."""
    return codes if code in codes else (*codes, code)[-THREAD_CODES:]


def with_waiting(waiting: Waiting, case: str, report: str) -> Waiting:
    """One more problem that waits; of each case only its latest report does. WAITING of the claimed ones (`case` is
    then marked) do, and as many others: none of one kind takes the place of another."""
    if not waiting:
        return ((case, report),)
    others = [pair for pair in waiting if pair[0] != case]
    alike = [pair for pair in others if is_apart(pair[0]) is is_apart(case)]
    if len(alike) >= WAITING:
        others.remove(alike[0])
    return (*others, (case, report))


def keep_thread(turn: Turn, thread_id: str, row: ThreadRow) -> None:
    """Keep a thread's row. The id is given besides because the row has it clipped."""
    turn.threads.keep(turn.threads.key(thread_id), row, turn.now + turn.config.thread_ttl)


def thread_of_message(turn: Turn, message_id: str) -> str | None:
    """The thread to which a message is known to belong."""
    row = turn.references.find("message", message_id)
    return None if row is None else row.thread_id


def known_thread(turn: Turn, named: str) -> tuple[str, ThreadRow | None]:
    """The thread with this id, or that of the message with this id, and its row."""
    row = turn.threads.find(named)
    if row is None:
        named = thread_of_message(turn, named) or named
        row = turn.threads.find(named)
    return named, row


def parents_of(turn: Turn, parent: str | None, own: str | None) -> list[str]:
    """The chain of threads above, nearest first, at most MAX_PARENTS; a circle ends where it closes."""
    parents: list[str] = []
    while parent is not None and len(parents) < MAX_PARENTS:
        parent, above = known_thread(turn, parent)
        if parent == own or parent in parents:
            break
        parents.append(parent)
        parent = above.parent if above else None
    return parents


def trust_of(turn: Turn, connection: str | None) -> str | None:
    """How far a connection is trusted, as the last activity that stated it says."""
    row = turn.connections.find(connection) if connection else None
    return None if row is None else row.trust


class Stated(Struct, frozen=True, kw_only=True):
    """What is known of one problem besides what the row of its thread holds; None: what the row holds."""

    thread_id: str | None = None
    found_by: str | None = None
    protocol: str | None = None
    state: str | None = None
    effect: str | None = None
    state_after: str | None = None
    connection: str | None = None
    record_type: str | None = None
    record_id: str | None = None
    record_state: str | None = None
    job: str | None = None
    trust: str | None = None


def context_of(turn: Turn, row: ThreadRow) -> ThreadContext:
    """The context that a thread's row and the rows above it give."""
    return context_from(turn, row, row, Stated(thread_id=row.thread_id, state=row.state))


def context_of_case(turn: Turn, case: CaseRow) -> ThreadContext | None:
    """What is known now of the thread of a case: the one that it is about, else that of its own message; None when
    nothing is."""
    for named in (case.lane, case.thread):
        row = turn.threads.find(named) if named else None
        if row is not None:
            return context_of(turn, row)
    return None


def context_from(turn: Turn, row: ThreadRow, affected: ThreadRow, stated: Stated) -> ThreadContext:
    """The problems and parents of `row`, the interaction of `affected` (the same row, or that of another thread which
    explains it), and what is stated besides."""
    parents = parents_of(turn, row.parent, stated.thread_id) if row.parent else []
    context = ThreadContext(
        thread_id=stated.thread_id,
        parents=parents,
        depth=len(parents),
        count=row.count,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        codes=list(row.codes),
        found_by=stated.found_by,
        effect=stated.effect,
        state_after=stated.state_after,
        job=stated.job or affected.job,
        trust=stated.trust,
    )
    connection = stated.connection or affected.connection
    if not affected.activity and stated.record_id is None and connection is None and stated.protocol is None:
        return context  # nothing but problems is known, as of most threads
    return msgspec.structs.replace(
        context,
        protocol=affected.protocol or stated.protocol,
        role=affected.role,
        state=stated.state,
        connection=connection,
        trust=lower_trust(stated.trust, trust_of(turn, connection)),
        record_type=stated.record_type if stated.record_id else affected.record_type,
        record_id=stated.record_id or affected.record_id,
        record_state=stated.record_state if stated.record_id else affected.record_state,
        last_message_id=affected.last_message_id,
        last_message_type=affected.last_message_type,
        retry_of=affected.retry_of,
    )


def is_muted(turn: Turn, thread: str) -> bool:
    """Whether a limit notice of this thread was told."""
    inside, about = turn.threads.find(thread), turn.thread_errors.find(thread)
    return bool((inside is not None and inside.muted) or (about is not None and about.muted))
