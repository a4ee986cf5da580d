"""How many rows there are of each scope (of `decide`: of each tenant), counted as they come and go.

The counts follow from the rows alone: they stand nowhere else, so a recovery, a take-over or an event that is undone
cannot make them wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct


class PerScope(Struct, frozen=True):
    """What a rule set has counted: whose a row is by its key, and which rows of the kind `open_kind` are open; the
    last says it of a row's key and bytes, so that none is decoded for it when many are recovered."""

    scope_of: Callable[[str], str]
    open_kind: str
    is_open: Callable[[Any], bool]
    is_open_stored: Callable[[str, bytes], bool]


class Stored(Protocol):
    """A row as bytes, as a RowStore holds it."""

    @property
    def payload(self) -> bytes: ...

    @property
    def deleted(self) -> bool: ...


class RowCounts:
    """Rows, and open rows of one kind, by scope; a scope that has none is not in it. `prefix` is how the keys of that
    kind begin: their rows have to be noted whenever they change."""

    __slots__ = ("_open_keys", "_scope_of", "_what", "open", "prefix", "rows")

    def __init__(self, what: PerScope) -> None:
        self._what, self._scope_of = what, what.scope_of
        self.prefix = f"{what.open_kind}/"
        self._open_keys: set[str] = set()
        self.rows: dict[str, int] = {}
        self.open: dict[str, int] = {}

    def fill(self, rows: Mapping[str, Stored]) -> None:
        """Count these rows, where none was counted. A million of them are, when a partition is taken over."""
        scope_of, is_open, prefix = self._scope_of, self._what.is_open_stored, self.prefix
        length = len(prefix)
        keys = [key for key, row in rows.items() if not row.deleted]
        scopes = [scope_of(key) for key in keys]
        opened = {
            key: scope
            for key, scope in zip(keys, scopes, strict=True)
            if key[:length] == prefix and is_open(key, rows[key].payload)
        }
        self.rows, self.open = dict(Counter(scopes)), dict(Counter(opened.values()))
        self._open_keys = set(opened)

    def added(self, key: str) -> None:
        """There is a row of this key now, and there was none before."""
        scope = self._scope_of(key)
        self.rows[scope] = self.rows.get(scope, 0) + 1

    def removed(self, key: str) -> None:
        """There was a row of this key, and there is none any more."""
        _one_less(self.rows, self._scope_of(key))
        self._close(key)

    def note(self, key: str, row: Any) -> None:
        """The row of this key, of the kind of which some are open, is now this one."""
        self._mark(key, self._what.is_open(row))

    def note_stored(self, key: str, data: bytes) -> None:
        """The same for a row that is there as bytes only; one that cannot be read is not open."""
        self._mark(key, self._what.is_open_stored(key, data))

    def _mark(self, key: str, is_open: bool) -> None:
        if not is_open:
            self._close(key)
        elif key not in self._open_keys:
            self._open_keys.add(key)
            scope = self._scope_of(key)
            self.open[scope] = self.open.get(scope, 0) + 1

    def _close(self, key: str) -> None:
        if key in self._open_keys:
            self._open_keys.remove(key)
            _one_less(self.open, self._scope_of(key))


def _one_less(counts: dict[str, int], scope: str) -> None:
    left = counts[scope] - 1
    if left:
        counts[scope] = left
    else:
        del counts[scope]
