"""What a batch asks of the store before its rows are made: each question once, whatever is in the batch.

As the driver takes it, with a list as JSON: the text is the same for every batch, and SQLAlchemy compiles nothing. At
ten problems a batch these questions were a third of what a transaction cost (streams/decisions/0022)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

Own = tuple[str, str]
"""A tenant, and an id of it."""

_ASKED: Mapping[str, tuple[str, str, str]] = {
    # dialect -> what gives the rows that are asked for, and their parts
    "sqlite": ("json_each(?) AS asked", "json_extract(asked.value, '$[0]')", "json_extract(asked.value, '$[1]')"),
    "postgresql": ("json_array_elements(CAST($1 AS json)) AS asked(value)", "asked.value->>0", "asked.value->>1"),
}


def next_offsets(connection: Connection) -> Sequence[Any]:
    """Topic, partition and next offset of each partition."""
    return connection.exec_driver_sql("SELECT topic, partition, next FROM offsets").all()


def known_problems(connection: Connection, wanted: Collection[Own]) -> Sequence[Any]:
    """Tenant, id, `known_by` and `decided_at` of those that are there."""
    return _found(connection, "tenant, id, known_by, decided_at", "problems", ("tenant", "id"), wanted)


def erasures_of(connection: Connection, tenants: Collection[str]) -> Sequence[Any]:
    """Tenant, subject and time of each erasure of these tenants."""
    return _found(connection, "tenant, subject, before", "erasures", ("tenant",), [(one,) for one in tenants])


def erased_ids(connection: Connection, wanted: Collection[Own]) -> Sequence[Any]:
    """Tenant and id of those that were erased."""
    return _found(connection, "tenant, id", "erased", ("tenant", "id"), wanted)


def _found(
    connection: Connection, columns: str, table: str, key: Sequence[str], wanted: Collection[tuple[str, ...]]
) -> Sequence[Any]:
    if not wanted:
        return ()
    asked, *parts = _ASKED[connection.dialect.name]
    same = " AND ".join(f"{table}.{name} = {part}" for name, part in zip(key, parts, strict=False))
    shown = ", ".join(f"{table}.{name}" for name in columns.split(", "))
    # CROSS JOIN: SQLite goes through what is asked for, not through the table
    text = f"SELECT {shown} FROM {asked} CROSS JOIN {table} WHERE {same}"
    return connection.exec_driver_sql(text, (msgspec.json.encode(sorted(wanted)).decode(),)).all()
