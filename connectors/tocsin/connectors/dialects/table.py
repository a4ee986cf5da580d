"""The table of dialects: name -> module. To add one, add its file, a row here, and its vectors' test."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Protocol, cast

from tocsin.connectors.dialects.reading import NotAProblem
from tocsin.schemas.problem import Problem

DIALECTS: dict[str, str] = {
    "canonical": "tocsin.connectors.dialects.canonical",
    "rfc9457": "tocsin.connectors.dialects.rfc9457",
    "didcomm-2.0": "tocsin.connectors.dialects.didcomm2",
    "aries-1.0": "tocsin.connectors.dialects.aries",
    "hipe": "tocsin.connectors.dialects.hipe",
    "jsonrpc": "tocsin.connectors.dialects.jsonrpc",
    "tocsin-notification": "tocsin.connectors.dialects.notification",
    "dwn-status": "tocsin.connectors.dialects.dwn",
}
"""Name of each dialect -> the module that reads and writes it (imported when it is first used)."""


class Dialect(Protocol):
    """What the module of a dialect offers."""

    NAME: str

    def read(self, document: object) -> Problem | NotAProblem:
        """The parsed JSON document as a canonical problem. Raises Unreadable and nothing else."""
        ...

    def write(self, problem: Problem) -> dict[str, object]:
        """The problem as a strictly conformant document. Raises Unwritable if the dialect cannot say it."""
        ...

    def looks_like(self, document: dict[str, object]) -> bool:
        """Whether an object has the dialect's shape; total. `detection.ORDER` says who is asked first."""
        ...


@cache
def module_of(name: str) -> Dialect:
    """The module of a dialect of the table. Raises KeyError for any other name."""
    return cast(Dialect, import_module(DIALECTS[name]))
