"""Times in reports of DIDComm v1: ISO 8601, UTC, from a day to a millisecond (RFC 0035 `noticed_time`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LIMIT = 10**11 * 1_000_000
"""Microseconds; times from here on (the year 5138) are taken for mistakes, as in DIDComm v2 reports."""


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
