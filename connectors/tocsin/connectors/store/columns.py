"""What the columns of the store's tables are made of."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    Text,
    text,
)
from sqlalchemy.dialects import postgresql

METADATA = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s",
    }
)

COUNTER = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up only what is exactly INTEGER."""

TEXT = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Compared by code points, as SQLite and Python do, whatever the language of the database."""


def key(name: str) -> Column[str]:
    return Column(name, TEXT, primary_key=True)


def texts(*names: str) -> list[Column[str]]:
    return [Column(name, TEXT) for name in names]


def times(*names: str) -> list[Column[int]]:
    return [Column(name, BigInteger) for name in names]


def links(table: str, *columns: str) -> Index:
    """An index for what is looked up by these columns, newest first; without the rows that lack the first of them."""
    return Index(
        f"{table}_{columns[0]}_at",
        "tenant",
        *columns,
        "at",
        "id",
        sqlite_where=text(f"{columns[0]} IS NOT NULL"),
        postgresql_where=text(f"{columns[0]} IS NOT NULL"),
    )
