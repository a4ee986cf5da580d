"""A tells B, B tells A."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.schemas.events import ProblemOpened, ProblemSuppressed
from tocsin.streams.rules.values import MINUTE, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.stages.conftest import Desk

THERE: dict[str, Any] = {"sender": "a", "recipients": ["b"]}
BACK: dict[str, Any] = {"sender": "b", "recipients": ["a"]}
ROWS: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "to and fro": ([THERE, BACK] * 3, True),
    "only there": ([THERE] * 20, False),
    "to and fro, but not often enough": ([THERE, BACK] * 2, False),
    "several there for each one back": ([THERE, THERE, THERE, BACK, BACK] * 3, True),
    "two that tell a third": ([THERE, {"sender": "c", "recipients": ["b"]}] * 9, False),
    "over one connection": ([{"sender": "a", "connection": "c"}, {"sender": "b", "connection": "c"}] * 3, True),
    "over several connections": (
        [{"sender": one, "connection": f"c{n}"} for n in range(9) for one in "ab"],
        False,
    ),
    "with another key each time": (
        [
            {"sender": f"did:x:{one}#key-{number}", "recipients": [f"did:x:{other}#k{number}"]}
            for number in range(3)
            for one, other in ("ab", "ba")
        ],
        True,
    ),
    "nobody said who sent it": ([{"connection": "c"}, {"recipients": ["a"]}] * 9, False),
    "different categories": (
        [side | {"category": category} for category in ("req", "xfer", "msg") for side in (THERE, BACK)],
        False,
    ),
    "one category, other codes": ([THERE | {"category": "req"}, BACK | {"category": "req"}] * 3, True),
}


@pytest.mark.parametrize(("reports", "ends"), ROWS.values(), ids=ROWS)
def test_going_to_and_fro(desk_with: Callable[..., Desk], reports: list[dict[str, Any]], ends: bool) -> None:
    desk = desk_with(ping_pong=5)
    for number, members in enumerate(reports):
        code = f"e.p.x{number}" if "category" in members else "e.p.x"
        desk.report(code, f"t{number}", **members)
    assert bool(desk.limit_notices) is ends


def test_one_limit_notice_then_silence_until_the_window_is_over(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(ping_pong=3, ping_pong_window=10 * MINUTE)
    for number in range(4):
        last = desk.report(thread=f"t{number}", **(THERE, BACK)[number % 2])
    assert desk.limit_notices == [last]
    for number in range(20):
        later = desk.report(thread=f"u{number}", after=20 * SECOND, **(THERE, BACK)[number % 2])
        assert isinstance(later, ProblemSuppressed)
        assert (later.reason, later.survivor) == ("ping_pong", last.event_id)
    assert isinstance(desk.report(thread="new", after=10 * MINUTE, **THERE), ProblemOpened)
    assert len(desk.limit_notices) == 1


def test_silence_goes_on_as_long_as_they_do(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(ping_pong=3, ping_pong_window=10 * MINUTE)
    for number in range(200):
        desk.report(thread=f"t{number}", after=MINUTE, **(THERE, BACK)[number % 2])
    assert (len(desk.told), len(desk.limit_notices)) == (4, 1)
    for number in range(11):  # one side alone is no ping-pong: that does not keep it quiet
        last = desk.report(thread=f"u{number}", after=MINUTE, **THERE)
    assert isinstance(last, ProblemOpened)


def test_slow_enough_is_no_ping_pong(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(ping_pong=3, ping_pong_window=MINUTE)
    for number in range(40):
        desk.report(thread=f"t{number}", after=25 * SECOND, **(THERE, BACK)[number % 2])
    assert (desk.suppressed, desk.limit_notices) == ([], [])


def test_an_endless_sender_leaves_a_short_row(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(ping_pong=3)
    desk.report(**(THERE | {"sender": "a" * 100_000}))
    [row] = [data for key, data in desk.rows.rows.items() if key.startswith("errors/")]
    assert len(row) < 1024
