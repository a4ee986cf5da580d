"""From an exception to the scenario that it is, by the names of its classes."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from tocsin.connectors.mediation.table import ScenarioTable

MAX_CAUSES = 8
"""How far back the causes of an exception are looked at."""


def classify(table: ScenarioTable, error: BaseException | str, message_type: str | None = None) -> str | None:
    """The scenario of an exception (or of a class name from elsewhere); None when no row of the table knows it.

    The exception's own class comes first, then its base classes, then whatever it was raised from. A pattern with a
    dot is compared with the dotted name. Rows are tried from the top.
    """
    for name in _names(error):
        for row in table.exceptions:
            if row.message_type is not None and not fnmatchcase(message_type or "", row.message_type):
                continue
            if any(_matches(name, pattern) for pattern in row.patterns):
                return row.scenario
    return None


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name if "." in pattern else name.rpartition(".")[2], pattern)


def _names(error: BaseException | str) -> Iterator[str]:
    if isinstance(error, str):
        yield error
        return
    current: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if current is None:
            return
        for kind in type(current).__mro__:
            if kind in (Exception, BaseException, object):
                continue
            yield f"{kind.__module__}.{kind.__qualname__}"
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
