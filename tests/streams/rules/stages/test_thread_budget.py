"""Errors of one thread: the limit notice, then silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tocsin.schemas.events import ProblemOpened, ProblemRepeated, ProblemSuppressed
from tocsin.streams.rules.values import DAY

if TYPE_CHECKING:
    from tests.streams.rules.stages.conftest import Desk

LIMIT_NOTICE = "e.p.req.max-errors-exceeded"


def test_the_budget_is_spent(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(thread_errors=3)
    for number in range(3):
        desk.report(f"e.p.x{number}")
    last = desk.report("e.p.msg.again", thread="t", connection="c", request_id="q")
    assert isinstance(last, ProblemOpened)
    problem = last.problem
    assert (problem.code, problem.severity, problem.scope, problem.dialect) == (
        LIMIT_NOTICE, "error", "protocol", "canonical",
    )  # fmt: skip
    assert (problem.thread_id, problem.source.connection, problem.request_id) == ("t", "c", "q")
    assert {item.key: item.value for item in problem.items} == {
        "limit": "thread_errors", "allowed": "3", "last_code": "e.p.msg.again",
    }  # fmt: skip
    assert problem.text == "Maximum errors exceeded: thread_errors allows 3. The last one was e.p.msg.again."
    assert [data["problem"]["code"] for data in desk.letters("problem.opened")][-1] == LIMIT_NOTICE


def test_after_the_limit_notice_the_thread_is_silent_for_good(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(thread_errors=1)
    desk.report()
    last = desk.report("e.p.a")
    for number in range(30):
        later = desk.report(f"e.p.b{number}", after=6 * DAY)  # half a year, and each one is heard
        assert isinstance(later, ProblemSuppressed)
        assert (later.reason, later.survivor) == ("thread_muted", last.event_id)
    assert len(desk.told) == 2
    assert isinstance(desk.report("e.p.a", "another thread"), ProblemOpened)


ROWS = {
    "each thread has its own budget": ([("e.p.a", "t1"), ("e.p.a", "t2"), ("e.p.a", "t3")], 3, []),
    "a new code each time does not help": ([(f"e.p.x{n}", "t") for n in range(9)], 3, ["thread_muted"] * 6),
    "nor the same one": ([("e.p.x", "t")] * 9, 3, ["thread_muted"] * 6),
    "problems without a thread have no budget": ([("e.p.x", None)] * 9, 9, []),
}


@pytest.mark.parametrize(("reports", "told", "reasons"), ROWS.values(), ids=ROWS)
def test_budgets(
    desk_with: Callable[..., Desk], reports: list[tuple[str, str | None]], told: int, reasons: list[str]
) -> None:
    desk = desk_with(thread_errors=2)
    for code, thread in reports:
        desk.report(code, thread)
    assert (len(desk.told), desk.reasons) == (told, reasons)
    assert len(desk.limit_notices) == (1 if reasons else 0)


def test_no_limit(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(thread_errors=0)
    for _ in range(200):
        desk.report()
    assert len(desk.told) == 200


def test_a_report_in_a_message_of_its_own_counts_on_the_thread_it_is_about(desk_with: Callable[..., Desk]) -> None:
    """DIDComm v2: `pthid` is the thread in trouble, and `thid` may be missing."""
    desk = desk_with(thread_errors=2)
    for number in range(6):
        desk.report(thread=f"m{number}", thread_id_derived=True, parent_thread_id="t")
    assert (len(desk.told), len(desk.limit_notices), desk.reasons) == (3, 1, ["thread_muted"] * 3)
    assert isinstance(desk.report(thread="t"), ProblemSuppressed)


def test_a_derived_thread_without_a_parent_is_nobodys(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(thread_errors=2)
    for number in range(6):
        desk.report(thread=f"m{number}", thread_id_derived=True)
    assert len(desk.told) == 6


def test_the_other_sides_limit_notice_is_a_problem_like_any(desk_with: Callable[..., Desk]) -> None:
    """A peer must not be able to switch off the owner's alarm."""
    desk = desk_with(thread_errors=10)
    desk.report("e.p.Xfer_Cant")
    gave_up = desk.report(LIMIT_NOTICE)
    assert isinstance(gave_up, ProblemOpened)
    assert gave_up.endpoints == ["owner"]
    assert isinstance(desk.report("e.p.new"), ProblemOpened)
    assert isinstance(desk.report(LIMIT_NOTICE), ProblemRepeated)


def test_the_other_sides_limit_notice_uses_the_budget_up(desk_with: Callable[..., Desk]) -> None:
    """Two buses with the same budget: what one says last is the one problem too many for the other, so each says one
    limit notice and no more."""
    desk = desk_with(thread_errors=3)
    for number in range(3):
        desk.report(f"e.p.x{number}")
    last = desk.report(LIMIT_NOTICE)
    assert isinstance(last, ProblemOpened)
    assert last.problem.dialect == "canonical"
    assert isinstance(desk.report(LIMIT_NOTICE), ProblemSuppressed)
    assert desk.limit_notices == [last]


def test_other_tenants_and_later_threads_are_not_concerned(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(thread_errors=1)
    for _ in range(5):
        desk.report()
    desk.pass_time(60 * DAY)  # nothing was heard: the thread is forgotten
    assert isinstance(desk.report(), ProblemOpened | ProblemRepeated)
