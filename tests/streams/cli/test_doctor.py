"""What `tocsin doctor` says of the processes that run: their notes, such as rules that they cannot use, and timers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tocsin.streams.cli.doctor_checks import Level, _notes, endpoint_checks, halted_checks, timer_checks, timers_check
from tocsin.streams.settings import Settings
from tocsin.streams.telemetry.probes import Sample, all_notes, nothing_to_note
from tocsin.streams.up.home import HomeLock


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        pytest.param(
            200, {"ready": True, "note": "the rules file cannot be used"}, "the rules file cannot be used", id="a note"
        ),
        pytest.param(200, {"ready": True}, None, id="none"),
        pytest.param(200, [], None, id="not one of ours"),
        pytest.param(503, {"ready": False, "reason": "partition 3 is halted"}, "partition 3 is halted", id="not ready"),
        pytest.param(503, "Kafka does not answer", "Kafka does not answer", id="a gateway that is not ready"),
    ],
)
async def test_what_the_running_bus_says_of_itself(tmp_path: Path, status: int, answer: Any, told: str | None) -> None:
    async def ready(request: web.Request) -> web.Response:
        if isinstance(answer, str):
            return web.Response(text=f"{answer}\n", status=status)
        return web.json_response(answer, status=status)

    app = web.Application()
    app.router.add_get("/readyz", ready)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    home = HomeLock(tmp_path)
    metrics = [f"http://127.0.0.1:{port}/metrics" for port in (runner.addresses[0][1], 1)]
    home.write_state({"api": "http://a", "bootstrap": "b:1", "metrics": metrics})
    checks = await asyncio.to_thread(_notes, Settings(home=tmp_path))
    home.release()
    await runner.cleanup()
    level = Level.WARN if status == 200 else Level.FAIL
    assert [(check.level, check.detail) for check in checks] == ([] if told is None else [(level, told)])


def test_when_nothing_runs_there_is_nothing_to_note(tmp_path: Path) -> None:
    assert _notes(Settings(home=tmp_path)) == []


def test_every_note_is_told() -> None:
    assert all_notes(nothing_to_note, lambda: "a", lambda: "b")() == "a; b"
    assert all_notes(nothing_to_note, nothing_to_note)() is None


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


def test_a_halted_partition_fails_with_what_helps() -> None:
    labels = {"agent": "decide", "partition": "7", "reason": "dead_letter_limit"}
    (check,) = halted_checks([("tocsin_partition_halted", labels, 1.0), *samples(pending=3)])
    assert (check.level, check.detail) == (Level.FAIL, "partition 7 of decide halted: dead_letter_limit")
    assert "dead_letter_limit" in check.step
    assert "tocsin dead replay" in check.step


HELD_BACK: list[Sample] = [
    ("tocsin_endpoint_state", {"endpoint": "far", "state": "failing"}, 1.0),
    ("tocsin_deliveries_parked", {"endpoint": "far"}, 9.0),
    ("tocsin_deliveries_parked", {"endpoint": "busy"}, 2.0),
    ("tocsin_endpoint_held_back", {"endpoint": "far", "by": "breaker"}, 1.0),
    ("tocsin_endpoint_held_back", {"endpoint": "busy", "by": "throttle"}, 1.0),
    ("tocsin_endpoint_held_back", {"endpoint": "slow", "by": "rate"}, 1.0),
]


def test_endpoints_that_take_nothing_are_warned_of_with_what_gets_them_back() -> None:
    seen: list[Sample] = [
        ("tocsin_endpoint_state", {"endpoint": "desk", "state": "disabled"}, 1.0),
        ("tocsin_deliveries_parked", {"endpoint": "desk"}, 7.0),
        ("tocsin_endpoint_state", {"endpoint": "owner", "state": "failing"}, 1.0),
    ]
    off, failing, dead, busy, slow = endpoint_checks([*seen, *HELD_BACK, *samples(pending=3)])
    assert (off.level, off.detail) == (Level.WARN, "desk is disabled, 7 deliveries parked")
    assert "tocsin endpoint enable desk --by" in off.step
    assert failing.detail == "owner is failing, 0 deliveries parked"
    assert dead.detail == "far is failing, 9 deliveries parked, one at a time is tried (its breaker is open)"
    assert (busy.level, busy.detail) == (Level.OK, "busy asked for a pause, 2 deliveries wait")
    assert (slow.level, slow.detail) == (Level.OK, "slow has more to get than its rate allows, 0 deliveries wait")


async def test_nothing_is_said_where_no_bus_runs(tmp_path: Path) -> None:
    assert await timer_checks(Settings(home=tmp_path)) == []


async def test_a_bus_without_answer_is_a_warning(tmp_path: Path) -> None:
    taken = HomeLock(tmp_path)
    taken.write_state({"bootstrap": "127.0.0.1:1", "metrics": ["http://127.0.0.1:1/metrics"]})
    (check,) = await timer_checks(Settings(home=tmp_path))
    assert (check.level, check.detail) == (Level.WARN, "no metrics: ClientConnectorError")
    taken.release()
