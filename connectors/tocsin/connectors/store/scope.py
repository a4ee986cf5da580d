"""The one place where rows are read, and where the tenant is asked for: nobody else has the connection of a reader."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from msgspec import Struct
from sqlalchemy import Column, ColumnElement, Connection, Row, Subquery, Table, func, select, text, tuple_

from tocsin.connectors.store.cursors import page_of, page_size, place_of
from tocsin.connectors.store.structs import Page
from tocsin.connectors.store.tables import problems

S = TypeVar("S", bound=Struct)


class Scope:
    """What one tenant may read, in one transaction."""

    __slots__ = ("_connection", "tenant")

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection, self.tenant = connection, tenant

    @property
    def sqlite(self) -> bool:
        return self._connection.dialect.name == "sqlite"

    def rows(
        self,
        columns: Sequence[ColumnElement[Any]],
        table: Table | Subquery,
        *where: ColumnElement[bool],
        order: Iterable[ColumnElement[Any]] = (),
        group: Iterable[ColumnElement[Any]] = (),
        limit: int | None = None,
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Rows of the tenant alone, of one table."""
        statement = select(*columns).select_from(table).where(table.c.tenant == self.tenant, *where)
        return self._connection.execute(statement.group_by(*group).order_by(*order).limit(limit)).all()

    def structs(
        self,
        kind: type[S],
        table: Table | Subquery,
        *where: ColumnElement[bool],
        order: Iterable[ColumnElement[Any]] = (),
        limit: int | None = None,
    ) -> list[S]:
        """Rows as structs, whose fields are called as the columns."""
        found = self.rows(columns_of(kind, table), table, *where, order=order, limit=limit)
        return [kind(*row) for row in found]

    def one(self, kind: type[S], table: Table, *where: ColumnElement[bool]) -> S | None:
        """The first such row, or None."""
        return next(iter(self.structs(kind, table, *where, limit=1)), None)

    def newest(
        self, kind: type[S], table: Table, *where: ColumnElement[bool], before: Sequence[Any] | None, limit: int
    ) -> list[S]:
        """Those before a place (time and id), newest first."""
        columns: tuple[Column[Any], ...] = (table.c.at, table.c.id)
        more = () if before is None else (tuple_(*columns) < tuple_(*before),)
        return self.structs(kind, table, *where, *more, order=[column.desc() for column in columns], limit=limit)

    def latest(self, table: Table, *where: ColumnElement[bool], most: int) -> Subquery:
        """So many of the newest as a table of their own, so that what goes through them comes to an end."""
        statement = select(table).where(table.c.tenant == self.tenant, *where)
        return statement.order_by(table.c.at.desc(), table.c.id.desc()).limit(most).subquery()

    def reports_in(
        self, cases: Sequence[str], begins: Sequence[int], width: int, most: int
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Case, beginning and number of reports (up to `most`) of the spans of time that begin then."""
        case, begin = (_listed(self._connection.dialect.name, name) for name in ("cases", "begins"))
        statement = text(
            "SELECT c.value, b.value, (SELECT count(*) FROM (SELECT 1 FROM problems WHERE tenant = :tenant"
            " AND case_id = c.value AND at >= b.value AND at < b.value + :width LIMIT :most) AS counted)"
            f" FROM {case} AS c, {begin} AS b"
        )
        values = {"cases": json.dumps(cases), "begins": json.dumps(begins)}
        asked = {"tenant": self.tenant, "width": width, "most": most, **values}
        return self._connection.execute(statement, asked).all()

    def page(self, kind: type[S], table: Table, *where: ColumnElement[bool], cursor: str | None, limit: int) -> Page[S]:
        """A page of them, newest first. Raises CursorInvalid."""
        limit = page_size(limit)
        found = self.newest(kind, table, *where, before=place_of(cursor), limit=limit + 1)
        return page_of(found, limit, _place)

    def matching(self, terms: Sequence[str], before: int | None, limit: int) -> list[int]:
        """The places (`seq`) of problems with all these words, the last first; some may be another tenant's, of whom
        `placed` gives nothing."""
        if self.sqlite:
            statement = (
                "SELECT rowid FROM problems_words WHERE problems_words MATCH :terms AND rowid < :before"
                " ORDER BY rowid DESC LIMIT :limit"
            )
            wanted = " AND ".join(f'"{term[:-1]}"*' if term.endswith("*") else f'"{term}"' for term in terms)
        else:
            statement = (
                "SELECT seq FROM problems WHERE vector @@ to_tsquery('simple', :terms) AND seq < :before"
                " AND tenant = :tenant ORDER BY seq DESC LIMIT :limit"
            )
            wanted = " & ".join(f"{term[:-1]}:*" if term.endswith("*") else term for term in terms)
        asked = {"terms": wanted, "before": 2**62 if before is None else before, "limit": limit}
        if not self.sqlite:
            asked["tenant"] = self.tenant
        return list(self._connection.execute(text(statement), asked).scalars())

    def placed(
        self, columns: Sequence[ColumnElement[Any]], places: Sequence[int], *where: ColumnElement[bool]
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Those of the problems at these places that are the tenant's, the last first."""
        # not the bare column: rather than look up twenty places, SQLite would go through all of the tenant by an index
        own = problems.c.tenant + "" == self.tenant
        statement = select(*columns).where(problems.c.seq.in_(places), own, *where).order_by(problems.c.seq.desc())
        return self._connection.execute(statement).all() if places else []

    def total(self, table: Table, *where: ColumnElement[bool]) -> int:
        """How many there are."""
        return int(self.rows([func.count()], table, *where)[0][0])


def _place(row: Any) -> tuple[int, str]:
    """Where it stands among the newest: of a case that is not opened, at the end."""
    return row.at or 0, row.id


def _listed(dialect: str, name: str) -> str:
    """A list that is given as JSON, as a table with one column: `value`."""
    if dialect == "sqlite":
        return f"json_each(:{name})"
    kind = "text" if name == "cases" else "bigint"
    return f"(SELECT CAST(one AS {kind}) AS value FROM json_array_elements_text(CAST(:{name} AS json)) AS one)"


def columns_of(kind: type[Struct], table: Table | Subquery) -> list[ColumnElement[Any]]:
    """The columns that the fields of a struct are called after."""
    return [table.c[name] for name in kind.__struct_fields__]
