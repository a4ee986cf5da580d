"""What failures in a row teach a partition: how long to wait, and when reading its changelog is no progress."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from tocsin.streams.engine.dead import DeadLetterLimitReached
from tocsin.streams.engine.partition import Superseded
from tocsin.streams.engine.phase import DEAD_LETTER_LIMIT, NEEDS_A_PERSON, UNWRITABLE, Phase
from tocsin.streams.engine.ports import LogUnavailable, Unwritable
from tocsin.streams.engine.record import Halt

VAIN_RECOVERIES = 3
"""Recoveries in a row that read the whole changelog and failed behind it, after which reading is no progress."""


@dataclass(frozen=True, slots=True)
class Setback:
    """Why a partition begins anew; `offset` is that of the record at fault, where it halts at one."""

    phase: Phase
    reason: str
    detail: str
    offset: int | None = None
    unexpected: bool = False


def setback_of(error: Exception) -> Setback:
    """What an exception of the write order means for its partition."""
    named = f"{type(error).__name__}: {error}"
    match error:
        case Superseded():
            return Setback(Phase.TAKING_OVER, "superseded", str(error))
        case LogUnavailable():
            return Setback(Phase.TAKING_OVER, "kafka_unavailable", str(error))
        case Unwritable():  # one whose record is being looked for needs nobody yet
            return Setback(Phase.TAKING_OVER if error.sought else Phase.HALTED, UNWRITABLE, named, unexpected=True)
        case DeadLetterLimitReached():
            return Setback(Phase.HALTED, DEAD_LETTER_LIMIT, str(error), error.offset)
        case Halt():
            return Setback(Phase.HALTED, NEEDS_A_PERSON, named, error.offset)
    return Setback(Phase.HALTED, "unexpected", named, unexpected=True)


@dataclass(frozen=True, slots=True)
class Watched:
    """Who is told, by agent, how many seconds a recovery took, and of each set-back."""

    recovered: Callable[[str, float], None]
    set_back: Callable[[str], None]


NOT_WATCHED = Watched(lambda agent, seconds: None, lambda agent: None)


class Setbacks:
    """The failures of one partition of an agent since it last wrote something; `delay` is the shortest wait, in
    seconds."""

    def __init__(self, delay: float, agent: str = "", watched: Watched = NOT_WATCHED) -> None:
        self._delay = delay
        self._agent, self._watched = agent, watched
        self._count = self._in_vain = 0

    def failed(self) -> None:
        """One failure more."""
        self._count += 1
        self._watched.set_back(self._agent)

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
        started = monotonic()
        try:
            yield
        except Exception:
            self._in_vain += changelog_is_read()
            raise
        self._in_vain = 0
        self._watched.recovered(self._agent, monotonic() - started)
