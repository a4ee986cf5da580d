"""Time lines of a thread, a connection or a record: problems, activity and what happened to cases, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement

from tocsin.connectors.store.cursors import page_of, page_size, place_of
from tocsin.connectors.store.scope import Scope
from tocsin.connectors.store.structs import Activity, CaseEvent, Connection, Entry, Page, ProblemLine
from tocsin.connectors.store.tables import activity, case_events, connections, problems

Source = tuple[Any, Any, Sequence[ColumnElement[bool]]]


def thread(scope: Scope, thread_id: str, cursor: str | None, limit: int) -> Page[Entry]:
    """What is known of a thread. Raises CursorInvalid."""
    return _line(
        scope,
        [
            (ProblemLine, problems, [problems.c.thread_id == thread_id]),
            (ProblemLine, problems, [problems.c.context_thread == thread_id]),
            (Activity, activity, [activity.c.thread_id == thread_id]),
            (CaseEvent, case_events, [case_events.c.thread_id == thread_id]),
        ],
        cursor,
        limit,
    )


def connection(scope: Scope, connection_id: str, cursor: str | None, limit: int) -> Page[Entry]:
    """What is known of a connection. Raises CursorInvalid."""
    return _line(
        scope,
        [
            (ProblemLine, problems, [problems.c.connection == connection_id]),
            (ProblemLine, problems, [problems.c.context_connection == connection_id]),
            (Activity, activity, [activity.c.connection == connection_id]),
            (CaseEvent, case_events, [case_events.c.connection == connection_id]),
        ],
        cursor,
        limit,
    )


def record(scope: Scope, record_type: str, record_id: str, cursor: str | None, limit: int) -> Page[Entry]:
    """What is known of a record. Raises CursorInvalid."""
    context = [problems.c.context_record_type == record_type, problems.c.context_record_id == record_id]
    return _line(
        scope,
        [
            (ProblemLine, problems, [problems.c.record_type == record_type, problems.c.record_id == record_id]),
            (ProblemLine, problems, context),
            (Activity, activity, [activity.c.record_type == record_type, activity.c.record_id == record_id]),
        ],
        cursor,
        limit,
    )


def about_connection(scope: Scope, connection_id: str) -> Connection | None:
    """The connection as last heard of."""
    return scope.one(Connection, connections, connections.c.id == connection_id)


def connection_page(scope: Scope, cursor: str | None, limit: int) -> Page[Connection]:
    """The connections, those first of which was heard last. Raises CursorInvalid."""
    return scope.page(Connection, connections, cursor=cursor, limit=limit)


def _line(scope: Scope, sources: Sequence[Source], cursor: str | None, limit: int) -> Page[Entry]:
    limit, before = page_size(limit), place_of(cursor)
    found = [scope.newest(kind, table, *where, before=before, limit=limit + 1) for kind, table, where in sources]
    entries: dict[str, Entry] = {}
    for entry in merge(*found, key=_place, reverse=True):
        entries.setdefault(entry.id, entry)
        if len(entries) > limit:
            break
    return page_of(list(islice(entries.values(), limit + 1)), limit, _place)


def _place(entry: Any) -> tuple[int, str]:
    return entry.at, entry.id
