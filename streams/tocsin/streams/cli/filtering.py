"""`tocsin tail --filter`: a CEL expression on what a record is. A mistake in it is told, not taken for "no"."""

from __future__ import annotations

import re
from typing import Any

import cel

from tocsin.streams.cli.failures import USAGE, CommandFailed
from tocsin.streams.cli.showing import clipped

NOTHING: dict[str, Any] = {
    "type": "",
    "event": {},
    "key": "",
    "topic": "",
    "partition": 0,
    "offset": 0,
    "time": "",
    "undecodable": "",
    "hex": "",
    "bytes": 0,
}
"""The names that an expression may use, with what they are on a record that has none of them."""
TYPES = {"int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type"}
"""CEL's own names."""
_BOUND = re.compile(r"\.(?:all|exists|exists_one|map|filter)\(\s*(\w+)\s*,")
"""The variables that CEL's macros bring along."""


class Filter:
    """Whether a record is wanted; without an expression, each is.

    An event without a member that is asked for is not wanted. If it is so for every one, `complaint` tells.
    """

    def __init__(self, expression: str | None) -> None:
        """Raises CommandFailed(2) when it is not CEL, uses names that records do not have, or gives no boolean."""
        self._program = None if expression is None else _compiled(expression)
        self._asked = self._failed = 0
        self._why = ""
        if self._program is not None:
            self.wants(NOTHING)
            self._asked = self._failed = 0

    def wants(self, seen: dict[str, Any]) -> bool:
        """Raises CommandFailed(2) when the result is no boolean, or a function does not exist."""
        if self._program is None:
            return True
        self._asked += 1
        try:
            result = self._program.execute(NOTHING | seen)
        except Exception as error:
            self._why = clipped(f"{type(error).__name__}: {error}", 200)
            if self._why.startswith("RuntimeError: Undefined"):
                raise CommandFailed(USAGE, f"--filter: {clipped(str(error), 200)}") from None
            self._failed += 1
            return False
        if not isinstance(result, bool):
            raise CommandFailed(USAGE, f"--filter gives {clipped(repr(result), 60)}, and not true or false")
        return result

    def complaint(self) -> str | None:
        """What to tell when it could not be worked out for a single one of the records."""
        if not self._failed or self._failed < self._asked:
            return None
        return f"--filter could not be worked out for any of {self._asked} records (the last one: {self._why})"


def _compiled(expression: str) -> cel.Program:
    try:
        program = cel.compile(expression)
    except ValueError as error:
        raise CommandFailed(USAGE, f"--filter is not CEL: {clipped(str(error), 300)}") from None
    unknown = set(program.variables()) - NOTHING.keys() - TYPES - set(_BOUND.findall(expression))
    if unknown:
        raise CommandFailed(
            USAGE, f"--filter: records have no {', '.join(sorted(unknown))}; they have {', '.join(NOTHING)}"
        )
    return program
