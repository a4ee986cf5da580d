"""A tenant that has as many open cases, or rows, as it may have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.routed_reports import Bus, a_book, a_problem
from tocsin.schemas.events import (
    ActivityKind,
    CommandIssued,
    CommandKind,
    ProblemOpened,
    ProblemRepeated,
    ProblemSuppressed,
)
from tocsin.streams.rules.config import Grouping, Route
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.rules.values import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows
    from tests.streams.rules.stages.conftest import Desk

LIMIT_NOTICE = "e.p.req.max-errors-exceeded"


def full(desk_with: Callable[..., Desk], **limits: Any) -> Desk:
    """A desk with three open cases, and a limit notice that was told of the fourth."""
    desk = desk_with(**{"tenant_cases": 3, "tenant_window": HOUR} | limits)
    for number in range(4):
        desk.report(thread=f"t{number}")
    return desk


def answer(desk: Desk, kind: CommandKind, report: str) -> None:
    command = CommandIssued(
        event_id=f"c{desk.now}", tenant="acme", occurred_at=desk.now, recorded_at=desk.now, kind=kind, target=report,
        by="somebody",
    )  # fmt: skip
    desk._note(desk.decide(command))


def test_at_the_limit_every_case_is_opened(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(tenant_cases=3)
    assert [type(desk.report(thread=f"t{number}")) for number in range(3)] == [ProblemOpened] * 3


def test_one_above_it_is_one_limit_notice_then_no_new_case(desk_with: Callable[..., Desk]) -> None:
    desk = full(desk_with)
    [notice] = desk.limit_notices
    assert [item.value for item in notice.problem.items] == ["tenant_cases", "3", "e.p.xfer"]
    assert notice.problem.thread_id is None
    later = [desk.report(thread=f"u{number}") for number in range(50)]
    assert {(one.reason, one.survivor) for one in later if isinstance(one, ProblemSuppressed)} == {
        ("tenant_limit", notice.event_id)
    }
    assert len(desk.suppressed) == 50
    assert len(desk.told) == 4


def test_another_limit_notice_for_each_window(desk_with: Callable[..., Desk]) -> None:
    desk = full(desk_with)
    for number in range(5 * 60):
        desk.report(thread=f"u{number}", after=MINUTE)
    assert len(desk.limit_notices) == 1 + 5


def test_open_cases_messages_and_commands_go_on(desk_with: Callable[..., Desk]) -> None:
    desk = full(desk_with)
    assert isinstance(desk.report(thread="t0"), ProblemRepeated)
    desk.message()
    answer(desk, CommandKind.RESOLVE, "r1")
    assert isinstance(desk.report(thread="new"), ProblemSuppressed), "the case of the limit notice is open too"
    answer(desk, CommandKind.RESOLVE, "r2")
    assert isinstance(desk.report(thread="new"), ProblemOpened)
    assert isinstance(desk.report(thread="newer"), ProblemSuppressed)


def test_what_is_resolved_is_not_opened_again_above_the_limit(desk_with: Callable[..., Desk]) -> None:
    desk = full(desk_with)
    answer(desk, CommandKind.RESOLVE, "r1")
    assert isinstance(desk.report(thread="t0"), ProblemSuppressed)


def test_the_thread_of_the_limit_notice_is_not_muted(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(tenant_cases=1)
    desk.report("e.p.xfer", "t")
    desk.report("e.p.trust", "t")
    assert [one.problem.code for one in desk.limit_notices] == [LIMIT_NOTICE]
    assert isinstance(desk.report("e.p.xfer", "t"), ProblemRepeated)


def test_cases_that_are_forgotten_make_room(desk_with: Callable[..., Desk]) -> None:
    desk = full(desk_with)
    desk.pass_time(desk.config.case_ttl + HOUR)
    assert desk.rows.open_of("acme") == 0
    assert isinstance(desk.report(thread="new"), ProblemOpened)


def test_without_the_limit_there_is_none(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(tenant_cases=0)
    assert {type(desk.report(thread=f"t{number}")) for number in range(30)} == {ProblemOpened}


def test_a_digest_opens_no_case_above_the_limit_and_is_told(rows: DictRows) -> None:
    group = Grouping(by=("tenant",), wait=30 * SECOND, interval=5 * MINUTE)
    route = Route(name="all", endpoints=("owner",), group=group)
    bus = Bus(rows, a_book(route, limits=LoopLimits.off(tenant_cases=2)))
    for number in range(5):
        assert bus.report(number, a_problem("e.p.xfer", thread_id=f"t{number}")) == ["suppressed: grouped"]
    assert [word for word in bus.until(60) if word.startswith("->")] == ["-> owner"]
    assert rows.open_of("acme") == 2


def test_operators_are_told_and_peers_are_not(rows: DictRows) -> None:
    bus = Bus(rows, a_book(Route(name="all", endpoints=("owner", "peer")), limits=LoopLimits.off(tenant_cases=1)))
    bus.report(0, a_problem("e.p.xfer", thread_id="t0"))
    told = bus.report(1, a_problem("e.p.xfer", thread_id="t1"))
    assert told == [f"{LIMIT_NOTICE}: opened", "-> owner", "-> ops"]


CONTEXT = ("thread", "reference", "connection")


@pytest.mark.parametrize("allowed", [1, 20, 0], ids=["at once", "later", "no limit"])
def test_beyond_the_limit_of_rows_nothing_new_is_remembered_of_context(
    desk_with: Callable[..., Desk], allowed: int
) -> None:
    desk = desk_with(tenant_rows=allowed)
    for number in range(40):
        desk.message(ActivityKind.MESSAGE_SENT, thread=f"t{number}", connection=f"c{number}")
        assert isinstance(desk.report(thread=f"t{number}", message_id=f"m{number}"), ProblemOpened)
    context = sum(key.startswith(CONTEXT) for key in desk.rows.rows)
    assert context <= allowed if allowed else context >= 80
    assert desk.rows.rows_of("acme") == len(desk.rows.rows)


def test_what_is_known_goes_on_being_known(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(tenant_rows=5)
    desk.message(thread="t")
    for number in range(10):
        desk.report(thread=f"u{number}")
    found = desk.report(thread="t")
    assert isinstance(found, ProblemOpened)
    assert (found.thread.count, found.thread.connection) == (1, "c")
    again = desk.report(thread="t")
    assert isinstance(again, ProblemRepeated)
    assert again.thread.count == 2
