"""Envelopes of Sentry SDKs: a line about the whole, then items: a line that says what follows, and so many bytes.

    {"event_id":"9ec79c33ec9942ab8353589fcb2e04dc"}
    {"type":"event","length":41}
    {"message":"hello world","level":"error"}

Without a length an item ends with its line. A length that lies is refused, with the whole envelope: where the next item
begins would be a guess. What an item itself says wrong is its own matter.
"""

from __future__ import annotations

from msgspec import Struct

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.sources.sentry.lenient import read_object

MAX_HEADER = 16 * 1024
"""Bytes of the line that says what an envelope or an item is."""
MAX_ITEMS = 1000
"""Items of one envelope."""


class Item(Struct, frozen=True, kw_only=True):
    """One item; `at` is the pointer to it. `type` is empty where it says none."""

    type: str
    payload: bytes
    at: str


class Envelope(Struct, frozen=True, kw_only=True):
    """What an envelope holds, in its order."""

    headers: dict[str, object]
    items: list[Item]


def read_envelope(body: bytes) -> Envelope:
    """The envelope in these bytes. Raises Unreadable, which names the item and what is wrong with it."""
    if not body.strip():
        raise Unreadable(UnreadableReason.EMPTY, expected="an envelope")
    headers, at = _header(body, 0, "/header")
    items: list[Item] = []
    while (at := _behind_blank_lines(body, at)) < len(body):
        if len(items) == MAX_ITEMS:
            raise Unreadable(UnreadableReason.TOO_LARGE, "/items", f"at most {MAX_ITEMS} items")
        pointer = f"/items/{len(items)}"
        header, at = _header(body, at, pointer)
        kind, end = header.get("type"), _end(body, at, header.get("length"), pointer)
        items.append(Item(type=kind if isinstance(kind, str) else "", payload=body[at:end], at=pointer))
        at = end
    return Envelope(headers=headers, items=items)


def _header(body: bytes, at: int, pointer: str) -> tuple[dict[str, object], int]:
    """The object of a line, and where the next line begins."""
    end = body.find(b"\n", at, at + MAX_HEADER + 1)
    if end < 0:
        if len(body) - at > MAX_HEADER:
            raise Unreadable(UnreadableReason.TOO_LONG, pointer, f"a line of at most {MAX_HEADER} bytes")
        end = len(body)
    return read_object(body[at:end], pointer), min(end + 1, len(body))


def _end(body: bytes, at: int, length: object, pointer: str) -> int:
    """Where the payload that begins at `at` ends."""
    if length is None:
        end = body.find(b"\n", at)
        return len(body) if end < 0 else end
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise Unreadable(UnreadableReason.WRONG_TYPE, f"{pointer}/length", "a number of bytes")
    end = at + length
    if end > len(body):
        left = max(0, len(body) - at)
        raise Unreadable(UnreadableReason.WRONG_TYPE, f"{pointer}/length", f"at most the {left} bytes that follow")
    if body[end : end + 1] not in (b"", b"\n") and body[end : end + 2] != b"\r\n":
        raise Unreadable(UnreadableReason.WRONG_TYPE, f"{pointer}/length", "a length behind which the line ends")
    return end


def _behind_blank_lines(body: bytes, at: int) -> int:
    while body[at : at + 1] in (b"\n", b"\r"):
        at += 1
    return at
