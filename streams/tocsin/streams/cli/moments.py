"""Times as a person types them: a moment (RFC 3339), or how long ago (`2h`)."""

from __future__ import annotations

from tocsin.connectors.commands import moment_of, span_of
from tocsin.connectors.dialects import Unreadable
from tocsin.streams.processes.exit_codes import USAGE, CommandFailed

EXPECTED = "a time with its zone (2030-01-31T18:00:00Z), or how long ago (45s, 30m, 2h, 1h30m, 7d)"


def moment(text: str, flag: str, now: int) -> int:
    """The moment that `text` means at `now`, both in microseconds since the epoch (UTC); never before the epoch, whose
    neighbours mean something else to Kafka. Raises CommandFailed(2) that names the flag."""
    try:
        return max(0, now - span_of(text))
    except Unreadable:
        pass
    try:
        return max(0, moment_of(text))
    except Unreadable:
        raise CommandFailed(USAGE, f"{flag} is wrong: expected {EXPECTED}") from None


def window(since: str | None, until: str | None, now: int) -> tuple[int | None, int | None]:
    """The time of `--from` and `--to`, in microseconds, None where nothing is said. Raises CommandFailed(2): also when
    it ends before it begins."""
    first = None if since is None else moment(since, "--from", now)
    last = None if until is None else moment(until, "--to", now)
    if first is not None and last is not None and first >= last:
        raise CommandFailed(USAGE, "--from must be before --to")
    return first, last
