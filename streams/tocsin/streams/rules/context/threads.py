"""Thread rows: how they are found, kept and told. Links are followed when they are read, so a parent that becomes
known after its child explains the child's next problem (RELIABILITY F16)."""

from __future__ import annotations

from msgspec import Struct

from tocsin.schemas.events import ThreadContext
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.state import (
    THREAD_CODES,
    WAITING,
    ConnectionRow,
    ReferenceRow,
    Row,
    ThreadRow,
    row_key,
)

MAX_PARENTS = 16
"""How far up a chain of threads is followed (RELIABILITY 3.6 5)."""

MAX_CODE = 128
"""Characters of a code that a thread remembers (RELIABILITY 3.5)."""

MAX_TEXT = 255
"""Characters of any other text from outside that a row remembers; a longer id links to nothing."""

Waiting = tuple[tuple[str, str], ...]
"""Problems that wait to hear more: pairs of case and report."""


def thread_row(thread_id: str, tenant: str, rows: Rows) -> ThreadRow | None:
    """What is known of a thread."""
    row = rows.get(row_key("thread", tenant, thread_id))
    return row if isinstance(row, ThreadRow) else None


def keep(key: str, row: Row, rows: Rows, now: int, ttl: int) -> None:
    """Keep a row with the timer that it has: a later one at each use would grow the timer heap with traffic."""
    rows.put(key, row, rows.due(key) or now + ttl)


def put_thread(thread_id: str, tenant: str, row: ThreadRow, rows: Rows, now: int, ttl: int) -> None:
    """Keep a thread's row. The id is given besides because the row has it clipped."""
    keep(row_key("thread", tenant, thread_id), row, rows, now, ttl)


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
    """One more problem that waits; of each case only its latest report does."""
    if not waiting:
        return ((case, report),)
    others = [pair for pair in waiting if pair[0] != case]
    return (*others, (case, report))[-WAITING:]


def thread_of_message(message_id: str, tenant: str, rows: Rows) -> str | None:
    """The thread to which a message is known to belong (b.1 10: a parent may be named by its message)."""
    row = rows.get(row_key("reference", tenant, "message", message_id))
    return row.thread_id if isinstance(row, ReferenceRow) else None


def known_thread(named: str, tenant: str, rows: Rows) -> tuple[str, ThreadRow | None]:
    """The thread with this id, or that of the message with this id, and its row."""
    row = thread_row(named, tenant, rows)
    if row is None:
        named = thread_of_message(named, tenant, rows) or named
        row = thread_row(named, tenant, rows)
    return named, row


def parents_of(parent: str | None, tenant: str, rows: Rows, own: str | None) -> list[str]:
    """The chain of threads above, nearest first, at most 16; a circle ends where it closes."""
    parents: list[str] = []
    while parent is not None and len(parents) < MAX_PARENTS:
        parent, above = known_thread(parent, tenant, rows)
        if parent == own or parent in parents:
            break
        parents.append(parent)
        parent = above.parent if above else None
    return parents


def trust_of(connection: str | None, tenant: str, rows: Rows) -> str | None:
    """How far a connection is trusted, as last told."""
    row = rows.get(row_key("connection", tenant, connection)) if connection else None
    return row.trust if isinstance(row, ConnectionRow) else None


class Told(Struct, frozen=True, kw_only=True):
    """What a problem adds to what its thread's row tells; None: what the row says."""

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


def context_of(row: ThreadRow, tenant: str, rows: Rows) -> ThreadContext:
    """What a thread's row and the rows above it tell."""
    return context_from(row, row, Told(thread_id=row.thread_id, state=row.state), tenant, rows)


def context_from(row: ThreadRow, struck: ThreadRow, told: Told, tenant: str, rows: Rows) -> ThreadContext:
    """The problems and parents of `row`, the interaction of `struck` (the same row, or another thread's that explains
    it), and what the problem itself told."""
    parents = parents_of(row.parent, tenant, rows, told.thread_id) if row.parent else []
    connection = told.connection or struck.connection
    if not struck.activity and told.record_id is None and connection is None and told.protocol is None:
        # Nothing but problems is known, as of most threads: leaving the rest out takes half the time.
        return ThreadContext(
            thread_id=told.thread_id,
            parents=parents,
            depth=len(parents),
            count=row.count,
            first_seen=row.first_seen,
            last_seen=row.last_seen,
            codes=list(row.codes),
            found_by=told.found_by,
            effect=told.effect,
            state_after=told.state_after,
            job=told.job,
        )
    return ThreadContext(
        thread_id=told.thread_id,
        parents=parents,
        depth=len(parents),
        count=row.count,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        codes=list(row.codes),
        found_by=told.found_by,
        protocol=struck.protocol or told.protocol,
        role=struck.role,
        state=told.state,
        effect=told.effect,
        state_after=told.state_after,
        connection=connection,
        trust=trust_of(connection, tenant, rows),
        record_type=told.record_type if told.record_id else struck.record_type,
        record_id=told.record_id or struck.record_id,
        record_state=told.record_state if told.record_id else struck.record_state,
        job=struck.job or told.job,
        last_message_id=struck.last_message_id,
        last_message_type=struck.last_message_type,
    )
