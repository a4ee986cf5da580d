"""An export in protobuf, taken apart as far as its records: how many there are is known before any of them is built.

The library would build all of it at once, and an object for each two bytes of `\\x12\\x00`. Here each record stays
bytes, so that it is read for itself: one that is broken is refused alone. Resources, scopes and records have the same
numbers in logs and traces, which is tested.
"""

from __future__ import annotations

from collections.abc import Iterator

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.sources.otlp.bounds import Group, Parts

_OF_EXPORT, _RESOURCE, _SCOPES, _SCOPE, _RECORDS = 1, 1, 2, 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}


def groups(body: bytes) -> Iterator[Group[bytes]]:
    """The records of an export, those of one scope together, in their order. Raises Unreadable."""
    parts = Parts()
    for _, group in parts.count(_fields(parts, body, _OF_EXPORT)):
        inside = parts.count(_fields(parts, group, _RESOURCE, _SCOPES))
        # of a message that stands twice the library makes one, of both; and so does it of their bytes one after another
        resource = b"".join(each for number, each in inside if number == _RESOURCE)
        for number, scoped in inside:
            if number == _SCOPES:
                held = parts.count(_fields(parts, scoped, _SCOPE, _RECORDS))
                scope = b"".join(each for number, each in held if number == _SCOPE)
                yield Group(resource, scope, [each for number, each in held if number == _RECORDS])


def _fields(parts: Parts, data: bytes, *numbers: int) -> Iterator[tuple[int, bytes]]:
    """The fields with these numbers that have bytes; all others are skipped, and counted."""
    at, end = 0, len(data)
    while at < end:
        parts.walk()
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _BYTES:
            size, at = _varint(data, at)
            if number in numbers and at + size <= end:
                yield number, data[at : at + size]
            at += size
        elif kind == _VARINT:
            _, at = _varint(data, at)
        elif kind in _SIZES:
            at += _SIZES[kind]
        else:
            raise _broken(at)
        if not number or at > end:
            raise _broken(at)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of up to ten bytes, and where the next thing begins."""
    value = 0
    for place, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise _broken(at)


def _broken(at: int) -> Unreadable:
    return Unreadable(UnreadableReason.WRONG_TYPE, "", "an export of OTLP in protobuf", offset=at)
