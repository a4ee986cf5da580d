"""Records in a file that may have been cut, or damaged, anywhere: each has a mark, its length and a checksum.

The checksum covers the file's salt and the record's position, too: a record that stands within another one's bytes, or
was left over from another file, is never taken for one of this file, even when what stands before it is damaged.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

MARK = b"\xf5\xaaTS"
_HEAD = struct.Struct("<4sII")
_COVERED = struct.Struct("<QI")
OVERHEAD = _HEAD.size
"""Bytes that a record takes besides its own."""
MAX_RECORD = 8 * 1024 * 1024
"""Bytes of a record: far more than the largest event and its headers, so that a damaged length is seen at once."""

_CUT, _DAMAGED = -1, -2


@dataclass(slots=True)
class Read:
    """What was read of a stretch of a file: its records, each with the position behind it, how many bytes were none,
    and the position up to which all this holds."""

    records: list[tuple[bytes, int]]
    damaged: int
    upto: int


def frame(record: bytes, at: int, salt: bytes) -> bytes:
    """The bytes of a record that will stand at position `at`."""
    return _HEAD.pack(MARK, len(record), _checksum(record, at, salt)) + record


def read_frames(data: bytes, at: int, salt: bytes, *, ended: bool) -> Read:
    """The records in what stands from position `at` of a file on; never raises. `ended`: nothing comes after `data`, so
    that a record that is cut short is damage; else it is left for the next reading. Behind damage the next whole record
    is looked for."""
    found = Read([], 0, at)
    position = 0
    while position < len(data):
        end = _end_of(data, position, at + position, salt)
        if end == _CUT and not ended:
            break
        if end > 0:
            found.records.append((data[position + OVERHEAD : end], at + end))
            position = end
            continue
        skipped = _next_mark(data, position + 1, ended)
        found.damaged += skipped - position
        position = skipped
    found.upto = at + position
    return found


def _end_of(data: bytes, position: int, at: int, salt: bytes) -> int:
    """The end of the record at `position`, or why there is none."""
    head = data[position : position + OVERHEAD]
    if len(head) < OVERHEAD:
        return _CUT if head.startswith(MARK[: len(head)]) else _DAMAGED
    mark, length, checksum = _HEAD.unpack(head)
    if mark != MARK or length > MAX_RECORD:
        return _DAMAGED
    end = position + OVERHEAD + int(length)
    if end > len(data):
        return _CUT
    record = data[position + OVERHEAD : end]
    return end if _checksum(record, at, salt) == checksum else _DAMAGED


def _next_mark(data: bytes, position: int, ended: bool) -> int:
    """Where the next record may begin; a mark may be cut by the end of what was read so far."""
    found = data.find(MARK, position)
    if found >= 0:
        return found
    return len(data) if ended else max(position, len(data) - len(MARK) + 1)


def _checksum(record: bytes, at: int, salt: bytes) -> int:
    return zlib.crc32(record, zlib.crc32(_COVERED.pack(at, len(record)) + salt))
