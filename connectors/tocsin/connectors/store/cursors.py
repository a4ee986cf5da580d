"""Cursors of pages: where a page ended, opaque to who keeps it. It holds no secret and opens nothing: what it leads to
is read within the tenant who asks."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from tocsin.connectors.store.structs import Page
from tocsin.schemas.errors import TocsinError

T = TypeVar("T")

LARGEST_PAGE = 250
_MOST = 2**62


class CursorInvalid(TocsinError):
    """It is no cursor of this question."""


def cursor_of(place: Sequence[int | str]) -> str:
    """The cursor behind a place: time and id, or a number."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(cursor: str | None) -> tuple[int, str] | None:
    """The time and id in it; None for the beginning. Raises CursorInvalid."""
    return None if cursor is None else _read(cursor, tuple[int, str])


def number_of(cursor: str | None) -> int | None:
    """The number in it; None for the beginning. Raises CursorInvalid."""
    return None if cursor is None else _read(cursor, tuple[int])[0]


def sorted_place_of(cursor: str | None, order: str, kind: type[T]) -> T | None:
    """The values in the cursor of a list in this order, after its name; None for the beginning. Raises
    CursorInvalid, also for that of a list in another order."""
    if cursor is None:
        return None
    try:
        place = msgspec.json.decode(_bytes(cursor), type=list[Any])
        if place and place[0] != order:
            raise CursorInvalid("it is that of a list in another order: ask without one")
        found = msgspec.convert(place[1:], type=kind, strict=True)
    except (ValueError, TypeError, msgspec.MsgspecError):
        raise CursorInvalid("it is no cursor of this list: ask without one") from None
    _check(found)
    return found


def page_of(found: list[T], limit: int, place: Callable[[T], Sequence[int | str]]) -> Page[T]:
    """A page of what was found, one more than `limit` if there are more."""
    items = found[:limit]
    return Page(items, cursor_of(place(items[-1])) if len(found) > limit else None)


def page_size(limit: int) -> int:
    """The limit, within bounds."""
    return max(1, min(limit, LARGEST_PAGE))


def _read(cursor: str, kind: type[T]) -> T:
    try:
        place = msgspec.json.decode(_bytes(cursor), type=kind)
    except (ValueError, msgspec.MsgspecError):
        raise CursorInvalid("it is no cursor of this list: ask without one") from None
    _check(place)
    return place


def _bytes(cursor: str) -> bytes:
    return base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)


def _check(place: Any) -> None:
    if not all("\0" not in one if isinstance(one, str) else -_MOST < one < _MOST for one in place):
        raise CursorInvalid("it is no cursor of this list: ask without one")
