"""What the rules of `decide` may be told besides the event."""

from __future__ import annotations

from msgspec import Struct

from tocsin.streams.rules.rulebook import RuleBook, Silence
from tocsin.streams.rules.spans import DAY, HOUR


class DecideConfig(Struct, frozen=True, kw_only=True):
    """Times in microseconds."""

    book: RuleBook
    silences: tuple[Silence, ...] = ()
    """Those that were made while running (topic `settings`), besides those of the rule book."""
    public_url: str | None = None
    """Address of the gateway, for the links in notifications."""
    dedupe_window: int = HOUR
    """For how long the same event id is a repeat, and another body under it is noticed as a conflict. Of the first and
    the last report of a case it is a repeat for as long as the case is remembered."""
    thread_ttl: int = 7 * DAY
    """A thread, a reference or a connection is forgotten when nothing was heard of it for this long (at most twice as
    long)."""
    case_ttl: int = 30 * DAY
    """The same for a case."""
    kept_ttl: int = DAY
    """For how long a command waits for what it is about, and how long a report that was told is found by its id."""
    bodies: int = 1_000_000
    """Bytes that all bodies about one problem may have together; the engine bounds the output of one event."""
