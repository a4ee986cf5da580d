"""Reports of which nothing proves who sent them page so often, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tocsin.schemas.events import Event, ProblemOpened, ProblemSuppressed
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.rules.values import HOUR

if TYPE_CHECKING:
    from tests.streams.rules.stages.conftest import Desk


def forge(desk: Desk, number: int, connection: str | None = None) -> Event:
    """A report with a code of its own, on one of three threads."""
    return desk.report(f"e.p.fake-{number}", f"t{number % 3}", trust="claimed", side="peer", connection=connection)


def test_sixty_codes_on_three_threads_are_ten_and_one_limit_notice_an_hour(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(claimed=LoopLimits().claimed)
    became = [forge(desk, number) for number in range(60)]
    assert [type(one) for one in became] == [ProblemOpened] * 11 + [ProblemSuppressed] * 49
    [notice] = desk.limit_notices
    assert (notice.problem.source.trust, notice.problem.thread_id) == ("claimed", None)
    assert notice.thread.thread_id is None, "its thread is one that they named"
    assert notice.thread.trust == "claimed", "routes match it"
    assert [item.value for item in notice.problem.items] == ["claimed", "10", "e.p.fake-10"]
    assert {(one.reason, one.survivor) for one in desk.suppressed} == {("claimed_limit", notice.event_id)}
    desk.pass_time(HOUR)
    assert isinstance(forge(desk, 100), ProblemOpened)
    assert len(desk.limit_notices) == 1


def test_they_use_up_nothing_of_what_is_genuine(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(claimed=2)
    for number in range(9):
        forge(desk, number)
    genuine = [desk.report(f"e.p.fake-{number}", f"t{number % 3}") for number in range(9)]
    assert {type(one) for one in genuine} == {ProblemOpened}
    assert isinstance(desk.report("e.p.new", None), ProblemOpened)


def test_each_connection_that_is_said_has_its_own(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(claimed=1)
    became = [type(forge(desk, number, "c" if number % 2 else "d")) for number in range(6)]
    assert became == [ProblemOpened] * 4 + [ProblemSuppressed] * 2


def test_without_the_limit_there_is_none(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(claimed=0)
    assert {type(forge(desk, number)) for number in range(30)} == {ProblemOpened}


def test_a_claimed_report_in_no_thread_is_no_genuine_case(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with()
    genuine, claimed = desk.report("e.p.x", None), desk.report("e.p.x", None, trust="claimed")
    assert isinstance(genuine, ProblemOpened)
    assert isinstance(claimed, ProblemOpened)
    assert genuine.case != claimed.case
