"""Has this very report been decided before?"""

from __future__ import annotations

import pytest

from tocsin.schemas.events import ProblemReported
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.loops.same_event import Conflict, New, Repeat, Verdict, digest_of, judge
from tocsin.streams.rules.state import SeenRow

SEEN = SeenRow("digest", 1000, "case", "opened")


@pytest.mark.parametrize(
    ("seen", "digest", "now", "verdict"),
    [
        pytest.param(None, "digest", 1000, New(), id="never seen"),
        pytest.param(SEEN, "digest", 1000, Repeat("opened"), id="the same at once"),
        pytest.param(SEEN, "digest", 1099, Repeat("opened"), id="the same at the end of the window"),
        pytest.param(SEEN, "digest", 1100, New(), id="the same when the window is over, though the row is still there"),
        pytest.param(SEEN, "other", 1001, Conflict("digest", "opened"), id="the same id with another body"),
        pytest.param(SEEN, "other", 1100, New(), id="another body when the window is over"),
        pytest.param(SEEN, "digest", 900, Repeat("opened"), id="the clock went back"),
    ],
)
def test_judge(seen: SeenRow | None, digest: str, now: int, verdict: Verdict) -> None:
    assert judge(seen, digest, now, window=100) == verdict


def a_report(raw: bytes = b"", text: str | None = None, recorded_at: int = 0) -> ProblemReported:
    problem = Problem(dialect="x", code="e.p", text=text)
    return ProblemReported(
        event_id="r", tenant="acme", occurred_at=0, recorded_at=recorded_at, problem=problem, raw=raw
    )


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        pytest.param(a_report(b"{}"), a_report(b"{}", recorded_at=9), True, id="a retry recorded later"),
        pytest.param(a_report(b"{}"), a_report(b"{ }"), False, id="other bytes"),
        pytest.param(a_report(text="a"), a_report(text="a", recorded_at=9), True, id="no bytes, the same problem"),
        pytest.param(a_report(text="a"), a_report(text="b"), False, id="no bytes, another problem"),
    ],
)
def test_digest(left: ProblemReported, right: ProblemReported, same: bool) -> None:
    assert (digest_of(left) == digest_of(right)) is same
    assert len(digest_of(left)) == 64
