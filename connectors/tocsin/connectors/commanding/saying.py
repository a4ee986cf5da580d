"""Who says something, and why: the same members in every order."""

from __future__ import annotations

from tocsin.connectors.dialects import Unreadable, UnreadableReason

MAX_BY = 255
"""Characters of who."""

MAX_WHY = 2000
"""Characters of why."""


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
