"""How much one export may hold and cost, and its records, grouped as it has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Generic, TypeVar

from msgspec import Struct

from tocsin.connectors.dialects import Unreadable, UnreadableReason

MAX_PARTS = 10_000
"""Records of one export, with their resources and scopes: a collector puts 8,192 records into one."""
MAX_FIELDS = 4 * MAX_PARTS
"""Fields of protobuf that are walked on the way to the records: also those that are skipped cost their time."""
MAX_RECORD = 256_000
"""Bytes of one record, resource or scope: as many as a document may have."""
MAX_ATTRIBUTES = 1_000
"""Attributes of one record, event, resource or scope; the SDKs have a limit of 128."""
MAX_EVENTS = 1_000
"""Events of one span."""
MAX_EXCEPTIONS = 128
"""Exceptions of one span that are taken; the SDKs have that limit, too."""

MAX_VALUES = 400_000
"""Attributes of one export that are looked at, and values that are read: of 8,192 records 48 of each."""
FEW = 100
"""Bytes that are built as fast as one value is read."""
MAX_PROBLEMS = 1_000
"""Problems of one export: as many as there are documents in one request of any other route."""
MAX_DRAWN = 32_000_000
"""Bytes that the problems of one export draw on: each on its record, and also on the resource and the scope that it
shares with others."""
MAX_TOLD = 8_000_000
"""Bytes of all problems of one export. A resource stands once in an export, and in each of its problems."""

T = TypeVar("T")


class Group(Struct, Generic[T], frozen=True):
    """Records of one resource and scope."""

    resource: T
    scope: T
    records: Sequence[T]


class Parts:
    """Counts the parts of an export, and the fields that are walked to find them."""

    def __init__(self) -> None:
        self._left, self._fields_left = MAX_PARTS, MAX_FIELDS

    def walk(self) -> None:
        """Count one field. Raises Unreadable when they are too many."""
        self._fields_left -= 1
        if self._fields_left < 0:
            raise Unreadable(UnreadableReason.TOO_LARGE, expected=f"at most {MAX_FIELDS} fields around the records")

    def count(self, parts: Iterable[T]) -> list[T]:
        """The parts. Raises Unreadable when they are too many, with those before; no more than that are built."""
        counted = list(islice(parts, self._left + 1))
        self._left -= len(counted)
        if self._left < 0:
            raise Unreadable(UnreadableReason.TOO_LARGE, expected=f"at most {MAX_PARTS} records, scopes and resources")
        return counted


class Budget:
    """What reading one export may still cost. Once it is spent, whatever of the export would cost more is refused, and
    before the work: a few bytes may stand for much of it."""

    def __init__(self) -> None:
        self._values, self._problems, self._drawn, self._told = MAX_VALUES, MAX_PROBLEMS, MAX_DRAWN, MAX_TOLD

    def look(self, values: int) -> None:
        """Count attributes and values. Raises Unreadable."""
        self._values -= values
        _within(self._values, f"{MAX_VALUES} attributes and values")

    def draw(self, problems: int, size: int) -> None:
        """Count problems, each made of so many bytes, before they are made. Raises Unreadable."""
        self._problems -= problems
        self._drawn -= problems * size
        _within(self._problems, f"{MAX_PROBLEMS} problems")
        _within(self._drawn, f"{MAX_DRAWN} bytes read for its problems")
        _within(self._told, f"{MAX_TOLD} bytes of problems")

    def tell(self, size: int) -> None:
        """Count the bytes of a problem. Raises Unreadable."""
        self._told -= size
        _within(self._told, f"{MAX_TOLD} bytes of problems")


def _within(left: int, most: str) -> None:
    if left < 0:
        raise Unreadable(UnreadableReason.TOO_LARGE, expected=f"at most {most} in one export")
