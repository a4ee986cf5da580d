"""The thread of a problem: where it hangs, what else went wrong there. Unknown context is normal, not an error.

Links between threads are followed when they are read, so a parent that becomes known after its child explains the
child's next problem (RELIABILITY F16).
"""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import ActivityObserved, ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.rows import THREAD_CODES, ThreadRow, row_key

MAX_PARENTS = 16
"""How far up a chain of threads is followed (RELIABILITY 3.6 5)."""

MAX_CODE = 128
"""Characters of a code that a thread remembers (RELIABILITY 3.5)."""


def enrich(problem: Problem, tenant: str, rows: Rows, now: int, ttl: int) -> ThreadContext:
    """Count a problem on its thread's row and return what is then known; `ttl` is in microseconds."""
    if problem.thread_id is None:
        parent = find_parent(problem, tenant, rows)
        parents = _parents(parent, tenant, rows, problem.thread_id)
        return ThreadContext(
            parents=parents, depth=len(parents), count=1, first_seen=now, last_seen=now, codes=[problem.code]
        )
    key = row_key("thread", tenant, problem.thread_id)
    row = _row(rows, key) or ThreadRow(problem.thread_id, None, now, now)
    row = msgspec.structs.replace(
        row,
        parent=row.parent or find_parent(problem, tenant, rows),
        count=row.count + 1,
        last_seen=now,
        codes=_with_code(row.codes, problem.code[:MAX_CODE]),
    )
    rows.put(key, row, rows.due(key) or now + ttl)
    return context_of(row, tenant, rows)


def observe(activity: ActivityObserved, rows: Rows, now: int, ttl: int) -> None:
    """Note activity on its thread's row, if it has a thread; nothing is said."""
    if activity.thread_id is None:
        return
    key = row_key("thread", activity.tenant, activity.thread_id)
    row = _row(rows, key) or ThreadRow(activity.thread_id, None, now, now)
    row = msgspec.structs.replace(
        row,
        parent=row.parent or _other(activity.parent_thread_id, row.thread_id),
        activity=row.activity + 1,
        last_seen=now,
    )
    rows.put(key, row, rows.due(key) or now + ttl)


def context_of(row: ThreadRow, tenant: str, rows: Rows) -> ThreadContext:
    """What a thread's row and the rows above it tell."""
    parents = _parents(row.parent, tenant, rows, row.thread_id)
    return ThreadContext(
        thread_id=row.thread_id,
        parents=parents,
        depth=len(parents),
        count=row.count,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        codes=list(row.codes),
    )


def find_parent(problem: Problem, tenant: str, rows: Rows) -> str | None:
    """The parent that the problem names, else the first of its context ids that is a known thread (b.1 10)."""
    named = _other(problem.parent_thread_id, problem.thread_id)
    if named is not None:
        return named
    for candidate in problem.context_ids[:MAX_PARENTS]:
        if candidate != problem.thread_id and rows.get(row_key("thread", tenant, candidate)) is not None:
            return candidate
    return None


def _parents(parent: str | None, tenant: str, rows: Rows, own: str | None) -> list[str]:
    """Nearest first; a circle of parents ends where it closes."""
    parents: list[str] = []
    while parent is not None and parent != own and parent not in parents and len(parents) < MAX_PARENTS:
        parents.append(parent)
        above = _row(rows, row_key("thread", tenant, parent))
        parent = above.parent if above else None
    return parents


def _with_code(codes: tuple[str, ...], code: str) -> tuple[str, ...]:
    return codes if code in codes else (*codes, code)[-THREAD_CODES:]


def _other(candidate: str | None, own: str | None) -> str | None:
    return candidate if candidate and candidate != own else None


def _row(rows: Rows, key: str) -> ThreadRow | None:
    row = rows.get(key)
    return row if isinstance(row, ThreadRow) else None
