"""Two that answer each other's reports with reports, whatever these say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.schemas.events import ActivityKind, ProblemOpened, ProblemSuppressed
from tocsin.streams.rules.values import MINUTE, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.stages.conftest import Desk

THERE: dict[str, Any] = {"sender": "a", "recipients": ["b"]}
BACK: dict[str, Any] = {"sender": "b", "recipients": ["a"]}
OVER: dict[str, Any] = {"connection": "c"}
ROWS: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "to and fro": ([THERE, BACK] * 3, True),
    "several there for each one back": ([THERE, THERE, BACK] * 3, True),
    "only there": ([THERE] * 20, False),
    "to and fro, but not often enough": ([THERE, BACK, THERE, BACK, BACK], False),
    "two that tell a third": ([THERE, {"sender": "c", "recipients": ["b"]}] * 9, False),
    "over one connection, by whom is not said": ([OVER] * 6, True),
    "over one connection, by whom is said": ([OVER | {"sender": "a"}, OVER | {"sender": "b"}] * 3, True),
    "over one connection, all from one side": ([OVER | {"sender": "a"}] * 20, False),
    "over several connections": ([{"connection": f"c{number}"} for number in range(20)], False),
    "no message between agents": ([OVER | {"dialect": "rfc9457"}] * 20, False),
    "between two that are named, in whatever form": (
        [THERE | {"dialect": "canonical"}, BACK | {"dialect": "didcomm-2.0"}] * 3, True,
    ),
    "with another key each time": (
        [
            {"sender": f"did:x:{one}#key-{number}", "recipients": [f"did:x:{other}#k{number}"]}
            for number in range(3)
            for one, other in ("ab", "ba")
        ],
        True,
    ),
    "nobody is known": ([{}] * 20, False),
    "a recipient only": ([{"recipients": ["a"]}] * 20, False),
}  # fmt: skip


@pytest.mark.parametrize(("reports", "ends"), ROWS.values(), ids=ROWS)
def test_answering_each_other(desk_with: Callable[..., Desk], reports: list[dict[str, Any]], ends: bool) -> None:
    desk = desk_with(exchange=5)
    for number, members in enumerate(reports):
        desk.report(f"e.p.x{number}", f"t{number}", **members)
    assert bool(desk.limit_notices) is ends


def test_one_limit_notice_then_silence_until_there_is_a_pause(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(exchange=3, ping_pong_window=10 * MINUTE)
    for number in range(4):
        last = desk.report(f"e.p.x{number}", f"t{number}", **(THERE, BACK)[number % 2])
    assert desk.limit_notices == [last]
    for number in range(100):
        later = desk.report(f"e.p.y{number}", f"u{number}", after=9 * MINUTE, **(THERE, BACK)[number % 2])
        assert isinstance(later, ProblemSuppressed)
        assert (later.reason, later.survivor) == ("exchange", last.event_id)
    assert isinstance(desk.report(thread="new", after=10 * MINUTE, **THERE), ProblemOpened)
    assert len(desk.limit_notices) == 1


def test_one_side_alone_does_not_keep_it_quiet(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(exchange=3, ping_pong_window=10 * MINUTE)
    for number in range(4):
        desk.report(f"e.p.x{number}", f"t{number}", **(THERE, BACK)[number % 2])
    found = [desk.report(f"e.p.y{number}", f"u{number}", after=2 * MINUTE, **BACK) for number in range(6)]
    assert [type(one) for one in found] == [ProblemSuppressed] * 4 + [ProblemOpened] * 2


def test_slow_enough_is_no_exchange(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(exchange=3, ping_pong_window=MINUTE)
    for number in range(40):
        desk.report(f"e.p.x{number}", f"t{number}", after=61 * SECOND, **(THERE, BACK)[number % 2])
    assert (desk.suppressed, desk.limit_notices) == ([], [])


def test_many_interactions_of_a_connection_may_go_wrong_at_a_time(desk_with: Callable[..., Desk]) -> None:
    """Messages are known of what each report is about: nobody says which way the reports went, but that is no loop."""
    desk = desk_with(exchange=3)
    for number in range(40):
        desk.message(ActivityKind.MESSAGE_SENT, thread=f"t{number}")
        desk.report(f"e.p.x{number}", f"t{number}", connection="c")
    assert (desk.suppressed, desk.limit_notices) == ([], [])


def test_an_endless_name_leaves_a_short_row(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(exchange=3)
    desk.report(**(THERE | {"sender": "a" * 100_000}))
    [row] = [data for key, data in desk.rows.rows.items() if key.startswith("errors/")]
    assert len(row) < 1024
