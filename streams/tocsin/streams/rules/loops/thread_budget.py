"""Errors of one thread: so many and no more, never reset (REQUIREMENTS b.3 2, RELIABILITY 3.6 2).

A thread that had its last word is muted while it is remembered; every further problem on it prolongs that.
"""

from __future__ import annotations

import msgspec

from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.references import is_stated
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.last_word import last_word
from tocsin.streams.rules.loops.verdict import Replaced, Silenced
from tocsin.streams.rules.state import ThreadErrorsRow, ThreadRow, row_key

THREAD_MUTED = "thread_muted"
THREAD_ERRORS = "thread_errors"
"""The suppression reasons; the last one is the limit's name, too."""


def thread_in_trouble(heard: Heard) -> str | None:
    """The thread whose budget a problem uses: the one that it states, else the one that its ids led to. A report in no
    thread but its own message's is about its parent thread, known or not (DIDComm v2: `pthid` is the thread in which
    the problem occurred)."""
    problem, found = heard.problem, heard.context.thread_id
    if is_stated(problem):
        return problem.thread_id
    return found if found is not None and found != problem.thread_id else problem.parent_thread_id


def _is_counted(thread: str, heard: Heard) -> bool:
    """Whether the thread's own row has this problem counted already."""
    return thread in (heard.problem.thread_id, heard.context.thread_id)


def count_on_thread(heard: Heard, rows: Rows, config: DecideConfig) -> Replaced | Silenced | None:
    """Count the problem on its thread. Silent when the thread had its last word of this bus; a last word when the
    budget is spent. The other side's last word is a problem like any: a peer could else switch off the owner's alarm
    (what it is told itself is for rules.routing.audience)."""
    thread = thread_in_trouble(heard)
    if thread is None:
        return None
    inside, about = _rows_of(thread, heard, rows)
    if not _is_counted(thread, heard):
        about = _count_about(thread, about, heard, rows, config)
    muted = (inside.muted if inside else "") or (about.muted if about else "")
    if muted:
        return Silenced(THREAD_MUTED, "the last word on this thread was said", muted)
    count = (inside.count if inside else 0) + (about.count if about else 0)
    allowed = config.book.limits_of(heard.tenant).thread_errors
    return last_word(heard, THREAD_ERRORS, allowed) if 0 < allowed < count else None


def mute_thread(heard: Heard, survivor: str, rows: Rows, config: DecideConfig) -> None:
    """From now on nothing more is told of the problem's thread: `survivor` was the last word."""
    thread = thread_in_trouble(heard)
    if thread is None:
        return
    inside, about = _rows_of(thread, heard, rows)
    if inside is not None:
        key = row_key("thread", heard.tenant, thread)
        rows.put(key, msgspec.structs.replace(inside, muted=survivor), rows.due(key))
    if about is not None:
        _keep(thread, msgspec.structs.replace(about, muted=survivor), heard, rows, config)


def is_muted(thread: str, tenant: str, rows: Rows) -> bool:
    """Whether the last word on a thread was said."""
    found = [rows.get(row_key(kind, tenant, thread)) for kind in ("thread", "thread_errors")]
    return any(isinstance(row, ThreadRow | ThreadErrorsRow) and row.muted for row in found)


def _rows_of(thread: str, heard: Heard, rows: Rows) -> tuple[ThreadRow | None, ThreadErrorsRow | None]:
    inside = rows.get(row_key("thread", heard.tenant, thread))
    about = rows.get(row_key("thread_errors", heard.tenant, thread))
    return inside if isinstance(inside, ThreadRow) else None, about if isinstance(about, ThreadErrorsRow) else None


def _count_about(
    thread: str, row: ThreadErrorsRow | None, heard: Heard, rows: Rows, config: DecideConfig
) -> ThreadErrorsRow:
    row = ThreadErrorsRow(heard.now, 1) if row is None else msgspec.structs.replace(
        row, count=row.count + 1, last_seen=heard.now
    )  # fmt: skip
    _keep(thread, row, heard, rows, config)
    return row


def _keep(thread: str, row: ThreadErrorsRow, heard: Heard, rows: Rows, config: DecideConfig) -> None:
    key = row_key("thread_errors", heard.tenant, thread)
    rows.put(key, row, rows.due(key) or heard.now + config.thread_ttl)
