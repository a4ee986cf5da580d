"""Where a stream of events stands: the next offset of each partition, as one opaque text (`Last-Event-ID`)."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from tocsin.schemas.errors import TocsinError
from tocsin.schemas.events import Event

TOPICS = ("problems", "escalations")
"""What a stream is told from."""

MAX_TEXT = 4096
"""Characters of a position: enough for a thousand partitions."""
MAX_BYTES = 64 * 1024

Positions = dict[str, dict[int, int]]
"""Topic -> partition -> the offset of the record that comes next."""


Happened = tuple[Event | None, Positions]
"""An event with the position behind it; or the position alone, when nothing happens."""


class PositionInvalid(TocsinError):
    """It is no position of this stream."""


def text_of(positions: Mapping[str, Mapping[int, int]]) -> str:
    """The text of a position; it holds no secret."""
    return _text_of(tuple((topic, tuple(sorted(places.items()))) for topic, places in sorted(positions.items())))


@lru_cache(maxsize=256)
def _text_of(places: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]) -> str:
    """Remembered, since many streams stand at the same place one after the other."""
    ordered = {topic: dict(offsets) for topic, offsets in places}
    packed = zlib.compress(msgspec.json.encode(ordered), 1)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def positions_of(text: str) -> Positions:
    """The position in a text. Raises PositionInvalid."""
    if len(text) > MAX_TEXT:
        raise PositionInvalid("it is too long")
    try:
        packed = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        inflating = zlib.decompressobj()
        data = inflating.decompress(packed, MAX_BYTES)
        if inflating.unconsumed_tail:
            raise PositionInvalid("it is too long")
        if not inflating.eof:
            raise PositionInvalid("it is no position of this stream")
        found = msgspec.json.decode(data, type=Positions)
    except (ValueError, zlib.error, msgspec.MsgspecError):
        raise PositionInvalid("it is no position of this stream") from None
    if any(not 0 <= offset < 2**62 for places in found.values() for offset in places.values()):
        raise PositionInvalid("it is no position of this stream")
    return found
