"""The newest of what happened, as all streams of a gateway share it: bounded, and known by numbers that go on."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

from tocsin.streams.ask.positions import Positions
from tocsin.streams.processes.event_log import Piece

MOST = 8 * 1024 * 1024
"""Bytes, as they are in Kafka, that a gateway keeps of what happened last."""
PIECE_COSTS = 1024
"""Bytes that a piece counts besides, so that many small ones have a bound too."""


class EventRing:
    """The last pieces that were read one after the other. `begin` is where the first of them stands."""

    def __init__(self, begin: Positions, most: int = MOST) -> None:
        self.begin, self.after = begin, begin
        self.first = 0
        """The number of the oldest piece that is kept."""
        self._pieces: deque[Piece] = deque()
        self._size, self._most = 0, most

    @property
    def end(self) -> int:
        """The number that the next piece will have."""
        return self.first + len(self._pieces)

    def __getitem__(self, number: int) -> Piece:
        return self._pieces[number - self.first]

    def add(self, piece: Piece) -> None:
        """The next piece; the oldest give way to it, never itself."""
        self._pieces.append(piece)
        self.after = piece.after
        self._size += piece.size + PIECE_COSTS
        while self._size > self._most and len(self._pieces) > 1:
            dropped = self._pieces.popleft()
            self._size -= dropped.size + PIECE_COSTS
            self.begin = dropped.after
            self.first += 1

    def joined(self, standing: Positions) -> int | None:
        """The piece with which one who stands there goes on and misses nothing; None when that is here no longer."""
        if missing(standing, self.begin):
            return None
        return self.first + bisect_left(self._pieces, True, key=lambda piece: bool(missing(standing, piece.after)))


def missing(standing: Positions, until: Positions) -> Positions:
    """Where one stands in those partitions in which something is missing until there; nothing when nothing is."""
    found: Positions = {}
    for topic, offsets in until.items():
        stands = standing.get(topic, {})
        places = {partition: stands.get(partition, 0) for partition, end in offsets.items()}
        if behind := {partition: at for partition, at in places.items() if at < offsets[partition]}:
            found[topic] = behind
    return found


def moved_on(standing: Positions, after: Positions) -> None:
    """Let who stands there stand behind all that is said, and nowhere before where it stood."""
    for topic, offsets in after.items():
        stands = standing.setdefault(topic, {})
        for partition, offset in offsets.items():
            if stands.get(partition, -1) < offset:
                stands[partition] = offset


def clamped(said: Positions, begins: Positions, ends: Positions) -> Positions:
    """Where a stream stands that says so: what is kept no longer is left out, and a partition that is new since is read
    whole."""
    return {
        topic: {
            partition: min(max(said.get(topic, {}).get(partition, begin), begin), ends[topic][partition])
            for partition, begin in offsets.items()
        }
        for topic, offsets in begins.items()
    }
