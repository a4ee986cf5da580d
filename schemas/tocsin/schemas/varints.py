"""Avro's integers: zig-zag, seven bits a byte, low bits first, at most ten bytes."""

from __future__ import annotations

from functools import lru_cache
from typing import Final


class MalformedValue(ValueError):
    """Bytes that cannot be an Avro value of their schema."""


@lru_cache(maxsize=4096, typed=True)
def long_bytes(value: int) -> bytes:
    """The Avro bytes of a long. Raises OverflowError outside 64 bits and TypeError for what is not an integer.

    Remembered: what is decided together carries one time, six times for each report.
    """
    if not -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
        raise OverflowError(f"{value} does not fit in 64 bits")
    rest = (value << 1) ^ (value >> 63)
    if 1 << 49 <= rest < 1 << 56:
        # Eight bytes, as of times in microseconds: three steps for all, as in `read_long`.
        rest = (rest & 0x000000000FFFFFFF) | ((rest & 0x00FFFFFFF0000000) << 4)
        rest = (rest & 0x00003FFF00003FFF) | ((rest & 0x0FFFC0000FFFC000) << 2)
        rest = (rest & 0x007F007F007F007F) | ((rest & 0x3F803F803F803F80) << 1)
        return (rest | _EIGHT_BYTES_GO_ON).to_bytes(8, "little")
    out = bytearray()
    while rest > 0x7F:
        out.append((rest & 0x7F) | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_EIGHT_BYTES_GO_ON = 0x0080808080808080

SHORT: Final = tuple(long_bytes(number) for number in range(1024))
"""The bytes of small numbers, made once: most lengths and counts are small."""

LONG_AT: Final = tuple([None if byte > 0x7F else (byte >> 1) ^ -(byte & 1) for byte in range(256)])
"""The long that is this one byte; None when another byte follows."""

LENGTH_AT: Final = tuple([None if byte > 0x7F or byte & 1 else byte >> 1 for byte in range(256)])
"""The length that is this one byte; None when it is none, or another byte follows."""


unusual: Final[list[object]] = [None]
"""Holds a new object each time that bytes were read which are allowed, and which we would not have written for the same
value: a longer integer than it needs, blocks otherwise than one of a list. (Never a count: threads would lose some.)"""


def read_long(data: bytes, pos: int) -> tuple[int, int]:
    """The long at `pos` and the position after it. Raises IndexError at the end of the data, MalformedValue when the
    number does not fit in 64 bits."""
    word = _word(data[pos : pos + 8], "little")
    if word & _GO_ON == _EIGHT_BYTES and word >> 56:
        # Times in microseconds (from 1979 to 3111) have eight bytes: three steps for all, instead of one for each byte.
        word = (word & 0x007F007F007F007F) | ((word & 0x7F007F007F007F00) >> 1)
        word = (word & 0x00003FFF00003FFF) | ((word & 0x3FFF00003FFF0000) >> 2)
        word = (word & 0x0FFFFFFF) | ((word & 0x0FFFFFFF00000000) >> 4)
        return (word >> 1) ^ -(word & 1), pos + 8
    rest = 0
    for shift in _SHIFTS:
        byte = data[pos]
        pos += 1
        if byte < 0x80:
            break
        rest |= (byte & 0x7F) << shift
    else:
        raise MalformedValue("an integer of more than ten bytes")
    rest |= byte << shift
    if not byte and shift:
        unusual[0] = object()
    if rest >> 64:
        raise MalformedValue("an integer of more than 64 bits")
    return (rest >> 1) ^ -(rest & 1), pos


_SHIFTS = range(0, 70, 7)
_word = int.from_bytes
_GO_ON, _EIGHT_BYTES = 0x8080808080808080, 0x0080808080808080
"""The bits that say whether another byte follows, and what they are of a number of eight bytes."""


def read_length(data: bytes, pos: int) -> tuple[int, int]:
    """The length at `pos` and the position after it. Raises as `read_long`, and MalformedValue below zero."""
    length, pos = read_long(data, pos)
    if length < 0:
        raise MalformedValue("a negative length")
    return length, pos
