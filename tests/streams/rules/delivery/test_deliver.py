"""What becomes of a delivery: the plain cases, one by one. `test_deliver_model.py` mixes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.harness.unanswered import deliver
from tocsin.connectors.outcomes import Reason
from tocsin.schemas.events import (
    DeliveryAttempt,
    DeliveryOutcome,
    DeliveryRequested,
    EndpointCommand,
    EndpointCommandKind,
    Outcome,
    Tick,
)
from tocsin.streams.rules.decision import DeadLetter, Decision, Emit
from tocsin.streams.rules.delivery.deliver import fire
from tocsin.streams.rules.delivery.schedule import DeliverConfig, hold_limit
from tocsin.streams.rules.policies import DeliveryPolicy
from tocsin.streams.rules.state import FinishedRow
from tocsin.streams.rules.values import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

NOW = 1_800_000_000_000_000
CONFIG = DeliverConfig(policy=DeliveryPolicy(hold_count=2, breaker_failures=0, throttle=0, disabled_after=0))
"""Without what test_gate.py is about."""


def a_request(delivery_id: str = "d1", lane: str | None = None, endpoint: str = "owner") -> DeliveryRequested:
    return DeliveryRequested(
        event_id=f"request of {delivery_id}",
        tenant="acme",
        occurred_at=NOW,
        recorded_at=NOW,
        cause="opened",
        traceparent="00-1-2-01",
        delivery_id=delivery_id,
        endpoint=endpoint,
        lane=lane,
        case="c",
        about="r",
        content_type="application/json",
        body=b"{}",
        peer="did:peer:2.theirs",
        own="did:peer:2.ours",
        connection="with them",
    )


def an_outcome(
    delivery_id: str = "d1", attempt: int = 1, outcome: Outcome = Outcome.RETRY_LATER, retry_after: int | None = None
) -> DeliveryOutcome:
    return DeliveryOutcome(
        event_id="o",
        tenant="acme",
        occurred_at=NOW,
        recorded_at=NOW,
        delivery_id=delivery_id,
        endpoint="owner",
        attempt=attempt,
        outcome=outcome,
        reason="server_error",
        status=503,
        retry_after=retry_after,
        duration=1,
    )


def a_command(kind: EndpointCommandKind) -> EndpointCommand:
    return EndpointCommand(
        event_id="e", tenant="", occurred_at=NOW, recorded_at=NOW, endpoint="owner", kind=kind, by="ann"
    )


def outline(decisions: list[Decision]) -> list[tuple[str, object]]:
    """(delivery id, attempt number or reason of death) of each decision."""
    found: list[tuple[str, object]] = []
    for one in decisions:
        if isinstance(one, DeadLetter):
            assert isinstance(one.event, DeliveryRequested)
            found.append((one.event.delivery_id, one.reason))
        else:
            assert isinstance(one.event, DeliveryAttempt)
            assert (one.topic, one.key) == ("attempts", one.event.endpoint)
            found.append((one.event.delivery_id, one.event.attempt))
    return found


def run_timers(rows: DictRows, now: int, config: DeliverConfig = CONFIG) -> list[tuple[str, object]]:
    found = []
    while (key := rows.next_due(now)) is not None:
        found += outline(fire(key, rows, now, config))
        assert (rows.due(key) or now + 1) > now
    return found


def test_a_request_is_attempted_at_once_with_everything_it_carried(rows: DictRows) -> None:
    (decided,) = deliver(a_request(lane="acme/t"), rows, NOW, CONFIG)
    assert isinstance(decided, Emit)
    attempt = decided.event
    assert isinstance(attempt, DeliveryAttempt)
    assert (attempt.delivery_id, attempt.attempt, attempt.lane, attempt.body) == ("d1", 1, "acme/t", b"{}")
    assert (attempt.about, attempt.tenant, attempt.traceparent) == ("r", "acme", "00-1-2-01")
    assert attempt.cause == "request of d1"
    assert (attempt.peer, attempt.own, attempt.connection) == ("did:peer:2.theirs", "did:peer:2.ours", "with them")


def test_a_delivered_one_is_done_and_forgotten_later(rows: DictRows) -> None:
    deliver(a_request(), rows, NOW, CONFIG)
    assert deliver(an_outcome(outcome=Outcome.DELIVERED), rows, NOW, CONFIG) == []
    assert deliver(a_request(), rows, NOW + 1, CONFIG) == [], "a repeat of the request is absorbed"
    assert run_timers(rows, NOW + CONFIG.finished_ttl) == []
    assert not rows.rows


@pytest.mark.parametrize("lane", [None, "t"])
def test_a_dead_one_that_is_replayed_has_the_whole_schedule_again(rows: DictRows, lane: str | None) -> None:
    attempts = len(CONFIG.policy.schedule)
    deliver(a_request(lane=lane), rows, NOW, CONFIG)
    for life, now in enumerate((NOW, NOW + 8 * DAY)):
        for attempt in range(life * attempts + 1, (life + 1) * attempts):
            assert deliver(an_outcome(attempt=attempt), rows, now, CONFIG) == []
            now = rows.dues["delivery/owner/d1"]
            assert run_timers(rows, now) == [("d1", attempt + 1)]
        last = (life + 1) * attempts
        assert outline(deliver(an_outcome(attempt=last), rows, now, CONFIG)) == [("d1", "exhausted")]
        assert outline(deliver(a_request(lane=lane), rows, now, CONFIG)) == [("d1", last + 1)], "numbered on"
        late = an_outcome(attempt=last, outcome=Outcome.REJECTED)
        assert deliver(late, rows, now, CONFIG) == [], "an outcome of the life before"
    deliver(an_outcome(attempt=2 * attempts + 1, outcome=Outcome.DELIVERED), rows, now, CONFIG)
    assert deliver(a_request(lane=lane), rows, now, CONFIG) == [], "it is done"
    assert "lane/owner/t" not in rows.rows


def test_a_replayed_one_stands_at_the_end_of_its_lane(rows: DictRows) -> None:
    for name in ("d1", "d2", "d3"):
        deliver(a_request(name, "t"), rows, NOW, CONFIG)
    assert outline(deliver(an_outcome("d1", outcome=Outcome.REJECTED), rows, NOW, CONFIG))[-1] == ("d2", 1)
    assert deliver(a_request("d1", "t"), rows, NOW, CONFIG) == []
    assert outline(deliver(an_outcome("d2", outcome=Outcome.DELIVERED), rows, NOW, CONFIG)) == [("d3", 1)]
    assert outline(deliver(an_outcome("d3", outcome=Outcome.DELIVERED), rows, NOW, CONFIG)) == [("d1", 2)]


def test_an_endpoint_that_is_gone_is_disabled_at_once(rows: DictRows) -> None:
    deliver(a_request("d1", "t"), rows, NOW, CONFIG)
    deliver(a_request("d2", "t"), rows, NOW, CONFIG)
    gone = msgspec.structs.replace(an_outcome(outcome=Outcome.REJECTED), reason=Reason.GONE.value, status=410)
    (dead,) = deliver(gone, rows, NOW, CONFIG)
    assert isinstance(dead, DeadLetter)
    assert (dead.reason, dead.detail) == ("gone", "gone (410)")
    assert deliver(a_request("d3"), rows, NOW, CONFIG) == []
    assert run_timers(rows, NOW + DAY) == []
    decided = outline(deliver(a_command(EndpointCommandKind.ENABLE), rows, NOW + DAY, CONFIG))
    assert sorted(map(str, decided)) == ["('d2', 1)", "('d3', 1)"]


def test_an_endpoint_that_is_removed_stays_so_when_it_is_gone(rows: DictRows) -> None:
    deliver(a_request("d1"), rows, NOW, CONFIG)
    deliver(a_command(EndpointCommandKind.REMOVE), rows, NOW, CONFIG)
    gone = msgspec.structs.replace(an_outcome(outcome=Outcome.REJECTED), reason=Reason.GONE.value)
    assert outline(deliver(gone, rows, NOW, CONFIG)) == [("d1", "gone")]
    assert outline(deliver(a_request("d2"), rows, NOW, CONFIG)) == [("d2", "endpoint_removed")]


def test_the_schedule_to_its_end(rows: DictRows) -> None:
    now = NOW
    decided = outline(deliver(a_request(), rows, now, CONFIG))
    for attempt, delay in enumerate((*CONFIG.policy.schedule[1:], None), start=1):
        assert decided == [("d1", attempt)]
        decided = outline(deliver(an_outcome(attempt=attempt), rows, now, CONFIG))
        if delay is None:
            break
        assert decided == []
        due = rows.due("delivery/owner/d1")
        assert due is not None
        assert due >= now + delay
        assert run_timers(rows, due - 1) == []
        now = due
        decided = run_timers(rows, now)
    assert decided == [("d1", "exhausted")]
    assert run_timers(rows, now + DAY) == []


@pytest.mark.parametrize("how", ["tried again", "held in its lane", "lost", "replayed"])
def test_whom_it_tells_stays_the_same_however_it_comes_to_be_attempted(rows: DictRows, how: str) -> None:
    deliver(a_request("d0" if how == "held in its lane" else "d1", lane="acme/t"), rows, NOW, CONFIG)
    match how:
        case "tried again":
            assert outline(deliver(an_outcome(), rows, NOW, CONFIG)) == []
            decided = fire(str(rows.next_due(NOW + HOUR)), rows, NOW + HOUR, CONFIG)
        case "held in its lane":
            assert deliver(a_request("d1", lane="acme/t"), rows, NOW, CONFIG) == []
            decided = deliver(an_outcome("d0", outcome=Outcome.DELIVERED), rows, NOW, CONFIG)
        case "lost":
            decided = fire(str(rows.next_due(NOW + HOUR)), rows, NOW + HOUR, CONFIG)
        case _:
            (dead,) = deliver(an_outcome(outcome=Outcome.REJECTED), rows, NOW, CONFIG)
            assert isinstance(dead, DeadLetter)
            assert isinstance(dead.event, DeliveryRequested)
            decided = deliver(dead.event, rows, NOW + HOUR, CONFIG)
    (attempt,) = [one.event for one in decided if isinstance(one, Emit)]
    assert isinstance(attempt, DeliveryAttempt)
    assert attempt.delivery_id == "d1"
    assert (attempt.peer, attempt.own, attempt.connection) == ("did:peer:2.theirs", "did:peer:2.ours", "with them")


def test_a_dead_letter_holds_what_is_needed_to_try_again(rows: DictRows) -> None:
    deliver(a_request(lane="acme/t"), rows, NOW, CONFIG)
    (dead,) = deliver(an_outcome(outcome=Outcome.REJECTED), rows, NOW, CONFIG)
    assert dead == DeadLetter(
        stage="deliver",
        reason="rejected",
        detail="server_error (503)",
        topic="deliveries",
        key="owner",
        event=a_request(lane="acme/t"),
        attempts=1,
    )


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param(an_outcome("unknown"), id="of an unknown delivery"),
        pytest.param(an_outcome(attempt=2), id="of an attempt that was never made"),
        pytest.param(an_outcome(attempt=0, outcome=Outcome.DELIVERED), id="delivered, of attempt 0"),
    ],
)
def test_outcomes_that_do_not_count(rows: DictRows, outcome: DeliveryOutcome) -> None:
    deliver(a_request(), rows, NOW, CONFIG)
    before = dict(rows.rows)
    assert deliver(outcome, rows, NOW, CONFIG) == []
    assert rows.rows == before


def test_a_second_outcome_of_the_same_attempt_is_absorbed(rows: DictRows) -> None:
    deliver(a_request(), rows, NOW, CONFIG)
    deliver(an_outcome(), rows, NOW, CONFIG)
    due = rows.due("delivery/owner/d1")
    assert deliver(an_outcome(), rows, NOW + HOUR, CONFIG) == []
    assert deliver(an_outcome(outcome=Outcome.REJECTED), rows, NOW + HOUR, CONFIG) == []
    assert rows.due("delivery/owner/d1") == due


def test_a_late_success_counts_while_the_delivery_waits_but_not_in_flight(rows: DictRows) -> None:
    deliver(a_request(), rows, NOW, CONFIG)
    deliver(an_outcome(), rows, NOW, CONFIG)
    assert run_timers(rows, NOW + MINUTE) == [("d1", 2)]
    deliver(an_outcome(attempt=1, outcome=Outcome.DELIVERED), rows, NOW + MINUTE, CONFIG)
    deliver(an_outcome(attempt=2), rows, NOW + MINUTE, CONFIG)
    deliver(an_outcome(attempt=1, outcome=Outcome.DELIVERED), rows, NOW + MINUTE, CONFIG)
    assert run_timers(rows, NOW + DAY) == []


def test_an_outcome_of_a_newer_kind_is_tried_again(rows: DictRows) -> None:
    deliver(a_request(), rows, NOW, CONFIG)
    assert deliver(an_outcome(outcome=Outcome.UNKNOWN), rows, NOW, CONFIG) == []
    assert run_timers(rows, NOW + MINUTE) == [("d1", 2)]


def test_a_lost_outcome_leads_to_the_same_attempt_again_ever_more_rarely(rows: DictRows) -> None:
    (first,) = deliver(a_request(), rows, NOW, CONFIG)
    now, gaps = NOW, []
    for _ in range(9):
        due = rows.due("delivery/owner/d1")
        assert due is not None
        gaps.append((due - now) // MINUTE)
        now = due
        (again,) = fire("delivery/owner/d1", rows, now, CONFIG)
        assert isinstance(first, Emit)
        assert isinstance(again, Emit)
        assert again.event.event_id == first.event.event_id
    assert gaps == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert deliver(an_outcome(outcome=Outcome.DELIVERED), rows, now, CONFIG) == []
    assert run_timers(rows, now + DAY) == []


def test_a_lane_is_strict_and_others_are_independent(rows: DictRows) -> None:
    assert outline(deliver(a_request("d1", "t"), rows, NOW, CONFIG)) == [("d1", 1)]
    assert outline(deliver(a_request("d2", "t"), rows, NOW, CONFIG)) == []
    assert outline(deliver(a_request("d3", "u"), rows, NOW, CONFIG)) == [("d3", 1)]
    assert outline(deliver(a_request("d4", None), rows, NOW, CONFIG)) == [("d4", 1)]
    assert outline(deliver(an_outcome("d1"), rows, NOW, CONFIG)) == []
    assert run_timers(rows, NOW + 6 * SECOND) == [("d1", 2)]
    done = an_outcome("d1", 2, Outcome.DELIVERED)
    assert outline(deliver(done, rows, NOW + 6 * SECOND, CONFIG)) == [("d2", 1)]
    assert outline(deliver(an_outcome("d2", 1, Outcome.DELIVERED), rows, NOW + 7 * SECOND, CONFIG)) == []
    assert "lane/owner/t" not in rows.rows


def test_a_rejected_one_gives_way(rows: DictRows) -> None:
    deliver(a_request("d1", "t"), rows, NOW, CONFIG)
    deliver(a_request("d2", "t"), rows, NOW, CONFIG)
    decided = outline(deliver(an_outcome("d1", outcome=Outcome.REJECTED), rows, NOW, CONFIG))
    assert decided == [("d1", "rejected"), ("d2", 1)]


def test_a_lane_holds_so_many_and_no_more(rows: DictRows) -> None:
    for name in ("d1", "d2", "d3"):
        deliver(a_request(name, "t"), rows, NOW, CONFIG)
    assert outline(deliver(a_request("d4", "t"), rows, NOW, CONFIG)) == [("d4", "held_too_long")]


def test_a_lane_holds_so_long_and_no_longer(rows: DictRows) -> None:
    config = DeliverConfig(policy=DeliveryPolicy(hold_time=4 * SECOND))
    deliver(a_request("d1", "t"), rows, NOW, config)
    deliver(a_request("d2", "t"), rows, NOW, config)
    deliver(a_request("d3", "t"), rows, NOW + SECOND, config)
    assert run_timers(rows, NOW + 4 * SECOND - 1, config) == []
    assert run_timers(rows, NOW + 4 * SECOND, config) == [("d2", "held_too_long")]
    done = an_outcome("d1", outcome=Outcome.DELIVERED)
    assert outline(deliver(done, rows, NOW + 4 * SECOND, config)) == [("d3", 1)]


def test_by_default_a_lane_holds_for_as_long_as_the_schedule() -> None:
    assert hold_limit(DeliveryPolicy()) > sum(DeliveryPolicy().schedule)


@pytest.mark.parametrize(
    ("size", "decided"),
    [
        pytest.param(CONFIG.max_body, [("d1", 1)], id="at the limit"),
        pytest.param(CONFIG.max_body + 1, [("d1", "too_large")], id="one byte over it"),
    ],
)
def test_the_size_of_a_body(rows: DictRows, size: int, decided: list[tuple[str, object]]) -> None:
    request = msgspec.structs.replace(a_request(lane="t"), body=b"x" * size)
    assert outline(deliver(request, rows, NOW, CONFIG)) == decided
    again = [one for one in decided if one[1] == "too_large"]
    assert outline(deliver(request, rows, NOW, CONFIG)) == again, "as dead as before, or absorbed"


def test_a_disabled_endpoint_is_left_alone_until_it_is_enabled(rows: DictRows) -> None:
    deliver(a_request("d1", "t"), rows, NOW, CONFIG)
    deliver(a_command(EndpointCommandKind.DISABLE), rows, NOW, CONFIG)
    deliver(an_outcome("d1"), rows, NOW, CONFIG)
    deliver(a_request("d2", "t"), rows, NOW, CONFIG)
    deliver(a_request("d3"), rows, NOW, CONFIG)
    assert run_timers(rows, NOW + HOUR) == []
    decided = outline(deliver(a_command(EndpointCommandKind.ENABLE), rows, NOW + HOUR, CONFIG))
    assert sorted(map(str, decided)) == ["('d1', 2)", "('d3', 1)"]
    assert outline(deliver(an_outcome("d1", 2, Outcome.DELIVERED), rows, NOW + HOUR, CONFIG)) == [("d2", 1)]
    assert "endpoint/owner" not in rows.rows


def test_an_outcome_that_comes_while_the_endpoint_is_disabled_counts(rows: DictRows) -> None:
    deliver(a_request(), rows, NOW, CONFIG)
    deliver(a_command(EndpointCommandKind.DISABLE), rows, NOW, CONFIG)
    assert run_timers(rows, NOW + HOUR) == []
    deliver(an_outcome(outcome=Outcome.DELIVERED), rows, NOW + HOUR, CONFIG)
    assert deliver(a_command(EndpointCommandKind.ENABLE), rows, NOW + HOUR, CONFIG) == []
    row = rows.get("delivery/owner/d1")
    assert isinstance(row, FinishedRow)
    assert row.state == "done"


def test_an_attempt_in_flight_when_the_endpoint_is_disabled_keeps_its_number(rows: DictRows) -> None:
    deliver(a_request(), rows, NOW, CONFIG)
    deliver(a_command(EndpointCommandKind.DISABLE), rows, NOW, CONFIG)
    assert run_timers(rows, NOW + HOUR) == []
    assert outline(deliver(a_command(EndpointCommandKind.ENABLE), rows, NOW + HOUR, CONFIG)) == []
    assert run_timers(rows, NOW + 3 * HOUR)[0] == ("d1", 1)


def test_an_endpoint_that_stays_disabled(rows: DictRows) -> None:
    deliver(a_command(EndpointCommandKind.DISABLE), rows, NOW, CONFIG)
    for name in ("d1", "d2"):
        deliver(a_request(name, "t"), rows, NOW + DAY, CONFIG)
    assert run_timers(rows, NOW + DAY + CONFIG.disabled_limit - 1) == [], "d2 is held behind one that is parked"
    assert run_timers(rows, NOW + DAY + CONFIG.disabled_limit) == [("d1", "endpoint_disabled")]
    assert outline(deliver(a_command(EndpointCommandKind.ENABLE), rows, NOW + 9 * DAY, CONFIG)) == [("d2", 1)]


def test_a_removed_endpoint_ends_all_its_deliveries(rows: DictRows) -> None:
    deliver(a_request("waiting"), rows, NOW, CONFIG)
    deliver(an_outcome("waiting"), rows, NOW, CONFIG)
    deliver(a_request("in flight", "t"), rows, NOW, CONFIG)
    deliver(a_request("held", "t"), rows, NOW, CONFIG)
    deliver(a_request("lost"), rows, NOW, CONFIG)
    assert deliver(a_command(EndpointCommandKind.REMOVE), rows, NOW, CONFIG) == []
    assert outline(deliver(a_request("late", "u"), rows, NOW, CONFIG)) == [("late", "endpoint_removed")]
    decided = outline(deliver(an_outcome("in flight", outcome=Outcome.DELIVERED), rows, NOW, CONFIG))
    assert decided == [("held", "endpoint_removed")]
    assert run_timers(rows, NOW + MINUTE) == [("waiting", "endpoint_removed"), ("lost", "endpoint_removed")]
    assert set(rows.rows) & {"lane/owner/t", "lane/owner/u"} == set()


def test_removing_a_disabled_endpoint_ends_what_is_parked_at_once(rows: DictRows) -> None:
    deliver(a_command(EndpointCommandKind.DISABLE), rows, NOW, CONFIG)
    deliver(a_request("d1", "t"), rows, NOW, CONFIG)
    deliver(a_request("d2", "t"), rows, NOW, CONFIG)
    decided = outline(deliver(a_command(EndpointCommandKind.REMOVE), rows, NOW, CONFIG))
    assert decided == [("d1", "endpoint_removed"), ("d2", "endpoint_removed")]


def test_a_crowd_is_enabled_in_steps(rows: DictRows) -> None:
    config = DeliverConfig(step_bytes=5_000)
    deliver(a_command(EndpointCommandKind.DISABLE), rows, NOW, config)
    for number in range(50):
        deliver(a_request(f"d{number}"), rows, NOW, config)
    first = outline(deliver(a_command(EndpointCommandKind.ENABLE), rows, NOW, config))
    assert len(first) == 5
    asked, seen, now = first, set[str](), NOW
    for _ in range(50):
        now += config.step_pause
        steps = [outline(deliver(an_outcome(name, outcome=Outcome.DELIVERED), rows, now, config)) for name, _ in asked]
        seen |= {name for name, _ in asked}
        asked = [one for step in steps for one in step] + run_timers(rows, now, config)
        assert all(len(step) <= 5 for step in steps)
    assert (len(seen), asked) == (50, [])


@pytest.mark.parametrize(
    ("kind", "reasons"),
    [
        pytest.param(EndpointCommandKind.REPLAY, [], id="a replay is the log reader's"),
        pytest.param(EndpointCommandKind.UNKNOWN, ["command_not_supported"], id="a newer kind"),
    ],
)
def test_other_commands(rows: DictRows, kind: EndpointCommandKind, reasons: list[str]) -> None:
    found = deliver(a_command(kind), rows, NOW, CONFIG)
    assert [one.reason for one in found if isinstance(one, DeadLetter)] == reasons
    assert not rows.rows


def test_a_tick_and_an_event_of_another_topic(rows: DictRows) -> None:
    tick = Tick(event_id="k", tenant="", occurred_at=0, recorded_at=0, partition=3)
    assert deliver(tick, rows, NOW, CONFIG) == []
    (decided,) = deliver(a_request(), rows, NOW, CONFIG)
    assert isinstance(decided, Emit)
    (dead,) = deliver(decided.event, rows, NOW, CONFIG)
    assert isinstance(dead, DeadLetter)
    assert dead.reason == "wrong_topic"
