"""What an endpoint is told of a digest."""

from __future__ import annotations

from typing import Any

from tocsin.schemas.events import ProblemsDigested
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.decision import Decision
from tocsin.streams.rules.loops.hops import hops_of
from tocsin.streams.rules.problem_bytes import problem_of
from tocsin.streams.rules.state import DigestRow
from tocsin.streams.rules.telling import tell_letter
from tocsin.streams.rules.told_json import timestamp

DIGEST = "problem.digest"
"""The letter's type."""


def digest_letters(digest: ProblemsDigested, row: DigestRow, config: DecideConfig) -> list[Decision]:
    """One letter `problem.digest` to each of the digest's endpoints, with the last problem."""
    return tell_letter(
        digest, DIGEST, digest.endpoints, _data(digest, row), config,
        about=digest.event_id, case=row.case or None, thread=row.thread,
    )  # fmt: skip


def _data(digest: ProblemsDigested, row: DigestRow) -> dict[str, Any]:
    problem = problem_of(row.problem)
    hops = hops_of(problem)
    return ({"hops": hops} if hops else {}) | {
        "event_id": digest.event_id,
        "tenant": digest.tenant,
        "case": row.case,
        "group": digest.group,
        "why": digest.why,
        "route": digest.route,
        "since": timestamp(digest.since),
        "until": timestamp(digest.until),
        "count": digest.count,
        "cases": [
            {"case": one.case, "code": one.code, "count": one.count, "last_report": one.last_report}
            for one in digest.cases
        ],
        "more": digest.more,
        "survivor": row.survivor or None,
        "problem": problem,
    }
