"""Who is notified of a time-out and of what; what a person may choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.harness.time_out_bus import BOOK, CONFIG, OFFER, QUICK, Bus, events, notices, notifications
from tests.harness.waiting import START, TENANT, Story, config_with
from tocsin.schemas.events import (
    CommandIssued,
    CommandKind,
    DeliveryRequested,
)
from tocsin.streams.rules.config import Silence
from tocsin.streams.rules.decision import DeadLetter
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.timeouts.chosen import choose
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import HOUR, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows


def test_the_event_and_the_notification(rows: DictRows) -> None:
    bus = Bus(rows)
    assert bus.send(0) == []
    decided = bus.until(10)
    (notice,) = notices(decided)
    assert notice.cause == "activity-1"
    assert notice.traceparent == "00-1-2-01"
    assert (notice.message_id, notice.message_type, notice.thread_id) == ("offer-1", OFFER, "t")
    assert (notice.connection, notice.waited, notice.expected) == ("lighthouse", 10 * SECOND, 10 * SECOND)
    assert (notice.choice, notice.learned, notice.endpoints) == ("wait", False, ["late"])
    ((endpoint, body),) = notifications(decided)
    assert endpoint == "late"
    assert body["type"] == "timeout.noticed"
    data = body["data"]
    assert (data["event_id"], data["case"], data["tenant"]) == (notice.event_id, notice.case, TENANT)
    assert (data["choice"], data["waited_seconds"], data["expected_seconds"]) == ("wait", 10.0, 10.0)
    assert data["problem"]["code"] == "w.p.req.time"
    assert data["problem"]["severity"] == "warning"
    (request,) = [event for event in events(decided) if isinstance(event, DeliveryRequested)]
    assert request.lane == f"{TENANT}/t"


def test_a_retry_says_what_to_send_again_and_when(rows: DictRows) -> None:
    bus = Bus(rows)
    bus.send(0)
    _, (notice, *_) = notices(bus.until(10)), notices(bus.until(20))
    assert (notice.choice, notice.retry_of, notice.attempt) == ("retry", "offer-1", 2)
    assert notice.retry_at is not None
    assert 20 * SECOND <= notice.retry_at - notice.occurred_at <= 22 * SECOND


def test_without_a_route_the_default_endpoint_is_notified(rows: DictRows) -> None:
    bus = Bus(rows, config_with(QUICK, book=msgspec.structs.replace(BOOK, routes=())))
    bus.send(0)
    assert [endpoint for endpoint, _ in notifications(bus.until(10))] == ["fallback"]


def test_a_silence_keeps_it_quiet_but_the_event_is_there(rows: DictRows) -> None:
    silence = Silence(name="dry dock", match=Match.of(code=("w.p.req.time",)), since=0, until=START + HOUR)
    bus = Bus(rows, msgspec.structs.replace(CONFIG, silences=(silence,)))
    bus.send(0)
    decided = bus.until(10)
    assert [notice.endpoints for notice in notices(decided)] == [[]]
    assert notifications(decided) == []


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
    assert choose(story.turn(), issued)
    story.until(3599)
    assert story.noticed() == []
    story.until(3600)
    assert len(story.noticed()) == 1


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
    assert not choose(Turn(rows, START, CONFIG, TENANT), issued)
