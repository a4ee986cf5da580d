"""Acknowledge, snooze, resolve: what they say and what they stop, whenever and however often they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.unanswered import fire
from tocsin.schemas.events import EscalationCancelled, EscalationSnoozed, EscalationStepped, ProblemResolved
from tocsin.streams.rules.decision import DeadLetter
from tocsin.streams.rules.values import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from tests.streams.rules.escalation.conftest import Bus

PHONE = ("phone",)


def kinds(events: list[Any]) -> list[str]:
    return [type(one).__name__ for one in events]


def test_no_step_after_an_acknowledge(bus: Bus) -> None:
    bus.report("r1")
    assert bus.pages(6 * MINUTE) == [PHONE]
    assert kinds(bus.command("acknowledge", "r1")) == ["EscalationAcknowledged"]
    assert bus.command("acknowledge", "r1", "c2") == []
    assert kinds(bus.report("r2")) == ["ProblemRepeated"]
    assert bus.pages(DAY) == []
    assert (bus.case.status, bus.case.count) == ("acknowledged", 2)


def test_an_acknowledge_that_comes_before_a_late_timer_stops_it(bus: Bus) -> None:
    bus.report("r1")
    bus.now += 3 * HOUR
    bus.command("acknowledge", "r1")
    assert bus.pass_time(0) == []


def test_resolve_cancels_and_tells_everybody_who_was_told(bus: Bus) -> None:
    bus.report("r1", to=("owner", "peer", "aries"), text="no route")
    bus.pages(20 * MINUTE)
    bus.requested.clear()
    resolved, cancelled = bus.command("resolve", "r1")
    assert isinstance(resolved, ProblemResolved)
    assert isinstance(cancelled, EscalationCancelled)
    assert (cancelled.reason, cancelled.case, bus.row) == ("resolved", resolved.case, None)
    assert [one.endpoint for one in bus.requested] == ["owner", "phone", "boss"], "no peer, no dialect"
    data = bus.notification["data"]
    assert (bus.notification["type"], data["status"]) == ("problem.resolved", "resolved")
    assert (data["by"], data["why"]) == ("ann", "x")
    assert (data["event_id"], data["case"], data["tenant"]) == ("r1", resolved.case, "acme")
    assert data["problem"]["text"] == "no route"
    assert bus.pages(DAY) == []


def test_an_acknowledged_one_ends_when_it_is_resolved(bus: Bus) -> None:
    bus.report("r1")
    bus.command("acknowledge", "r1")
    assert kinds(bus.command("resolve", "r1", "c2")) == ["ProblemResolved", "EscalationCancelled"]


def test_a_snooze_keeps_quiet_and_then_goes_on_at_once_with_the_fresh_state(bus: Bus) -> None:
    bus.report("r1")
    assert bus.pages(6 * MINUTE) == [PHONE]
    until = bus.now + HOUR
    (snoozed,) = bus.command("snooze", "r1", until=until)
    assert isinstance(snoozed, EscalationSnoozed)
    assert (snoozed.until, snoozed.by, bus.case.status) == (until, "ann", "snoozed")
    assert kinds(bus.report("r2")) == ["ProblemRepeated"]
    assert bus.pass_time(HOUR - 1) == []
    (stepped,) = bus.pass_time(1)
    assert isinstance(stepped, EscalationStepped)
    assert (stepped.repeat, stepped.count, bus.notification["data"]["status"]) == (1, 2, "open")
    assert bus.case.status == "open"


def test_a_snooze_shorter_than_the_wait_brings_no_step_forward(bus: Bus) -> None:
    bus.report("r1")
    bus.command("snooze", "r1", until=bus.now + MINUTE)
    assert bus.pass_time(5 * MINUTE - 1) == []
    assert kinds(bus.pass_time(1)) == ["EscalationStepped"]


def test_a_later_snooze_takes_the_place_of_an_earlier_one(bus: Bus) -> None:
    bus.report("r1")
    bus.command("snooze", "r1", "c1", until=bus.now + DAY)
    bus.command("snooze", "r1", "c2", until=bus.now + HOUR)
    assert kinds(bus.pass_time(HOUR)) == ["EscalationStepped"]


def test_no_snooze_is_longer_than_the_policy_allows(bus: Bus) -> None:
    bus.report("r1")
    (snoozed,) = bus.command("snooze", "r1", until=bus.now + 365 * DAY)
    assert isinstance(snoozed, EscalationSnoozed)
    assert snoozed.until == bus.now + 7 * DAY


def test_what_was_acknowledged_may_be_put_off(bus: Bus) -> None:
    bus.report("r1")
    bus.command("acknowledge", "r1", "c1")
    assert kinds(bus.command("snooze", "r1", "c2", until=bus.now + HOUR)) == ["EscalationSnoozed"]
    assert kinds(bus.pass_time(HOUR)) == ["EscalationStepped"]


def test_a_snoozed_one_may_be_taken(bus: Bus) -> None:
    bus.report("r1")
    bus.command("snooze", "r1", "c1", until=bus.now + HOUR)
    assert kinds(bus.command("acknowledge", "r1", "c2")) == ["EscalationAcknowledged"]
    assert bus.pages(DAY) == []


def test_a_snooze_without_an_escalation_ends_by_itself(bus: Bus) -> None:
    bus.report("r1", policies=())
    bus.command("snooze", "r1", until=bus.now + HOUR)
    assert kinds(bus.report("r2")) == ["ProblemRepeated", "EscalationRaised"], "raised, but it waits"
    assert bus.pages(HOUR - MINUTE) == []
    assert kinds(bus.pass_time(MINUTE)) == ["EscalationStepped"]
    bus.command("resolve", "r1", "c2")
    bus.report("r3", policies=())
    bus.command("snooze", "r3", "c3", until=bus.now + MINUTE)
    bus.now += MINUTE
    bus.report("r4", policies=())
    assert bus.case.status == "open"


# a command, what it says of a case that is resolved already
ON_RESOLVED = ["acknowledge", "snooze", "resolve"]


@pytest.mark.parametrize("kind", ON_RESOLVED)
def test_nothing_is_said_of_a_resolved_case(bus: Bus, kind: str) -> None:
    bus.report("r1")
    bus.command("resolve", "r1", "c1")
    assert bus.command(kind, "r1", "c2", until=bus.now + HOUR) == []
    assert kinds(bus.report("r2")) == ["ProblemOpened", "EscalationRaised"]


@pytest.mark.parametrize("kind", ["acknowledge", "resolve", "snooze"])
def test_a_command_that_is_sent_again_is_not_obeyed_again(bus: Bus, kind: str) -> None:
    """The publisher sends it a second time after the case was resolved and opened anew."""
    until = bus.now + HOUR
    bus.report("r1")
    assert bus.command(kind, "r1", "same", until=until)
    bus.command("resolve", "r1", "other")
    bus.report("r2")
    assert bus.command(kind, "r1", "same", until=until) == []
    assert bus.pages(5 * MINUTE) == [PHONE]


@pytest.mark.parametrize("kind", ["acknowledge", "resolve", "snooze"])
@pytest.mark.parametrize("by", ["the report", "the case"])
def test_a_command_that_comes_first_is_kept(bus: Bus, new_rows: Any, kind: str, by: str) -> None:
    case = getattr(type(bus)(new_rows()).report("r1")[0], "case")  # noqa: B009
    assert bus.command(kind, "r1" if by == "the report" else case, until=bus.now + HOUR) == []
    events = kinds(bus.report("r1"))
    assert events[:2] == ["ProblemOpened", "EscalationRaised"]
    assert len(events) > 2
    assert bus.pages(HOUR - MINUTE) == []


# until, before or after now, None: none
NO_TIME: dict[str, int | None] = {"no time": None, "a time that is over": -1, "now": 0}


@pytest.mark.parametrize("until", NO_TIME.values(), ids=list(NO_TIME))
def test_a_snooze_without_a_time_to_come_is_dead(bus: Bus, until: int | None) -> None:
    bus.report("r1")
    (dead,) = bus.decisions("snooze", "r1", until=None if until is None else bus.now + until)
    assert isinstance(dead, DeadLetter)
    assert dead.reason == "command_not_valid"


def test_a_choice_about_nothing_known_is_kept_and_then_dead(bus: Bus) -> None:
    assert bus.command("choose", "m1") == []
    bus.now += bus.config.kept_ttl
    assert bus.rows.next_due(bus.now) == "kept/acme/m1"
    (dead,) = fire("kept/acme/m1", bus.rows, bus.now, bus.config)
    assert isinstance(dead, DeadLetter)
    assert (dead.reason, getattr(dead.event, "choice", None)) == ("command_without_case", "wait")


def test_the_commands_that_a_case_remembers_are_bounded(bus: Bus) -> None:
    bus.report("r1")
    for number in range(50):
        bus.command("acknowledge", "r1", f"c{number}")
    assert len(bus.case.commands) == 8


@pytest.mark.parametrize("name", ["r1", "r3", "r5"])
def test_a_case_may_be_answered_hours_later_by_what_people_were_told(bus: Bus, name: str) -> None:
    """r1 raised it, a page named r3, r5 is the last; r2 and r4 nobody needs to know, and they are forgotten."""
    for each in ("r1", "r2", "r3"):
        bus.report(each)
    bus.pages(6 * MINUTE)
    bus.command("snooze", "r1", "c1", until=bus.now + DAY)
    for each in ("r4", "r5"):
        bus.report(each)
    for _ in range(20):
        bus.pass_time(HOUR)
    assert sorted(key for key in bus.rows.rows if key.startswith("seen/")) == [
        "seen/acme/r1", "seen/acme/r3", "seen/acme/r5",
    ]  # fmt: skip
    assert kinds(bus.command("acknowledge", name, "c2")) == ["EscalationAcknowledged"]


def test_what_was_named_is_forgotten_in_the_end(bus: Bus) -> None:
    bus.report("r1")
    bus.pages(6 * MINUTE)
    bus.command("resolve", "r1")
    for _ in range(3):
        bus.pass_time(bus.config.case_ttl)
    assert bus.rows.rows == {}
