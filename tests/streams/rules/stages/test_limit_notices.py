"""The limit notice of a thread: it waits for nothing, is one though nobody hears it, and ends what a peer is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.routed_reports import NOW, Bus, a_book, a_problem, a_report, routed
from tocsin.streams.rules.config import DecideConfig, Grouping, Inhibition, Route, Silence, TimeOfWeek
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.rules.values import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

LIMITS = LoopLimits(repeat_window=0, thread_errors=2, connection_errors=0, ping_pong=0, replay_window=0)
LIMIT_NOTICE = "e.p.req.max-errors-exceeded"
UNTIL_NINE = {"early": (TimeOfWeek(start=0, end=9 * 60),)}
WAITING = Grouping(by=("code",), wait=30 * SECOND, interval=5 * MINUTE)


def problem(code: str = "e.p.xfer", **members: Any) -> Any:
    return a_problem(code, thread_id="t", **members)


@pytest.mark.parametrize(
    ("route", "before"),
    [
        pytest.param(Route(name="all", endpoints=("owner",), mute=("early",)), "suppressed: muted", id="a mute time"),
        pytest.param(Route(name="all", endpoints=("owner",), group=WAITING), "suppressed: grouped", id="a group"),
    ],
)
def test_a_limit_notice_waits_for_nothing(rows: DictRows, route: Route, before: str) -> None:
    bus = Bus(rows, a_book(route, mute_times=UNTIL_NINE, limits=LIMITS))
    assert bus.report(0, problem()) == [before]
    assert bus.report(1, problem()) == [before]
    assert bus.report(2, problem()) == [f"{LIMIT_NOTICE}: opened", "-> owner"]
    assert bus.report(3, problem()) == ["suppressed: thread_muted"]
    assert [word for word in bus.until(3600) if word.startswith("->")] == [], "nothing is told after it"


BY_XFER = Inhibition(
    name="i", source=Match.of(code=("e.p.xfer",)), target=Match.of(code=("e.p.req",)), equal=("tenant",), lasting=HOUR
)
QUIET: dict[str, tuple[str, dict[str, Any]]] = {
    "silenced": (
        "suppressed: silenced",
        {"silences": (Silence(name="s", match=Match.of(code=("e.p.req",)), since=NOW, until=NOW + HOUR),)},
    ),
    "inhibited": (
        "suppressed: inhibited",
        {"inhibit": (BY_XFER,)},
    ),
}


@pytest.mark.parametrize(("said", "rules"), QUIET.values(), ids=QUIET)
def test_a_limit_notice_that_nobody_hears_is_one_all_the_same(rows: DictRows, said: str, rules: dict[str, Any]) -> None:
    bus = Bus(rows, a_book(Route(name="all", endpoints=("owner",)), limits=LIMITS, **rules))
    bus.report(0, problem())
    bus.report(1, problem())
    assert bus.report(2, problem()) == [said]
    word = bus.events[-1]
    assert bus.report(3, problem()) == ["suppressed: thread_muted"]
    assert bus.events[-1].survivor == (word.survivor or word.event_id)


PEERS: dict[str, tuple[dict[str, Any], bool]] = {
    "their limit notice": ({"code": LIMIT_NOTICE, "dialect": "didcomm-2.0"}, False),
    "another report of theirs": ({"dialect": "didcomm-2.0"}, True),
    "their limit notice on another thread": ({"code": LIMIT_NOTICE, "dialect": "didcomm-2.0", "thread_id": "u"}, True),
    "their limit notice on the thread above their report's": (
        {"code": LIMIT_NOTICE, "dialect": "didcomm-2.0", "thread_id": "m", "thread_id_derived": True,
         "parent_thread_id": "t"},
        False,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("heard", "told"), PEERS.values(), ids=PEERS)
def test_a_peer_that_ended_a_thread_is_told_no_more_of_it(rows: DictRows, heard: dict[str, Any], told: bool) -> None:
    """DIDComm v2: whoever receives max-errors-exceeded ceases to answer on that thread. The owner is told as ever."""
    config = DecideConfig(book=a_book(Route(name="all", endpoints=("owner", "peer"))))
    source = {"connection": "c"}
    theirs = a_problem(**({"code": "e.p.xfer", "thread_id": "t", "source": source} | heard))
    routed(a_report(theirs), rows, config)
    report = a_report(problem(source=source), trust="high")
    routed(report, rows, config)
    assert report.endpoints == (("owner", "peer") if told else ("owner",))
