"""Single values in reports, read leniently and written strictly: words of a closed set, times, URIs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from msgspec import Struct

from tocsin.connectors.dialects.members import Known
from tocsin.schemas.problem import RetryParty

IMPACTS = frozenset({"message", "thread", "connection"})
PARTIES = frozenset({"you", "me", "other"})
RETRY_PARTIES = {
    "you": RetryParty.RECIPIENT, "me": RetryParty.REPORTER, "both": RetryParty.BOTH, "none": RetryParty.NONE,
}  # fmt: skip
"""`who_retries` is said by the reporter: its "me" is the reporter (docs/requirements.md#b1-8)."""

_WHERE = re.compile(r"\s*([A-Za-z]+)\b[\s:/,.|-]*(.*)", re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LIMIT = 10**11 * 1_000_000
"""Microseconds; times from here on (the year 5138) are taken for mistakes, as in DIDComm v2 reports."""

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_MAIL_ADDRESS = re.compile(r"[^\s@:/]+@[^\s@:/]+")


class Place(Struct, frozen=True):
    """Where a problem happened, as the reporter sees it."""

    party: str | None = None
    place: str | None = None


def retry_party_of(known: Known, said: str | None) -> RetryParty:
    """The party that `who_retries` means; unknown when nothing, or nothing known, is said."""
    if said is None:
        return RetryParty.UNKNOWN
    party = RETRY_PARTIES.get(_folded(known, "who-retries", said))
    if party is None:
        known.flag("enum-unknown", "who-retries")
    return party or RetryParty.UNKNOWN


def scope_of_impact(known: Known, said: str | None) -> str | None:
    """The scope that an impact means; HIPE's text also calls `message` "msg" (docs/requirements.md#b1-6)."""
    if said is None:
        return None
    folded = _folded(known, "impact", said)
    folded = "message" if folded == "msg" else folded
    if folded not in IMPACTS:
        known.flag("enum-unknown", "impact")
        return None
    return folded


def take_place(known: Known) -> Place:
    """What `where` says: `<party> - <place>`."""
    said = known.text("where")
    if said is None:
        return Place()
    match = _WHERE.fullmatch(said)
    party = match.group(1).casefold() if match else None
    if match is None or party not in PARTIES:
        known.flag("where-without-party", "where")
        return Place(place=said)
    if match.group(1) != party:
        known.flag("enum-not-lower-case", "where")
    return Place(party, match.group(2).strip() or None)


def read_time(value: object) -> tuple[int | None, str | None]:
    """The time in microseconds since the epoch, None if it is none; and the rule that it breaks, if any.

    A space for the T is allowed (RFC 0035's own sample). A time without a zone is taken as UTC, and flagged; so are
    seconds since the epoch, as DIDComm v2 counts.
    """
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) > 8):
        return _read_iso(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None, "not-a-time"
    seconds = float(value[:20]) if isinstance(value, str) else value
    return (round(seconds * 1_000_000), "time-not-iso-8601") if 0 <= seconds < 10**11 else (None, "not-a-time")


def write_time(at: int | None) -> str | None:
    """`at` (microseconds since the epoch) to the millisecond, as in 2019-05-27T18:23:06.120Z; None if out of range."""
    if at is None or not 0 <= at < _LIMIT:
        return None
    time = _EPOCH + at * _MICROSECOND
    precision = "milliseconds" if time.microsecond >= 1000 else "seconds"
    return time.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def is_uri(text: str) -> bool:
    """Whether the text is an absolute URI, by its characters (RFC 3986 section 2; the grammar is not checked)."""
    return _URI.fullmatch(text) is not None


def as_uri(text: str | None) -> str | None:
    """A URI as it is; a bare e-mail address becomes `mailto:` (docs/requirements.md#b1-19), letters beyond ASCII are
    percent encoded (RFC 3987 section 3.1); None for what is no URI even then."""
    if text and _MAIL_ADDRESS.fullmatch(text):
        text = f"mailto:{text}"
    if text and not text.isascii():
        text = "".join(each if each.isascii() else quote(each, errors="replace") for each in text)
    return text if text and is_uri(text) else None


def _folded(known: Known, slot: str, text: str) -> str:
    """An enumeration's value in lower case, as HIPE and RFC 0035 write it (Credo writes MESSAGE and YOU)."""
    folded = text.strip().casefold()
    if folded != text:
        known.flag("enum-not-lower-case", slot)
    return folded


def _read_iso(text: str) -> tuple[int | None, str | None]:
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None, "not-a-time"
    rule = None
    if time.tzinfo is None:
        time, rule = time.replace(tzinfo=UTC), "time-without-zone" if len(text) > 10 else None
    elif time.utcoffset():
        rule = "time-not-utc"
    at = (time - _EPOCH) // _MICROSECOND
    return (at, rule) if 0 <= at < _LIMIT else (None, "not-a-time")
