"""Has this very report been decided before?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tocsin.schemas.events import ProblemReported
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.config import DecideConfig, default_rulebook
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.stages.same_event import digest_of, judge
from tocsin.streams.rules.state import SeenRow, row_key
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Reason, Verdict

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

SEEN = SeenRow("", 1000, "case", "opened")


@pytest.mark.parametrize(
    ("seen", "same", "now", "verdict"),
    [
        pytest.param(None, True, 1000, None, id="never seen"),
        pytest.param(SEEN, True, 1000, Reason.SAME_EVENT_ID, id="the same at once"),
        pytest.param(SEEN, True, 1099, Reason.SAME_EVENT_ID, id="the same at the end of the window"),
        pytest.param(SEEN, True, 1100, None, id="the same when the window is over, though the row is still there"),
        pytest.param(SEEN, False, 1001, Reason.CONFLICT, id="the same id with another body"),
        pytest.param(SEEN, False, 1100, None, id="another body when the window is over"),
        pytest.param(SEEN, True, 900, Reason.SAME_EVENT_ID, id="the clock went back"),
    ],
)
def test_judge(rows: DictRows, seen: SeenRow | None, same: bool, now: int, verdict: Reason | None) -> None:
    turn, report = Turn(rows, now, DecideConfig(book=default_rulebook(), dedupe_window=100), "acme"), Report(a_report())
    if seen is not None:
        row = msgspec.structs.replace(seen, digest=digest_of(report.event) if same else "other")
        rows.put(row_key("seen", "acme", "r"), row)
    found = judge(turn, report)
    assert found == (None if verdict is None else Verdict(reason=verdict, represented_by="opened"))


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
