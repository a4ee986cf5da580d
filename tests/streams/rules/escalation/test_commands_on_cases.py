"""Acknowledge, snooze, resolve: what they say and what they stop, whenever and however often they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.schemas.events import EscalationCancelled, EscalationSnoozed, EscalationStepped, ProblemResolved
from tocsin.streams.rules.decide import fire
from tocsin.streams.rules.decision import DeadLetter
from tocsin.streams.rules.spans import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from tests.streams.rules.escalation.conftest import Desk

PHONE = ("phone",)


def kinds(events: list[Any]) -> list[str]:
    return [type(one).__name__ for one in events]


def test_no_step_after_an_acknowledge(desk: Desk) -> None:
    desk.report("r1")
    assert desk.pages(6 * MINUTE) == [PHONE]
    assert kinds(desk.command("acknowledge", "r1")) == ["EscalationAcknowledged"]
    assert desk.command("acknowledge", "r1", "c2") == []
    assert kinds(desk.report("r2")) == ["ProblemRepeated"]
    assert desk.pages(DAY) == []
    assert (desk.case.status, desk.case.count) == ("acknowledged", 2)


def test_an_acknowledge_that_comes_before_a_late_timer_stops_it(desk: Desk) -> None:
    desk.report("r1")
    desk.now += 3 * HOUR
    desk.command("acknowledge", "r1")
    assert desk.wait(0) == []


def test_resolve_cancels_and_tells_everybody_who_was_told(desk: Desk) -> None:
    desk.report("r1", to=("owner", "peer", "aries"), text="no route")
    desk.pages(20 * MINUTE)
    desk.told.clear()
    resolved, cancelled = desk.command("resolve", "r1")
    assert isinstance(resolved, ProblemResolved)
    assert isinstance(cancelled, EscalationCancelled)
    assert (cancelled.reason, cancelled.case, desk.row) == ("resolved", resolved.case, None)
    assert [one.endpoint for one in desk.told] == ["owner", "phone", "boss"], "no peer, no dialect"
    data = desk.notification["data"]
    assert (desk.notification["type"], data["status"]) == ("problem.resolved", "resolved")
    assert (data["by"], data["why"]) == ("ann", "x")
    assert (data["event_id"], data["case"], data["tenant"]) == ("r1", resolved.case, "acme")
    assert data["problem"]["text"] == "no route"
    assert desk.pages(DAY) == []


def test_an_acknowledged_one_ends_when_it_is_resolved(desk: Desk) -> None:
    desk.report("r1")
    desk.command("acknowledge", "r1")
    assert kinds(desk.command("resolve", "r1", "c2")) == ["ProblemResolved", "EscalationCancelled"]


def test_a_snooze_keeps_quiet_and_then_goes_on_at_once_with_the_fresh_state(desk: Desk) -> None:
    desk.report("r1")
    assert desk.pages(6 * MINUTE) == [PHONE]
    until = desk.now + HOUR
    (snoozed,) = desk.command("snooze", "r1", until=until)
    assert isinstance(snoozed, EscalationSnoozed)
    assert (snoozed.until, snoozed.by, desk.case.status) == (until, "ann", "snoozed")
    assert kinds(desk.report("r2")) == ["ProblemRepeated"]
    assert desk.wait(HOUR - 1) == []
    (stepped,) = desk.wait(1)
    assert isinstance(stepped, EscalationStepped)
    assert (stepped.repeat, stepped.count, desk.notification["data"]["status"]) == (1, 2, "open")
    assert desk.case.status == "open"


def test_a_snooze_shorter_than_the_wait_brings_no_step_forward(desk: Desk) -> None:
    desk.report("r1")
    desk.command("snooze", "r1", until=desk.now + MINUTE)
    assert desk.wait(5 * MINUTE - 1) == []
    assert kinds(desk.wait(1)) == ["EscalationStepped"]


def test_a_later_snooze_takes_the_place_of_an_earlier_one(desk: Desk) -> None:
    desk.report("r1")
    desk.command("snooze", "r1", "c1", until=desk.now + DAY)
    desk.command("snooze", "r1", "c2", until=desk.now + HOUR)
    assert kinds(desk.wait(HOUR)) == ["EscalationStepped"]


def test_no_snooze_is_longer_than_the_policy_allows(desk: Desk) -> None:
    desk.report("r1")
    (snoozed,) = desk.command("snooze", "r1", until=desk.now + 365 * DAY)
    assert isinstance(snoozed, EscalationSnoozed)
    assert snoozed.until == desk.now + 7 * DAY


def test_what_was_acknowledged_may_be_put_off(desk: Desk) -> None:
    desk.report("r1")
    desk.command("acknowledge", "r1", "c1")
    assert kinds(desk.command("snooze", "r1", "c2", until=desk.now + HOUR)) == ["EscalationSnoozed"]
    assert kinds(desk.wait(HOUR)) == ["EscalationStepped"]


def test_a_snoozed_one_may_be_taken(desk: Desk) -> None:
    desk.report("r1")
    desk.command("snooze", "r1", "c1", until=desk.now + HOUR)
    assert kinds(desk.command("acknowledge", "r1", "c2")) == ["EscalationAcknowledged"]
    assert desk.pages(DAY) == []


def test_a_snooze_without_an_escalation_ends_by_itself(desk: Desk) -> None:
    desk.report("r1", policies=())
    desk.command("snooze", "r1", until=desk.now + HOUR)
    assert kinds(desk.report("r2")) == ["ProblemRepeated", "EscalationRaised"], "raised, but it waits"
    assert desk.pages(HOUR - MINUTE) == []
    assert kinds(desk.wait(MINUTE)) == ["EscalationStepped"]
    desk.command("resolve", "r1", "c2")
    desk.report("r3", policies=())
    desk.command("snooze", "r3", "c3", until=desk.now + MINUTE)
    desk.now += MINUTE
    desk.report("r4", policies=())
    assert desk.case.status == "open"


# a command, what it says of a case that is resolved already
ON_RESOLVED = ["acknowledge", "snooze", "resolve"]


@pytest.mark.parametrize("kind", ON_RESOLVED)
def test_nothing_is_said_of_a_resolved_case(desk: Desk, kind: str) -> None:
    desk.report("r1")
    desk.command("resolve", "r1", "c1")
    assert desk.command(kind, "r1", "c2", until=desk.now + HOUR) == []
    assert kinds(desk.report("r2")) == ["ProblemOpened", "EscalationRaised"]


@pytest.mark.parametrize("kind", ["acknowledge", "resolve", "snooze"])
def test_a_command_that_is_sent_again_is_not_obeyed_again(desk: Desk, kind: str) -> None:
    """The publisher sends it a second time after the case was resolved and opened anew."""
    until = desk.now + HOUR
    desk.report("r1")
    assert desk.command(kind, "r1", "same", until=until)
    desk.command("resolve", "r1", "other")
    desk.report("r2")
    assert desk.command(kind, "r1", "same", until=until) == []
    assert desk.pages(5 * MINUTE) == [PHONE]


@pytest.mark.parametrize("kind", ["acknowledge", "resolve", "snooze"])
@pytest.mark.parametrize("by", ["the report", "the case"])
def test_a_command_that_comes_first_is_kept(desk: Desk, new_rows: Any, kind: str, by: str) -> None:
    case = getattr(type(desk)(new_rows()).report("r1")[0], "case")  # noqa: B009
    assert desk.command(kind, "r1" if by == "the report" else case, until=desk.now + HOUR) == []
    said = kinds(desk.report("r1"))
    assert said[:2] == ["ProblemOpened", "EscalationRaised"]
    assert len(said) > 2
    assert desk.pages(HOUR - MINUTE) == []


# until, before or after now, None: none
NO_TIME: dict[str, int | None] = {"no time": None, "a time that is over": -1, "now": 0}


@pytest.mark.parametrize("until", NO_TIME.values(), ids=list(NO_TIME))
def test_a_snooze_without_a_time_to_come_is_dead(desk: Desk, until: int | None) -> None:
    desk.report("r1")
    (letter,) = desk.decisions("snooze", "r1", until=None if until is None else desk.now + until)
    assert isinstance(letter, DeadLetter)
    assert letter.reason == "command_not_valid"


def test_a_choice_about_nothing_known_is_kept_and_then_dead(desk: Desk) -> None:
    assert desk.command("choose", "m1") == []
    desk.now += desk.config.kept_ttl
    assert desk.rows.next_due(desk.now) == "kept/acme/m1"
    (letter,) = fire("kept/acme/m1", desk.rows, desk.now, desk.config)
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, getattr(letter.event, "choice", None)) == ("command_without_case", "wait")


def test_the_commands_that_a_case_remembers_are_bounded(desk: Desk) -> None:
    desk.report("r1")
    for number in range(50):
        desk.command("acknowledge", "r1", f"c{number}")
    assert len(desk.case.commands) == 8


@pytest.mark.parametrize("name", ["r1", "r3", "r5"])
def test_a_case_may_be_answered_hours_later_by_what_people_were_told(desk: Desk, name: str) -> None:
    """r1 raised it, a page named r3, r5 is the last; r2 and r4 nobody needs to know, and they are forgotten."""
    for each in ("r1", "r2", "r3"):
        desk.report(each)
    desk.pages(6 * MINUTE)
    desk.command("snooze", "r1", "c1", until=desk.now + DAY)
    for each in ("r4", "r5"):
        desk.report(each)
    for _ in range(20):
        desk.wait(HOUR)
    assert sorted(key for key in desk.rows.rows if key.startswith("seen/")) == [
        "seen/acme/r1", "seen/acme/r3", "seen/acme/r5",
    ]  # fmt: skip
    assert kinds(desk.command("acknowledge", name, "c2")) == ["EscalationAcknowledged"]


def test_what_was_named_is_forgotten_in_the_end(desk: Desk) -> None:
    desk.report("r1")
    desk.pages(6 * MINUTE)
    desk.command("resolve", "r1")
    for _ in range(3):
        desk.wait(desk.config.case_ttl)
    assert desk.rows.rows == {}
