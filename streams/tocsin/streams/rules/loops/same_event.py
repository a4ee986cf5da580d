"""Has this very report been decided before? Always a named answer, never a bare bool (DESIGN 6).

Within the window the body decides between a repeat and a conflict. After it the body is forgotten, and only a report
that its case knows as its first or last one (rules.cases.survivor_of) is still a repeat, whatever its body."""

from __future__ import annotations

from hashlib import sha256

import msgspec
from msgspec import Struct

from tocsin.schemas.events import ProblemReported
from tocsin.streams.rules.state import SeenRow

SAME_EVENT_ID = "same_event_id"
"""Reason of a ProblemSuppressed: the same event came again (a retry, a re-sent batch)."""

CONFLICT = "conflict"
"""Reason of a ProblemSuppressed: its event id came before with another body, and the first one stands."""


class New(Struct, frozen=True):
    """Not seen within the window."""


class Repeat(Struct, frozen=True):
    """The same event id with the same body; `survivor` is the event that already stands for it."""

    survivor: str


class Conflict(Struct, frozen=True):
    """The same event id with another body than `first_digest`."""

    first_digest: str
    survivor: str


Verdict = New | Repeat | Conflict
"""What `judge` may say."""


def judge(seen: SeenRow | None, digest: str, now: int, window: int) -> Verdict:
    """Compare a report with what is remembered of its event id; `window` in microseconds."""
    if seen is None or now - seen.at >= window:
        return New()
    return Repeat(seen.survivor) if seen.digest == digest else Conflict(seen.digest, seen.survivor)


def digest_of(report: ProblemReported) -> str:
    """SHA-256 (hex) of what was reported: the original bytes, or the normalised problem when there are none."""
    body = report.raw or msgspec.msgpack.encode(report.problem, order="deterministic")
    return sha256(body).hexdigest()
