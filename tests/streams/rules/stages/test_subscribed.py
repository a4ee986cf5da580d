"""Subscriptions made while running: each hears what it wants, beside the routes of the file, which stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.harness.routed_reports import NOW, Bus, a_book, a_problem, a_report, routed
from tocsin.schemas.events import CommandIssued, CommandKind, DeliveryRequested, ProblemOpened
from tocsin.streams.rules.config import (
    DecideConfig,
    Endpoint,
    Grouping,
    Route,
    RuleBook,
    Silence,
    Subscription,
    TimeOfWeek,
)
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.replay import MemoryRows
from tocsin.streams.rules.values import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

XFER = Match.of(code=("e.p.xfer",))


def a_subscription(name: str = "hook", tenant: str = "acme", match: Match = XFER) -> Subscription:
    return Subscription(name=name, tenant=tenant, match=match)


def with_endpoints(book: RuleBook, *names: str, **more: Any) -> RuleBook:
    endpoints = {name: Endpoint(name=name, sink="webhook", **more) for name in names}
    return msgspec.structs.replace(book, endpoints={**book.endpoints, **endpoints})


ALL = Route(name="all", endpoints=("owner",))
ONLY_MSG = Route(name="msg", endpoints=("owner",), match=Match.of(code=("e.p.msg",)))


@pytest.mark.parametrize(
    ("routes", "subscriptions", "code", "expected"),
    [
        pytest.param((ALL,), (a_subscription(),), "e.p.xfer.x", ("owner", "hook"), id="beside a route"),
        pytest.param((ALL,), (a_subscription(),), "e.p.msg", ("owner",), id="not what it wants"),
        pytest.param((ALL,), (a_subscription(tenant="other"),), "e.p.xfer", ("owner",), id="another tenant's"),
        pytest.param((ALL,), (a_subscription(match=Match()),), "e.p.me", ("owner", "hook"), id="everything"),
        pytest.param((ONLY_MSG,), (a_subscription(),), "e.p.xfer", ("fallback", "hook"), id="the default too"),
        pytest.param((), (a_subscription(), a_subscription("b")), "e.p.xfer", ("fallback", "hook", "b"), id="two"),
        pytest.param((ALL,), (), "e.p.xfer", ("owner",), id="none"),
    ],
)  # fmt: skip
def test_who_is_told(
    rows: DictRows,
    routes: tuple[Route, ...],
    subscriptions: tuple[Subscription, ...],
    code: str,
    expected: tuple[str, ...],
) -> None:
    config = DecideConfig(book=with_endpoints(a_book(*routes), "hook", "b"), subscriptions=subscriptions)
    report = a_report(a_problem(code, thread_id="t"))
    assert routed(report, rows, config) is None
    assert report.endpoints == expected


def a_bus(book: RuleBook, *subscriptions: Subscription, silences: tuple[Silence, ...] = ()) -> Bus:
    bus = Bus(MemoryRows(), with_endpoints(book, "hook"), silences)
    bus.config = msgspec.structs.replace(bus.config, subscriptions=subscriptions or (a_subscription(),))
    return bus


def test_unrouted_stays_unrouted_and_the_subscriber_hears_it() -> None:
    bus = a_bus(a_book())
    assert bus.report(0, a_problem()) == ["e.p.xfer: opened", "ProblemUnrouted", "-> fallback", "-> hook"]


def test_a_silence_holds_for_subscribers_too() -> None:
    quiet = Silence(name="s", match=XFER, since=NOW - HOUR, until=NOW + HOUR)
    assert a_bus(a_book(ALL), silences=(quiet,)).report(0, a_problem()) == ["suppressed: silenced"]


def test_a_repeat_is_no_second_letter() -> None:
    book = a_book(ALL, limits=msgspec.structs.replace(a_book().limits, repeat_window=HOUR))
    bus = a_bus(book)
    assert bus.report(0, a_problem(thread_id="t")) == ["e.p.xfer: opened", "-> owner", "-> hook"]
    assert bus.report(1, a_problem(thread_id="t")) == ["suppressed: identical"]


def test_what_a_route_holds_back_a_subscriber_hears_at_once() -> None:
    grouped = Route(name="g", endpoints=("owner",), group=Grouping(by=("code",), wait=MINUTE))
    bus = a_bus(a_book(grouped))
    assert bus.report(0, a_problem(thread_id="t")) == ["e.p.xfer: opened", "-> hook"]
    assert "-> owner" in bus.until(61), "the route's own digest comes as if nobody had subscribed"


def test_mute_times_are_of_routes_alone() -> None:
    muted = Route(name="m", endpoints=("owner",), mute=("always",))
    book = a_book(muted, mute_times={"always": (TimeOfWeek(),)})
    assert a_bus(book).report(0, a_problem()) == ["e.p.xfer: opened", "-> hook"]


def test_a_peer_who_subscribed_is_told_no_more_than_peers_are(rows: DictRows) -> None:
    book = with_endpoints(a_book(), "hook", audience="peer", body="didcomm-2.0")
    config = DecideConfig(book=book, subscriptions=(a_subscription(),))
    trusted = a_report(a_problem(thread_id="t"), trust="high")
    routed(trusted, rows, config)
    assert trusted.endpoints == ("fallback", "hook")
    unknown = a_report(a_problem(thread_id="t"))
    routed(unknown, rows, config)
    assert (unknown.endpoints, unknown.left_out) == (("fallback",), "trust")


def test_what_was_told_to_a_subscriber_is_ended_there_too() -> None:
    bus = a_bus(a_book(ALL))
    bus.report(0, a_problem(thread_id="t"))
    case = next(one.case for one in bus.events if isinstance(one, ProblemOpened))
    over = CommandIssued(
        event_id="c", tenant="acme", occurred_at=NOW, recorded_at=NOW, kind=CommandKind.RESOLVE, target=case, by="ann"
    )
    told = [decision.event for one in bus.hear(over, NOW + SECOND) for decision in one.decisions]
    assert [one.endpoint for one in told if isinstance(one, DeliveryRequested)] == ["owner", "hook"]
