"""What `tocsin doctor` says of timers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.streams.cli.doctor_checks import Level, timer_checks, timers_check
from tocsin.streams.settings import Settings
from tocsin.streams.telemetry.probes import Sample
from tocsin.streams.up.home import HomeTaken


def samples(**counts: float) -> list[Sample]:
    return [
        (f"tocsin_timers_{name}", {"agent": agent}, value) for name, value in counts.items() for agent in ("a", "b")
    ]


TABLE: dict[str, tuple[dict[str, float], Level, str]] = {
    "all well": ({"pending": 5}, Level.OK, "10 pending, 0 overdue, 0 failed, 0 put back"),
    "late": ({"pending": 5, "overdue": 1}, Level.WARN, "10 pending, 2 overdue"),
    "failed": ({"failed": 2}, Level.WARN, "0 pending, 0 overdue, 4 failed"),
    "put back and well since": ({"repaired_total": 3}, Level.OK, "6 put back"),
}


@pytest.mark.parametrize(("counts", "level", "detail"), TABLE.values(), ids=TABLE.keys())
def test_late_and_failed_timers_are_warned_of(counts: dict[str, float], level: Level, detail: str) -> None:
    check = timers_check(samples(**counts))
    assert (check.level, detail in check.detail, bool(check.step)) == (level, True, level is Level.WARN)


async def test_nothing_is_said_where_no_bus_runs(tmp_path: Path) -> None:
    assert await timer_checks(Settings(home=tmp_path)) == []


async def test_a_bus_without_answer_is_a_warning(tmp_path: Path) -> None:
    taken = HomeTaken(tmp_path)
    taken.tell({"bootstrap": "127.0.0.1:1", "metrics": ["http://127.0.0.1:1/metrics"]})
    (check,) = await timer_checks(Settings(home=tmp_path))
    assert (check.level, check.detail) == (Level.WARN, "no metrics: ClientConnectorError")
    taken.release()
