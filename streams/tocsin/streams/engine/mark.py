"""Where a partition stands in its input, and whether that input is still the one it stood in."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum

from tocsin.streams.engine.record import Halt, Record, checksum

_LAYOUT = struct.Struct(">BqqI")
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """The last input record that was folded: its offset, its timestamp (microseconds) and the CRC of its bytes."""

    offset: int
    timestamp: int
    crc: int

    @classmethod
    def of(cls, record: Record) -> Mark:
        return cls(record.offset, record.timestamp, checksum(record))

    def encode(self) -> bytes:
        return _LAYOUT.pack(_FORMAT, self.offset, self.timestamp, self.crc)

    @classmethod
    def decode(cls, data: bytes) -> Mark:
        """Raises Halt for a mark of a later release: read wrongly, it would fold records again or never."""
        if data and data[0] > _FORMAT:
            raise Halt(f"mark format {data[0]}, this process reads up to {_FORMAT}")
        _, offset, timestamp, crc = _LAYOUT.unpack(data)
        return cls(offset, timestamp, crc)


class Standing(StrEnum):
    """How the input looks from the mark."""

    FRESH = "fresh"
    SAME = "same"
    RECREATED = "recreated"
    TRUNCATED = "truncated"
    RETENTION_GAP = "retention_gap"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where to go on, and what was found; `lost` counts records that retention took before they were read."""

    standing: Standing
    position: int
    lost: int = 0

    @property
    def input_changed(self) -> bool:
        """Whether it is another input than the one that was read, or a part of it is gone unread."""
        return self.standing not in (Standing.SAME, Standing.FRESH)

    @property
    def reason(self) -> str:
        """The reason of the dead letter that reports it."""
        return f"input_{self.standing}"


def judge(mark: Mark | None, start: int, end: int, at_mark: Record | None) -> Verdict:
    """Decide where to go on from the mark, the input's first and next offset, and the record now at the mark.

    A topic that was made again or cut off is read from its beginning; what retention took is counted, never
    passed over in silence (docs/reliability.md#f18, docs/reliability.md#f19).
    """
    if mark is None:
        return Verdict(Standing.FRESH, start, lost=start)
    following = mark.offset + 1
    if end < following:
        return Verdict(Standing.TRUNCATED, start)
    if at_mark is not None and Mark.of(at_mark) != mark:
        return Verdict(Standing.RECREATED, start)
    if start > following:
        return Verdict(Standing.RETENTION_GAP, start, lost=start - following)
    return Verdict(Standing.SAME, following)
