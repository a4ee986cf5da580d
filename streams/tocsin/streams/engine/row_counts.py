"""How many rows there are of each scope (of `decide`: of each tenant), counted as they come and go.

The counts follow from the rows alone: they stand nowhere else, so a recovery, a take-over or an event that is undone
cannot make them wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct


class PerScope(Struct, frozen=True):
    """What a rule set has counted: whose a row is by its key, and which rows of the kind `open_kind` are open; the
    last says it of a row's key and bytes, so that none is decoded for it when many are recovered."""

    scope_of: Callable[[str], str]
    open_kind: str
    is_open: Callable[[Any], bool]
    is_open_stored: Callable[[str, bytes], bool]


class RowCounts:
    """Rows, and open rows of one kind, by scope; a scope that has none is not in it. `prefix` is how the keys of that
    kind begin."""

    __slots__ = ("open", "prefix", "rows", "what")

    def __init__(self, what: PerScope) -> None:
        self.what = what
        self.prefix = f"{what.open_kind}/"
        self.rows: dict[str, int] = {}
        self.open: dict[str, int] = {}

    def fill(self, keys: Iterable[str], opened: Iterable[str]) -> None:
        """Count the rows of these keys, and which of them are open, where none was counted. A million of them are, when
        a partition is taken over."""
        self.rows = dict(Counter(map(self.what.scope_of, keys)))
        self.open = dict(Counter(map(self.what.scope_of, opened)))

    def changed(self, key: str, was_open: bool | None, is_open: bool | None) -> None:
        """The row of this key was open or not, and is; None is no row."""
        if (was_open is None) != (is_open is None):
            (_one_more if was_open is None else _one_less)(self.rows, self.what.scope_of(key))
        if bool(was_open) != bool(is_open):
            (_one_more if is_open else _one_less)(self.open, self.what.scope_of(key))


def _one_more(counts: dict[str, int], scope: str) -> None:
    counts[scope] = counts.get(scope, 0) + 1


def _one_less(counts: dict[str, int], scope: str) -> None:
    left = counts[scope] - 1
    if left:
        counts[scope] = left
    else:
        del counts[scope]
