"""What failures in a row teach a partition: how long to wait, and when reading its changelog is no progress."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

VAIN_RECOVERIES = 3
"""Recoveries in a row that read the whole changelog and failed behind it, after which reading is no progress."""


class Setbacks:
    """The failures of one partition since it last wrote something; `delay` is the shortest wait, in seconds."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._count = self._in_vain = 0

    def failed(self) -> None:
        """One failure more."""
        self._count += 1

    def over(self) -> None:
        """Something was written: the next failure is the first again."""
        self._count = 0

    def patience(self, halted: bool) -> float:
        """Seconds until the next try: doubling up to 8 delays (32 when a person is needed), spread, so that partitions
        do not march in step.
        """
        doubling = 5 if halted else min(self._count - 1, 3)
        return float(self._delay * 2**doubling * (0.5 + random.random()))

    @property
    def reading_is_progress(self) -> bool:
        """Whether a partition that reads its changelog moves: a long recovery is not a stall, an endless one is."""
        return self._in_vain < VAIN_RECOVERIES

    @contextmanager
    def recovery(self, changelog_is_read: Callable[[], bool]) -> Iterator[None]:
        """Around one recovery: one that fails although the whole changelog was read was in vain."""
        try:
            yield
        except Exception:
            self._in_vain += changelog_is_read()
            raise
        self._in_vain = 0
