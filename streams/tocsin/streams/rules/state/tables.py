"""Typed access to rows: a `Table` for each kind, which knows its rows' type and spells their keys."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.state.keys import MAX_KEY_PART, key_part

R = TypeVar("R")


class Table(Generic[R]):
    """The rows of one kind within the scope (a tenant, an endpoint) that its holder has now: `key` spells a key once,
    the rest takes it."""

    __slots__ = ("_holder", "_kind", "_row", "_rows")

    def __init__(self, holder: Any, row: type[R], kind: str) -> None:
        self._holder, self._row, self._kind = holder, row, kind
        self._rows: Rows = holder.rows

    def key(self, one: str, *others: str) -> str:
        """The key of the row of these ids."""
        own = f"{one}/{'/'.join(others)}" if others else one
        if "%" in own or len(own) > MAX_KEY_PART or ("/" in own and own.count("/") > len(others)):
            return "/".join((self._kind, self._holder.scope, *map(key_part, (one, *others))))
        # Nothing to escape, as mostly; and this is called many times for each event.
        return f"{self._kind}/{self._holder.scope}/{own}"

    def own_key(self) -> str:
        """The key of the one row that the scope itself has."""
        return f"{self._kind}/{self._holder.scope}"

    def get(self, key: str) -> R | None:
        """The row, or None when there is none."""
        row = self._rows.get(key)
        return row if type(row) is self._row else None

    def find(self, one: str, *others: str) -> R | None:
        """The row of these ids, where its key is not needed."""
        row = self._rows.get(self.key(one, *others) if others else self.key(one))
        return row if type(row) is self._row else None

    def due(self, key: str) -> int | None:
        """When the row's timer fires (microseconds), or None."""
        return self._rows.due(key)

    def put(self, key: str, row: R, due: int | None) -> None:
        """Keep the row; its timer fires at `due` (microseconds), never when that is None."""
        self._rows.put(key, row, due)

    def keep(self, key: str, row: R, until: int) -> None:
        """Keep the row with the timer that it has, a new one until `until` (microseconds): a later timer at each use
        would grow the heap of timers with traffic. The timer's handler prolongs a row that was used meanwhile."""
        self._rows.put(key, row, self._rows.due(key) or until)

    def replace(self, key: str, row: R) -> None:
        """Keep the row with the timer that it has, or none."""
        self._rows.put(key, row, self._rows.due(key))

    def delete(self, key: str) -> None:
        """Forget the row and its timer."""
        self._rows.delete(key)


class ContextTable(Table[R]):
    """Rows that only explain: a new one is not kept while its holder says that it has `rows_full`."""

    __slots__ = ()

    def keep(self, key: str, row: R, until: int) -> None:
        """As of any Table; but nothing, when the row would be a new one and there is no room for it."""
        due = self._rows.due(key)
        if due is None and self._holder.rows_full and self._rows.get(key) is None:
            return
        self._rows.put(key, row, due or until)
