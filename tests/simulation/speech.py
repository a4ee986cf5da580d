"""What was decided and what was said: nothing else, all of it in the end, in order, repeats in the same bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from tests.simulation.broken import Broken
from tocsin.streams.engine.outbox import OutboxRecord

REMEMBERED = 3_600_000_000
"""Microseconds for which an output that was said may be said again, besides the last outbox of each partition."""


class Speech:
    """Compares every output that lands with those that were decided."""

    def __init__(self) -> None:
        self.decided = self.said = self.repeats = 0
        self._waiting: dict[int, tuple[str, int]] = {}
        self._known: dict[int, tuple[str, int]] = {}
        self._recent: dict[str, deque[tuple[int, list[int]]]] = {}
        self._numbers: dict[str, int] = {}
        self._reached: dict[tuple[str, str, int], int] = {}

    def decide(self, source: str, outputs: Sequence[OutboxRecord], now: int) -> None:
        """The partition `source` decided these, in this order."""
        fresh: list[int] = []
        for output in outputs:
            identity = _identity(output)
            if identity in self._known:
                continue  # twice the same bytes cannot be told apart, and need not be
            number = self._numbers[source] = self._numbers.get(source, 0) + 1
            self._known[identity] = self._waiting[identity] = (source, number)
            fresh.append(identity)
        self.decided += len(fresh)
        recent = self._recent.setdefault(source, deque())
        if recent:
            # Until now it was the last outbox, and every take-over said it again.
            recent[-1] = (now, recent[-1][1])
        recent.append((now, fresh))
        while len(recent) > 1 and recent[0][0] < now - REMEMBERED:
            for identity in recent.popleft()[1]:
                if identity not in self._waiting:
                    self._known.pop(identity, None)

    def land(self, output: OutboxRecord, partition: int) -> bool:
        """An output landed in a partition; whether for the first time."""
        identity = _identity(output)
        known = self._known.get(identity)
        if known is None:
            raise Broken(f"said what was not decided: {output!r:.600}")
        if self._waiting.pop(identity, None) is None:
            self.repeats += 1
            return False
        self.said += 1
        source, number = known
        place = (source, output.topic, partition)
        if self._reached.get(place, 0) > number:
            raise Broken(f"{source} says out of order on {output.topic}/{partition}: {output!r:.400}")
        self._reached[place] = number
        return True

    def check_all_said(self) -> None:
        """For the end: nothing that was decided is missing."""
        if self._waiting:
            sources = sorted({source for source, _ in self._waiting.values()})
            raise Broken(f"{len(self._waiting)} outputs were decided and never said, by {sources}")


def _identity(output: OutboxRecord) -> int:
    # Within one process only, so it does not matter that bytes hash otherwise in the next one.
    return hash((output.topic, output.key, output.value, output.headers, output.timestamp))
