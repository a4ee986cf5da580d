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
_SECONDS = 10**11
"""A number from here on counts milliseconds, not seconds."""
_EPOCH_TEXT = re.compile(r"[0-9]{9,14}(?:\.[0-9]{1,9})?")
"""A count as text; eight digits are a date (20190527)."""
_ISO = re.compile(
    r"(?P<day>[0-9]{4}-?[0-9]{2}-?[0-9]{2})(?P<t>[Tt]| +)(?P<hour>[0-9]{2})(?P<rest>(?::?[0-5][0-9])?)"
    r"(?P<second>(?::?(?:[0-5][0-9]|60)(?:[.,][0-9]+)?)?) *(?P<zone>Z|z|UTC|utc|GMT|gmt|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_MIDNIGHT = re.compile(r"[:0.,]*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

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

    A space for the T is allowed (RFC 0035's own sample), and so is what ISO 8601 allows: midnight as 24:00, a leap
    second (the second after it). Read and flagged: a time without a zone, which is taken as UTC; one of another zone;
    `t`, `z` and `UTC`; seconds since the epoch, as DIDComm v2 counts, and milliseconds, as numbers or text.
    """
    if isinstance(value, str):
        text = value.strip()
        if text.endswith("Z") or not _EPOCH_TEXT.fullmatch(text):
            return _read_iso(text)
        value = float(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _SECONDS * 1000:
        return None, "not-a-time"
    return round(value * (1_000_000 if value < _SECONDS else 1000)), "time-not-iso-8601"


def is_date(value: object) -> bool:
    """Whether a time is only a day (`2019-05-27`)."""
    return isinstance(value, str) and _DATE.fullmatch(value) is not None


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
    if text[10:11] == "T" and text[-1] == "Z":  # as nearly all write; what may be read all the same comes after
        try:
            return _counted(datetime.fromisoformat(text), None)
        except ValueError:
            pass
    rule, later = None, timedelta()
    found = _ISO.fullmatch(text)
    if found is not None:
        text, rule, later = _plain_iso(found)
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            time, rule = time.replace(tzinfo=UTC), rule or ("time-without-zone" if len(text) > 10 else None)
        elif time.utcoffset():
            rule = rule or "time-not-utc"
        return _counted(time + later, rule)
    except (ValueError, OverflowError):
        return None, "not-a-time"


def _counted(time: datetime, rule: str | None) -> tuple[int | None, str | None]:
    at = (time - _EPOCH) // _MICROSECOND
    return (at, rule) if 0 <= at < _LIMIT else (None, "not-a-time")


def _plain_iso(found: re.Match[str]) -> tuple[str, str | None, timedelta]:
    """A time as `fromisoformat` takes it, the rule that its form breaks, and what is to be added to it."""
    hour, second, zone = found["hour"], found["second"], found["zone"] or ""
    later = timedelta()
    if hour == "24" and _MIDNIGHT.fullmatch(found["rest"] + second):
        hour, later = "00", timedelta(days=1)
    if second.lstrip(":").startswith("60"):
        second, later = second.replace("60", "59", 1), later + timedelta(seconds=1)
    deviant = found["t"] == "t" or (zone.isalpha() and zone != "Z")
    text = f"{found['day']}T{hour}{found['rest']}{second}{'Z' if zone.isalpha() else zone}"
    return text, "time-not-iso-8601" if deviant else None, later
