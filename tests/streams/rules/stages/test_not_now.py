"""Mute times and groups: what is told later, with the semantics of Alertmanager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.harness.routed_reports import Bus, a_book, a_problem
from tocsin.streams.rules.config import Grouping, Route, TimeOfWeek
from tocsin.streams.rules.facts import values_of
from tocsin.streams.rules.values import MINUTE, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

# NOW is a Friday, 08:00 UTC
UNTIL_NINE = {"early": (TimeOfWeek(start=0, end=9 * 60),)}
HOURLY = 3600


def thread(name: str, code: str = "e.p.xfer", **members: Any) -> Any:
    return a_problem(code, thread_id=name, **members)


def test_a_muted_route_tells_nobody_until_its_mute_time_is_over(rows: DictRows) -> None:
    bus = Bus(rows, a_book(Route(name="all", endpoints=("owner",), mute=("early",)), mute_times=UNTIL_NINE))
    assert bus.report(0, thread("a")) == ["suppressed: muted"]
    assert bus.events[-1].detail == "early"
    assert bus.report(60, thread("b")) == ["suppressed: muted"]
    assert bus.until(HOURLY - 1) == []
    assert bus.until(HOURLY) == ["digest of 2: muted", "-> owner"]
    assert bus.report(HOURLY + 1, thread("a")) == ["e.p.xfer: repeated", "-> owner"], "the digest opened the case"


def test_only_the_muted_route_is_muted(rows: DictRows) -> None:
    routes = (
        Route(name="night", endpoints=("owner", "desk"), mute=("early",), go_on=True),
        Route(name="day", endpoints=("owner",)),
    )
    bus = Bus(rows, a_book(*routes, mute_times=UNTIL_NINE))
    assert bus.report(0, thread("a")) == ["e.p.xfer: opened", "-> owner"]
    assert bus.until(HOURLY) == ["digest of 1: muted", "-> desk"], "the owner knows already"


def test_a_muted_route_does_not_escalate(rows: DictRows) -> None:
    routes = (
        Route(name="a", endpoints=("owner",), mute=("early",), escalate="pager", go_on=True),
        Route(name="b", endpoints=("desk",)),
    )
    bus = Bus(rows, a_book(*routes, mute_times=UNTIL_NINE))
    assert bus.report(0, thread("a")) == ["e.p.xfer: opened", "-> desk"]


BY_CODE = Grouping(by=("code",), wait=0, interval=5 * MINUTE)
WAITING = Grouping(by=("code",), wait=30 * SECOND, interval=5 * MINUTE)


@pytest.mark.parametrize(
    ("grouping", "reports", "said"),
    [
        pytest.param(
            BY_CODE,
            [(0, "a"), (10, "b"), (20, "c")],
            ["e.p.xfer: opened", "-> owner", "suppressed: grouped", "suppressed: grouped",
             "digest of 2: grouped", "-> owner"],
            id="without a wait the first is told at once, the rest after the interval",
        ),
        pytest.param(
            WAITING,
            [(0, "a"), (10, "b"), (29, "c")],
            ["suppressed: grouped"] * 3 + ["digest of 3: grouped", "-> owner"],
            id="with a wait all of it is told together",
        ),
        pytest.param(
            WAITING,
            [(0, "a"), (31, "b"), (40, "c")],
            ["suppressed: grouped", "digest of 1: grouped", "-> owner", "suppressed: grouped", "suppressed: grouped",
             "digest of 2: grouped", "-> owner"],
            id="after the first telling the interval counts, not the wait",
        ),
        pytest.param(
            BY_CODE,
            [(0, "a"), (301, "b")],
            ["e.p.xfer: opened", "-> owner", "e.p.xfer: opened", "-> owner"],
            id="a group in which nothing happened for an interval begins anew",
        ),
        pytest.param(
            BY_CODE,
            [(0, "a"), (10, "b"), (310, "c"), (700, "d")],
            ["e.p.xfer: opened", "-> owner", "suppressed: grouped", "digest of 1: grouped", "-> owner",
             "suppressed: grouped", "digest of 1: grouped", "-> owner", "suppressed: grouped",
             "digest of 1: grouped", "-> owner"],
            id="an interval follows each telling",
        ),
    ],
)  # fmt: skip
def test_groups(rows: DictRows, grouping: Grouping, reports: list[tuple[float, str]], said: list[str]) -> None:
    bus = Bus(rows, a_book(Route(name="all", endpoints=("owner",), group=grouping)))
    found = [word for at, name in reports for word in bus.report(at, thread(name))]
    assert found + bus.until(2 * HOURLY) == said
    assert not [key for key in rows.rows if key.startswith("digest/")], "and nothing stays"


def test_groups_are_apart_by_their_values_and_by_tenant(rows: DictRows) -> None:
    bus = Bus(rows, a_book(Route(name="all", endpoints=("owner",), group=BY_CODE)))
    assert bus.report(0, thread("a"))[0] == "e.p.xfer: opened"
    assert bus.report(1, thread("b", "e.p.trust"))[0] == "e.p.trust: opened"
    assert bus.report(2, thread("c"), tenant="other")[0] == "e.p.xfer: opened"
    assert bus.report(3, thread("d")) == ["suppressed: grouped"]


def test_whoever_takes_single_problems_only_gets_them_one_by_one(rows: DictRows) -> None:
    book = a_book(Route(name="all", endpoints=("owner", "desk"), group=BY_CODE))
    desk = msgspec.structs.replace(book.endpoints["desk"], body="rfc9457")
    bus = Bus(rows, msgspec.structs.replace(book, endpoints={**book.endpoints, "desk": desk}))
    assert bus.report(0, thread("a")) == ["e.p.xfer: opened", "-> owner", "-> desk"]
    assert bus.report(1, thread("b")) == ["e.p.xfer: opened", "-> desk"]
    assert bus.until(HOURLY) == ["digest of 1: grouped", "-> owner"]


def test_what_problems_may_be_grouped_by() -> None:
    from typing import get_args

    from tests.harness.routed_reports import a_report
    from tocsin.streams.rules.values import GroupBy

    facts = a_report(a_problem(), parents=["p"], trust="high").facts
    subjects = get_args(GroupBy)
    assert all(isinstance(value, str) for value in values_of(facts, subjects))
    assert dict(zip(subjects, values_of(facts, subjects), strict=True))["parent"] == "p"
