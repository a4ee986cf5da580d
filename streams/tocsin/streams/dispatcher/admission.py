"""How much of each partition may be held, so that a slow endpoint stops nobody who does not share its partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import TypeVar

Place = TypeVar("Place", bound=Hashable)

RECORDS = 64
"""Attempts of one partition that are under way or wait for their endpoint's turn: several times what one endpoint may
have under way, so that a slow one does not at once stop the others of its partition. A read may add as many again."""
SIZE = 4 * 1024 * 1024
"""Bytes of them; a read may add what one fetch holds."""


class Admission:
    """Counts what is held of each partition. `attempts` is keyed by endpoint, so a partition holds whole endpoints.

    What remains: endpoints that share a partition with a slow one go on until `records` of it are held, and from then
    on at the pace of the slow one.
    """

    __slots__ = ("_held", "_records", "_size", "_sizes")

    def __init__(self, records: int = RECORDS, size: int = SIZE) -> None:
        self._records, self._size = records, size
        self._held: Counter[Hashable] = Counter()
        self._sizes: Counter[Hashable] = Counter()

    def begin(self, place: Hashable, size: int) -> None:
        """A record of `size` bytes was read from `place`."""
        self._held[place] += 1
        self._sizes[place] += size

    def end(self, place: Hashable, size: int) -> None:
        """It is dealt with, or given up."""
        self._held[place] -= 1
        self._sizes[place] -= size
        if self._held[place] <= 0:
            del self._held[place], self._sizes[place]

    def admits(self, places: Iterable[Place]) -> set[Place]:
        """Those of `places` that may be read from now."""
        return {place for place in places if self._held[place] < self._records and self._sizes[place] < self._size}
