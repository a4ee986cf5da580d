"""A time-out that is given up is a case: who may take it, what keeps it quiet, how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.harness.time_out_bus import BOOK, CONFIG, QUICK, Bus, events, notices, notifications
from tests.harness.unanswered import decide
from tests.harness.waiting import START, TENANT, config_with
from tocsin.schemas.events import (
    CommandIssued,
    CommandKind,
    EscalationAcknowledged,
    EscalationRaised,
    EscalationStepped,
    ProblemReported,
    ProblemResolved,
    TimeoutNoticed,
)
from tocsin.schemas.problem import Problem, Source
from tocsin.streams.rules.config import DecideConfig, Inhibition, Route, Silence, TimeOfWeek
from tocsin.streams.rules.decision import INBOX, Decision, Emit
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.state import CaseRow, EscalationRow, row_key
from tocsin.streams.rules.timeouts.noticing import GIVEN_UP
from tocsin.streams.rules.values import HOUR, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows


@pytest.fixture
def given_up(rows: DictRows) -> tuple[Bus, list[Decision]]:
    bus = Bus(rows)
    bus.send(0)
    return bus, bus.until(59)


def test_giving_up_opens_a_case_and_escalates(given_up: tuple[Bus, list[Decision]]) -> None:
    bus, decided = given_up
    assert [notice.choice for notice in notices(decided)] == ["wait", "retry", "give_up"]
    last = notices(decided)[-1]
    case = bus.rows.get(row_key("case", TENANT, last.case or ""))
    assert isinstance(case, CaseRow)
    assert (case.status, case.code, case.thread, case.represented_by) == ("open", GIVEN_UP, "t", last.event_id)
    (raised,) = [event for event in events(decided) if isinstance(event, EscalationRaised)]
    assert (raised.case, raised.policy, raised.cause) == (last.case, "night", last.event_id)


def test_the_escalation_does_not_step_when_somebody_acknowledges(given_up: tuple[Bus, list[Decision]]) -> None:
    bus, decided = given_up
    case = notices(decided)[-1].case or ""
    bus.command(70, CommandKind.ACKNOWLEDGE, case)
    assert notifications(bus.until(3600)) == []


def test_it_steps_when_nobody_does(given_up: tuple[Bus, list[Decision]]) -> None:
    bus, _ = given_up
    assert [(endpoint, body["type"]) for endpoint, body in notifications(bus.until(120))] == [
        ("owner", "escalation.stepped")
    ]


@pytest.mark.parametrize("named", ["the event that noticed it", "the notification of a step"])
def test_a_notice_may_be_answered_by_its_id(given_up: tuple[Bus, list[Decision]], named: str) -> None:
    bus, decided = given_up
    target, at = notices(decided)[-1].event_id, 70
    if named == "the notification of a step":
        ((_, page),) = notifications(bus.until(120))
        target, at = page["data"]["event_id"], 121
    (taken,) = events(bus.command(at, CommandKind.ACKNOWLEDGE, target))
    assert isinstance(taken, EscalationAcknowledged)
    assert notifications(bus.until(3 * 86_400)) == []


@pytest.mark.parametrize("by", ["its case", "the notice that came first"])
def test_who_takes_it_before_it_is_given_up_is_not_paged(rows: DictRows, by: str) -> None:
    bus = Bus(rows)
    bus.send(0)
    (first,) = notices(bus.until(10))
    target = (first.case or "") if by == "its case" else first.event_id
    assert bus.command(12, CommandKind.ACKNOWLEDGE, target) == []
    emitted = events(bus.until(3600))
    assert [event.choice for event in emitted if isinstance(event, TimeoutNoticed)] == ["retry", "give_up"]
    assert len([event for event in emitted if isinstance(event, EscalationAcknowledged)]) == 1
    assert [event for event in emitted if isinstance(event, EscalationStepped)] == []
    assert not [key for key in rows.rows if key.startswith("kept/")]


OVER = ("e.p.req.time",)
ALWAYS = {"always": (TimeOfWeek(),)}
QUIET: dict[str, DecideConfig] = {
    "silenced": msgspec.structs.replace(
        CONFIG, silences=(Silence(name="dry dock", match=Match.of(code=OVER), since=0, until=START + HOUR),)
    ),
    "muted": config_with(QUICK, book=msgspec.structs.replace(
        BOOK, routes=(msgspec.structs.replace(BOOK.routes[1], mute=("always",)),), mute_times=ALWAYS
    )),
}  # fmt: skip
QUIET["both"] = msgspec.structs.replace(QUIET["muted"], silences=QUIET["silenced"].silences)


@pytest.mark.parametrize("config", QUIET.values(), ids=list(QUIET))
def test_what_is_kept_quiet_pages_nobody_and_opens_no_case(rows: DictRows, config: DecideConfig) -> None:
    bus = Bus(rows, config)
    bus.send(0)
    last = notices(decided := bus.until(3000))[-1]
    assert (last.choice, last.endpoints) == ("give_up", [])
    assert [event for event in events(decided) if isinstance(event, EscalationRaised | EscalationStepped)] == []
    assert rows.get(row_key("case", TENANT, last.case or "")) is None


def test_a_route_that_is_muted_does_not_keep_another_one_quiet(rows: DictRows) -> None:
    muted = Route(name="night", endpoints=("late",), mute=("always",), go_on=True)
    book = msgspec.structs.replace(BOOK, routes=(muted, BOOK.routes[1]), mute_times=ALWAYS)
    bus = Bus(rows, config_with(QUICK, book=book))
    bus.send(0)
    decided = bus.until(59)
    assert [notice.endpoints for notice in notices(decided)] == [[], [], ["owner"]]
    assert len([event for event in events(decided) if isinstance(event, EscalationRaised)]) == 1


def test_a_worse_problem_on_the_connection_keeps_it_quiet(rows: DictRows) -> None:
    rule = Inhibition(
        name="down", source=Match.of(code=("e.p.me",)), target=Match.of(code=OVER), equal=("connection",), lasting=HOUR
    )
    config = config_with(QUICK, book=msgspec.structs.replace(BOOK, inhibit=(rule,)))
    problem = Problem(dialect="canonical", code="e.p.me", thread_id="u", source=Source(connection="lighthouse"))
    report = ProblemReported(event_id="r", tenant=TENANT, occurred_at=START, recorded_at=START, problem=problem)
    decide(report, rows, START, config)
    bus = Bus(rows, config)
    bus.send(0)
    decided = bus.until(3000)
    assert [notice.endpoints for notice in notices(decided)] == [["late"], ["late"], []]
    assert [event for event in events(decided) if isinstance(event, EscalationRaised)] == []


def test_a_reply_after_all_resolves_the_case(given_up: tuple[Bus, list[Decision]]) -> None:
    bus, decided = given_up
    case = notices(decided)[-1].case or ""
    (over,) = bus.reply(80)
    assert isinstance(over, Emit)
    assert isinstance(over.event, CommandIssued)
    assert (over.topic, over.key, over.event.kind, over.event.target) == (INBOX, TENANT, CommandKind.RESOLVE, case)
    resolved = decide(over.event, bus.rows, START + 81 * SECOND, CONFIG)
    assert any(isinstance(event, ProblemResolved) for event in events(resolved))
    row = bus.rows.get(row_key("escalation", TENANT, case))
    assert row is None or (isinstance(row, EscalationRow) and row.status == "ended")


def test_a_case_that_was_resolved_is_opened_and_escalated_again(given_up: tuple[Bus, list[Decision]]) -> None:
    bus, _ = given_up
    (over,) = bus.reply(80)
    assert isinstance(over, Emit)
    decide(over.event, bus.rows, START + 81 * SECOND, CONFIG)
    bus.send(100, message_id="offer-2")
    again = bus.until(159)
    assert [notice.choice for notice in notices(again)] == ["wait", "retry", "give_up"]
    assert len([event for event in events(again) if isinstance(event, EscalationRaised)]) == 1
