"""Rows about cases: what was decided, where it stands, what waits for it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

CaseStatus = Literal["open", "acknowledged", "snoozed", "resolved"]
"""Where a case stands; a report after `resolved` opens it again."""


def is_open(status: str) -> bool:
    """Whether a case that stands so is open: acknowledged and snoozed ones are, too."""
    return status != "resolved"


class SeenRow(Struct, frozen=True, array_like=True, tag="seen", gc=False):
    """`seen/<tenant>/<event id>`: a report was decided at `at`; `represented_by` is the event that stands for it.

    `seen/<tenant>/<case>` is there for a case that is known and of which nobody was told, and will not be told by a
    digest: nothing represents it."""

    digest: str
    at: int
    case: str
    represented_by: str
    repeats: int = 0

    @property
    def untold(self) -> bool:
        """Whether it stands for a case of which nobody was told."""
        return not self.digest and not self.represented_by


class CaseRow(Struct, frozen=True, array_like=True, tag="case", gc=False):
    """`case/<tenant>/<case>`: how often, first and last, and where it stands.

    Since format 3: `represented_by` is the last event that was told of it, `endpoints` are all that were ever told of
    it (bounded), `code` and `severity` those of the last report, `thread` its thread (clipped), `until` the end of a
    snooze or when it was resolved, `commands` the ids of the last commands carried out on it (bounded): one that is
    sent again is not obeyed again. What a digest opened has the digest as its first report, what a time-out opened that
    event as both. Since format 4: `lane` is the thread in whose order it is told (clipped), `by` who commanded last
    that it stands so (clipped).
    """

    count: int
    first_report: str
    last_report: str
    status: CaseStatus
    first_seen: int
    last_seen: int
    represented_by: str = ""
    endpoints: tuple[str, ...] = ()
    code: str = ""
    severity: str = "unknown"
    thread: str | None = None
    until: int | None = None
    commands: tuple[str, ...] = ()
    lane: str | None = None
    by: str = ""

    def standing(self, now: int) -> CaseStatus:
        """Where the case stands at `now` (microseconds): a snooze ends by itself."""
        over = self.status == "snoozed" and (self.until is None or self.until <= now)
        return "open" if over else self.status


class KeptCommand(Struct, frozen=True, array_like=True, tag="kept", gc=False):
    """`kept/<tenant>/<target>`: a command that came before what it is about; under the case of its target
    when that is known."""

    event_id: str
    tenant: str
    kind: str
    target: str
    by: str
    why: str | None
    occurred_at: int
    recorded_at: int
    traceparent: str | None = None
    until: int | None = None
    choice: str | None = None


class ReminderRow(Struct, frozen=True, array_like=True, tag="reminder", gc=False):
    """`reminder/<tenant>/<case>`: a case whose route says `repeat`; the timer is when it is told again.

    `told_at` is when something was last told of it, `count` how many reports it had then, `told` how often it was told
    again. `problem` is the last one, as `problem_bytes` writes it.
    """

    tenant: str
    case: str
    route: str
    endpoints: tuple[str, ...]
    every: int
    report: str
    told_at: int
    count: int
    told: int = 0
    thread: str | None = None
    problem: bytes = b""
    traceparent: str | None = None
