"""What the documents of all commands share: `by`, `why`, and until when (RFC 3339) or for how long (`2h`, `1h30m`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.dialects.refused_members import unreadable

Wish = TypeVar("Wish", bound=msgspec.Struct)

MAX_BY = 255
"""Characters of who."""

MAX_WHY = 2000
"""Characters of why."""

LONGEST = 366 * 86_400 * 1_000_000
"""A time further ahead is a mistake; microseconds."""

SPAN = "a span such as 45s, 30m, 2h, 1h30m or 7d"
MOMENT = "a time with its zone (RFC 3339), such as 2030-01-31T18:00:00Z"
AHEAD = "a time to come, within a year"

_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_SPAN = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?", re.ASCII)


def wish_of(document: Mapping[str, object], model: type[Wish]) -> Wish:
    """What the document says, which has no other members than its model. Raises Unreadable naming the member."""
    members = model.__struct_encode_fields__
    if document.keys() - set(members):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected=f"only the members {', '.join(members)}")
    try:
        return msgspec.convert(document, model)
    except msgspec.ValidationError as error:
        raise unreadable(error, model) from None


def span_of(text: str, pointer: str = "/for") -> int:
    """The span in microseconds; raises Unreadable at `pointer`."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None or not any(found.groups()):
        raise Unreadable(UnreadableReason.WRONG_TYPE, pointer, SPAN)
    return sum(int(count or 0) * unit for count, unit in zip(found.groups(), _UNITS.values(), strict=True)) * 1_000_000


def moment_of(text: str, pointer: str = "/until") -> int:
    """The moment in microseconds since the epoch (UTC); raises Unreadable at `pointer`."""
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            raise ValueError(text)
        return round(moment.timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        raise Unreadable(UnreadableReason.WRONG_TYPE, pointer, MOMENT) from None


def until_of(until: str | None, span: str | None, now: int) -> int | None:
    """The end that was said in one of the two ways, None when in neither; raises Unreadable when in both, or when it is
    not ahead of `now` (microseconds) or more than a year ahead."""
    if until is not None and span is not None:
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/for", "either until or for")
    if until is None and span is None:
        return None
    pointer = "/until" if span is None else "/for"
    end = moment_of(until) if until is not None else now + span_of(span or "")
    if not now < end <= now + LONGEST:
        raise Unreadable(UnreadableReason.WRONG_TYPE, pointer, AHEAD)
    return end


def who(by: str | None) -> str:
    """Who it is; raises Unreadable when nobody says so, or with more than MAX_BY characters."""
    said = (by or "").strip()
    if not said:
        raise Unreadable(UnreadableReason.MISSING_MEMBER, "/by", "who says so: the member by, or the header Tocsin-By")
    if len(said) > MAX_BY:
        raise Unreadable(UnreadableReason.TOO_LONG, "/by", f"at most {MAX_BY} characters")
    return said


def reason(why: str | None) -> str | None:
    """Why, if anything is said; raises Unreadable when it has more than MAX_WHY characters."""
    said = (why or "").strip()
    if len(said) > MAX_WHY:
        raise Unreadable(UnreadableReason.TOO_LONG, "/why", f"at most {MAX_WHY} characters")
    return said or None
