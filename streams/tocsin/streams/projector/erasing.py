"""What is known of a subject, or of a tenant, is deleted from the store."""

from __future__ import annotations

from collections.abc import Collection
from itertools import product
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, func, or_, select, text
from sqlalchemy.types import LargeBinary

from tocsin.connectors.store.tables import (
    OWNED,
    activity,
    attempts,
    case_events,
    cases,
    commands,
    connections,
    dead_letters,
    deliveries,
    problems,
    records,
    violations,
)  # fmt: skip
from tocsin.connectors.store.text import storable
from tocsin.streams.projector.erasures import ALL, Erasure, remember, remember_ids, subject_of

BEHIND = ('"', "#", "/", "?", ";")
"""What may follow on a subject in a document: its end, or the rest of a DID URL."""
AT_ONCE = 500

NAMES: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (problems, ("sender", "connection", "wallet", "record_id", "context_connection", "context_record_id")),
    (activity, ("connection", "record_id")),
    (case_events, ("connection",)),
    (cases, ("connection", "record_id")),
    (records, ("id", "connection")),
    (connections, ("id", "peer")),
    (violations, ("peer",)),
)
"""Where a subject may stand in a column of its own."""
DOCUMENTS: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (problems, ("document", "raw", "context")),
    (activity, ("detail",)),
    (case_events, ("detail",)),
)
"""Where it may stand within a document."""


def erase(connection: Connection, tenant: str, subject: str | None, before: int, by: str) -> dict[str, int]:
    """Delete all of the tenant, or all that is about a subject: what names it as sender, connection, wallet or record,
    what has it in its document, and what followed from that. It is remembered. How many rows of which table."""
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        connection.execute(text("PRAGMA secure_delete = ON"))
    if subject is None:
        remember(connection, Erasure(tenant, ALL, before, by))
        found = {table.name: _delete(connection, table, table.c.tenant == tenant) for table in OWNED}
    else:
        subject = storable(subject)
        remember(connection, Erasure(tenant, subject_of(tenant, subject), before, by))
        found = _erase_subject(connection, tenant, subject)
    if sqlite:
        # the index of words keeps what was deleted from it until its parts are merged
        connection.execute(text("INSERT INTO problems_words (problems_words) VALUES ('optimize')"))
    return {name: number for name, number in found.items() if number}


def _erase_subject(connection: Connection, tenant: str, subject: str) -> dict[str, int]:
    reports = _ids(connection, problems, tenant, subject)
    heard = _ids(connection, activity, tenant, subject)
    told = _select(connection, deliveries, tenant, deliveries.c.about, reports)
    remember_ids(connection, tenant, sorted({*reports, *heard, *told}))
    found = {
        table.name: _delete(connection, table, table.c.tenant == tenant, _mentions(connection, table, subject))
        for table in dict.fromkeys(table for table, _ in (*NAMES, *DOCUMENTS))
    }
    for table, column, ids in (
        (attempts, attempts.c.delivery_id, told),
        (deliveries, deliveries.c.id, told),
        (dead_letters, dead_letters.c.event_id, {*reports, *heard, *told}),
        (commands, commands.c.target, reports),
        (case_events, case_events.c.report, reports),
    ):
        for some in _parts(ids):
            number = _delete(connection, table, table.c.tenant == tenant, column.in_(some))
            found[table.name] = found.get(table.name, 0) + number
    found["cases"] += _empty_cases(connection, tenant, reports)
    return found


def _empty_cases(connection: Connection, tenant: str, reports: Collection[str]) -> int:
    """The cases that began or ended with these reports: what they say came from them."""
    gone = 0
    for some in _parts(reports):
        of_them = or_(cases.c.first_report.in_(some), cases.c.last_report.in_(some))
        gone += _delete(connection, cases, cases.c.tenant == tenant, of_them)
    return gone


def _ids(connection: Connection, table: Table, tenant: str, subject: str) -> set[str]:
    asked = select(table.c.id).where(table.c.tenant == tenant, _mentions(connection, table, subject))
    return set(connection.execute(asked).scalars())


def _select(
    connection: Connection, table: Table, tenant: str, column: ColumnElement[Any], ids: Collection[str]
) -> set[str]:
    found = set[str]()
    for some in _parts(ids):
        asked = select(table.c.id).where(table.c.tenant == tenant, column.in_(some))
        found |= set(connection.execute(asked).scalars())
    return found


def _mentions(connection: Connection, table: Table, subject: str) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [
        table.c[name] == subject for found, names in NAMES if found is table for name in names
    ]
    sqlite = connection.dialect.name == "sqlite"
    begin = msgspec.json.encode(subject)[:-1]
    for found, names in DOCUMENTS:
        if found is table:
            for name, behind in product(names, BEHIND):
                part = bindparam(None, begin + behind.encode(), type_=LargeBinary())
                within = func.instr(table.c[name], part) if sqlite else func.position(part.op("IN")(table.c[name]))
                parts.append(within > 0)
    return or_(*parts)


def _delete(connection: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    return connection.execute(delete(table).where(*where)).rowcount


def _parts(ids: Collection[str]) -> list[list[str]]:
    found = sorted(ids)
    return [found[i : i + AT_ONCE] for i in range(0, len(found), AT_ONCE)]
