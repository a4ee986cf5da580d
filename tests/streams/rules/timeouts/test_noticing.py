"""Who is told of a time-out and what; what a person may choose; how its escalation begins and ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from waiting import START, TENANT, Story, config_with

from tocsin.schemas.events import (
    ActivityKind,
    ActivityObserved,
    CommandIssued,
    CommandKind,
    DeliveryRequested,
    EscalationRaised,
    ProblemResolved,
    TimeoutNoticed,
)
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.decide import decide, fire
from tocsin.streams.rules.decision import INBOX, DeadLetter, Decision, Emit
from tocsin.streams.rules.policies import EscalationPolicy, Step, TimeoutPolicy
from tocsin.streams.rules.rows import CaseRow, EscalationRow, row_key
from tocsin.streams.rules.rulebook import Endpoint, Match, Route, RuleBook, Silence
from tocsin.streams.rules.spans import HOUR, MINUTE, SECOND
from tocsin.streams.rules.timeouts.expecting import choose
from tocsin.streams.rules.timeouts.noticing import GIVEN_UP

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

OFFER = "https://didcomm.org/issue-credential/2.0/offer-credential"
QUICK = TimeoutPolicy(floor=10 * SECOND, unlearned=10 * SECOND, waits=1, retries=1, backoff=20 * SECOND)
BOOK = RuleBook(
    endpoints={
        "owner": Endpoint(name="owner", sink="memory"),
        "peer": Endpoint(name="peer", sink="memory", audience="peer"),
        "late": Endpoint(name="late", sink="memory"),
        "fallback": Endpoint(name="fallback", sink="memory"),
    },
    default_endpoint="fallback",
    routes=(
        Route(name="late", match=Match(codes=("w.p.req.time",)), endpoints=("late", "peer")),
        Route(name="over", match=Match(codes=("e.p.req.time",)), endpoints=("owner",), escalate="night"),
    ),
    escalations={"night": EscalationPolicy(name="night", steps=(Step(wait=MINUTE, endpoints=("owner",)),))},
)
CONFIG = config_with(QUICK, book=BOOK)


class Bus:
    """The whole of `decide`, with its timers."""

    def __init__(self, rows: DictRows, config: DecideConfig = CONFIG) -> None:
        self.rows, self.config, self.number = rows, config, 0

    def send(self, at: int, message_type: str = OFFER, message_id: str = "offer-1") -> list[Decision]:
        return self._activity(at, ActivityKind.MESSAGE_SENT, message_type, message_id)

    def reply(self, at: int) -> list[Decision]:
        return self._activity(at, ActivityKind.MESSAGE_RECEIVED, "answer", "answer-1")

    def command(self, at: int, kind: CommandKind, target: str, choice: str | None = None) -> list[Decision]:
        issued = CommandIssued(
            event_id=f"command-{at}",
            tenant=TENANT,
            occurred_at=START + at * SECOND,
            recorded_at=START + at * SECOND,
            kind=kind,
            target=target,
            by="the keeper",
            choice=choice,
        )
        return decide(issued, self.rows, START + at * SECOND, self.config)

    def until(self, at: int) -> list[Decision]:
        decisions: list[Decision] = []
        while (key := self.rows.next_due(START + at * SECOND)) is not None:
            decisions += fire(key, self.rows, self.rows.dues[key], self.config)
        return decisions

    def _activity(self, at: int, kind: ActivityKind, message_type: str, message_id: str) -> list[Decision]:
        self.number += 1
        activity = ActivityObserved(
            event_id=f"activity-{self.number}",
            tenant=TENANT,
            occurred_at=START + at * SECOND,
            recorded_at=START + at * SECOND,
            traceparent="00-1-2-01",
            kind=kind,
            message_type=message_type,
            message_id=message_id,
            thread_id="t",
            connection="lighthouse",
        )
        return decide(activity, self.rows, START + at * SECOND, self.config)


def events(decisions: list[Decision]) -> list[object]:
    return [one.event for one in decisions if isinstance(one, Emit)]


def notices(decisions: list[Decision]) -> list[TimeoutNoticed]:
    return [event for event in events(decisions) if isinstance(event, TimeoutNoticed)]


def letters(decisions: list[Decision]) -> list[tuple[str, dict[str, Any]]]:
    """Endpoint and body of each delivery that is asked for."""
    asked = [event for event in events(decisions) if isinstance(event, DeliveryRequested)]
    return [(request.endpoint, json.loads(request.body)) for request in asked]


def test_the_event_and_the_letter(rows: DictRows) -> None:
    bus = Bus(rows)
    assert bus.send(0) == []
    told = bus.until(10)
    (notice,) = notices(told)
    assert notice.cause == "activity-1"
    assert notice.traceparent == "00-1-2-01"
    assert (notice.message_id, notice.message_type, notice.thread_id) == ("offer-1", OFFER, "t")
    assert (notice.connection, notice.waited, notice.expected) == ("lighthouse", 10 * SECOND, 10 * SECOND)
    assert (notice.choice, notice.learned, notice.endpoints) == ("wait", False, ["late"])
    ((endpoint, body),) = letters(told)
    assert endpoint == "late"
    assert body["type"] == "timeout.noticed"
    data = body["data"]
    assert (data["event_id"], data["case"], data["tenant"]) == (notice.event_id, notice.case, TENANT)
    assert (data["choice"], data["waited_seconds"], data["expected_seconds"]) == ("wait", 10.0, 10.0)
    assert data["problem"]["code"] == "w.p.req.time"
    assert data["problem"]["severity"] == "warning"
    (request,) = [event for event in events(told) if isinstance(event, DeliveryRequested)]
    assert request.lane == f"{TENANT}/t"


def test_a_retry_says_what_to_send_again_and_when(rows: DictRows) -> None:
    bus = Bus(rows)
    bus.send(0)
    _, (notice, *_) = notices(bus.until(10)), notices(bus.until(20))
    assert (notice.choice, notice.retry_of, notice.attempt) == ("retry", "offer-1", 2)
    assert notice.retry_at is not None
    assert 20 * SECOND <= notice.retry_at - notice.occurred_at <= 22 * SECOND


def test_without_a_route_the_default_endpoint_is_told(rows: DictRows) -> None:
    bus = Bus(rows, config_with(QUICK, book=msgspec.structs.replace(BOOK, routes=())))
    bus.send(0)
    assert [endpoint for endpoint, _ in letters(bus.until(10))] == ["fallback"]


def test_a_silence_keeps_it_quiet_but_the_event_is_there(rows: DictRows) -> None:
    silence = Silence(name="dry dock", match=Match(codes=("w.p.req.time",)), since=0, until=START + HOUR)
    bus = Bus(rows, msgspec.structs.replace(CONFIG, silences=(silence,)))
    bus.send(0)
    told = bus.until(10)
    assert [notice.endpoints for notice in notices(told)] == [[]]
    assert letters(told) == []


@pytest.fixture
def given_up(rows: DictRows) -> tuple[Bus, list[Decision]]:
    bus = Bus(rows)
    bus.send(0)
    return bus, bus.until(59)


def test_giving_up_opens_a_case_and_escalates(given_up: tuple[Bus, list[Decision]]) -> None:
    bus, told = given_up
    assert [notice.choice for notice in notices(told)] == ["wait", "retry", "give_up"]
    last = notices(told)[-1]
    case = bus.rows.get(row_key("case", TENANT, last.case or ""))
    assert isinstance(case, CaseRow)
    assert (case.status, case.code, case.thread, case.survivor) == ("open", GIVEN_UP, "t", last.event_id)
    (raised,) = [event for event in events(told) if isinstance(event, EscalationRaised)]
    assert (raised.case, raised.policy, raised.cause) == (last.case, "night", last.event_id)


def test_the_escalation_does_not_step_when_somebody_acknowledges(given_up: tuple[Bus, list[Decision]]) -> None:
    bus, told = given_up
    case = notices(told)[-1].case or ""
    bus.command(70, CommandKind.ACKNOWLEDGE, case)
    assert letters(bus.until(3600)) == []


def test_it_steps_when_nobody_does(given_up: tuple[Bus, list[Decision]]) -> None:
    bus, _ = given_up
    assert [(endpoint, body["type"]) for endpoint, body in letters(bus.until(120))] == [("owner", "escalation.stepped")]


def test_a_reply_after_all_resolves_the_case(given_up: tuple[Bus, list[Decision]]) -> None:
    bus, told = given_up
    case = notices(told)[-1].case or ""
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


@pytest.mark.parametrize("by", ["thread", "message", "notice"])
def test_a_person_may_name_the_thread_the_message_or_the_notice(rows: DictRows, by: str) -> None:
    bus = Bus(rows)
    bus.send(0)
    (notice,) = notices(bus.until(10))
    target = {"thread": "t", "message": "offer-1", "notice": notice.event_id}[by]
    (chosen, *_) = notices(bus.command(12, CommandKind.CHOOSE, target, "retry"))
    assert (chosen.choice, chosen.cause, chosen.attempt) == ("retry", "command-12", 2)
    assert chosen.retry_at == chosen.occurred_at


def test_wait_until_a_time(rows: DictRows) -> None:
    story = Story(rows, CONFIG, connection=None).play(f"0 sent {OFFER}")
    issued = CommandIssued(
        event_id="c",
        tenant=TENANT,
        occurred_at=START,
        recorded_at=START,
        kind=CommandKind.CHOOSE,
        target="t",
        by="the keeper",
        choice="wait",
        until=START + HOUR,
    )
    assert choose(issued, rows, START, CONFIG)
    story.until(3599)
    assert story.told() == []
    story.until(3600)
    assert len(story.told()) == 1


def test_a_choice_that_there_is_not(rows: DictRows) -> None:
    bus = Bus(rows)
    bus.send(0)
    (dead,) = bus.command(5, CommandKind.CHOOSE, "t", "dance")
    assert isinstance(dead, DeadLetter)
    assert dead.reason == "choice_unknown"


def test_nothing_is_known_of_the_target(rows: DictRows) -> None:
    issued = CommandIssued(
        event_id="c",
        tenant=TENANT,
        occurred_at=START,
        recorded_at=START,
        kind=CommandKind.CHOOSE,
        target="nothing",
        by="the keeper",
        choice="wait",
    )
    assert choose(issued, rows, START, CONFIG) is None
