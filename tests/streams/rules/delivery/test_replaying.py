"""What a request means that comes again, by its number and by what is remembered of its delivery."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.harness.unanswered import deliver
from tests.streams.rules.delivery.test_deliver import CONFIG, NOW, a_command, a_request, an_outcome, outline, run_timers
from tocsin.schemas.events import CommandOutcome, DeliveryAttempt, EndpointCommandKind, Outcome
from tocsin.streams.rules.decision import Decision, Emit
from tocsin.streams.rules.delivery import deliver as rules
from tocsin.streams.rules.delivery.schedule import DeliverConfig
from tocsin.streams.rules.policies import DeliveryPolicy
from tocsin.streams.rules.state import DeliveryRow, FinishedRow
from tocsin.streams.rules.values import HOUR, MINUTE

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

DELIVERED = Outcome.DELIVERED


def ask(rows: DictRows, replay: int = 0, name: str = "d1", lane: str | None = "t", now: int = NOW) -> list[Decision]:
    return deliver(replace(a_request(name, lane), replay=replay), rows, now, CONFIG)


def marks(decisions: list[Decision]) -> list[tuple[int, int]]:
    """Attempt number and replay number of each attempt that is asked for."""
    events = [one.event for one in decisions if isinstance(one, Emit)]
    return [(event.attempt, event.replay) for event in events if isinstance(event, DeliveryAttempt)]


def done(rows: DictRows) -> None:
    ask(rows, 1)
    deliver(an_outcome(outcome=DELIVERED), rows, NOW, CONFIG)


def dead(rows: DictRows) -> None:
    ask(rows, 1)
    deliver(an_outcome(outcome=Outcome.REJECTED), rows, NOW, CONFIG)


def in_flight(rows: DictRows) -> None:
    ask(rows, 1)


def waiting(rows: DictRows) -> None:
    ask(rows, 1)
    deliver(an_outcome(), rows, NOW, CONFIG)


def held(rows: DictRows) -> None:
    ask(rows, name="before it")
    ask(rows, 1)


def parked(rows: DictRows) -> None:
    deliver(a_command(EndpointCommandKind.DISABLE), rows, NOW, CONFIG)
    ask(rows, 1)


def nothing(rows: DictRows) -> None:
    """Nothing is remembered."""


# what is remembered, of replay 1 | asked for | (attempt, replay) that is asked for at once
REMEMBERED: dict[str, tuple[Callable[[DictRows], None], int, list[tuple[int, int]]]] = {
    "nothing, the first sending": (nothing, 0, [(1, 0)]),
    "nothing, a replay": (nothing, 3, [(1, 3)]),
    "done, a lower number": (done, 0, []),
    "done, the same number": (done, 1, []),
    "done, a higher number": (done, 2, [(2, 2)]),
    "dead, a lower number": (dead, 0, [(2, 1)]),
    "dead, the same number": (dead, 1, [(2, 1)]),
    "dead, a higher number": (dead, 2, [(2, 2)]),
    "in flight, the same number": (in_flight, 1, []),
    "in flight, a higher number": (in_flight, 2, []),
    "waiting, the same number": (waiting, 1, []),
    "waiting, a higher number": (waiting, 2, []),
    "held, a higher number": (held, 2, []),
    "parked, a higher number": (parked, 2, []),
}


@pytest.mark.parametrize(("before", "replay", "attempts"), REMEMBERED.values(), ids=list(REMEMBERED))
def test_what_a_request_means(
    rows: DictRows,
    before: Callable[[DictRows], None],
    replay: int,
    attempts: list[tuple[int, int]],
) -> None:
    before(rows)
    assert marks(ask(rows, replay)) == attempts
    assert ask(rows, replay) == [], "the same again is absorbed"


def test_what_was_asked_for_in_flight_is_sent_when_that_attempt_ends_and_keeps_its_turn(rows: DictRows) -> None:
    ask(rows)
    ask(rows, name="d2")
    assert ask(rows, 2) == []
    assert ask(rows, 1) == []
    again = deliver(an_outcome(outcome=DELIVERED), rows, NOW, CONFIG)
    assert marks(again) == [(2, 2)], "it was made before the replay was asked for"
    assert deliver(an_outcome(outcome=DELIVERED), rows, NOW, CONFIG) == []
    assert outline(deliver(an_outcome(attempt=2, outcome=DELIVERED), rows, NOW, CONFIG)) == [("d2", 1)]
    assert rows.get("delivery/owner/d1") == FinishedRow("done", 2, NOW, 2)


def test_what_was_asked_for_in_flight_is_dead_when_its_endpoint_is_removed(rows: DictRows) -> None:
    ask(rows)
    ask(rows, 1)
    deliver(a_command(EndpointCommandKind.REMOVE), rows, NOW, CONFIG)
    (letter,) = deliver(an_outcome(outcome=DELIVERED), rows, NOW, CONFIG)
    assert outline([letter]) == [("d1", "endpoint_removed")]
    assert letter.event == replace(a_request("d1", "t"), replay=1)
    assert "lane/owner/t" not in rows.rows


@pytest.mark.parametrize("asked_when", ["in flight", "waiting"])
def test_a_replay_has_the_whole_schedule(rows: DictRows, asked_when: str) -> None:
    config, now = DeliverConfig(policy=DeliveryPolicy(schedule=CONFIG.policy.schedule[:3])), NOW
    ask(rows)
    deliver(an_outcome(), rows, now, config)
    now = rows.dues["delivery/owner/d1"]
    if asked_when == "waiting":
        ask(rows, 1)
    assert run_timers(rows, now, config) == [("d1", 2)]
    if asked_when == "in flight":
        ask(rows, 1)
    found = []
    for attempt in range(2, 9):
        found += outline(deliver(an_outcome(attempt=attempt), rows, now, config))
        now += HOUR
        found += run_timers(rows, now, config)
    last = 4 if asked_when == "waiting" else 5
    assert found == [*[("d1", number) for number in range(3, last + 1)], ("d1", "exhausted")]


@pytest.mark.parametrize("before", [in_flight, waiting, parked, held], ids=lambda before: before.__name__)
def test_a_replay_has_the_whole_time_of_its_endpoint(rows: DictRows, before: Callable[[DictRows], None]) -> None:
    """`exhausted_after` counts from the replay on, and not from the sending before it."""
    config, asked_at = DeliverConfig(policy=DeliveryPolicy(exhausted_after=HOUR)), NOW + 59 * MINUTE
    before(rows)
    deliver(replace(a_request("d1", "t"), replay=2), rows, asked_at, config)
    now, found = asked_at + 2 * MINUTE, list[tuple[str, object]]()
    if before is in_flight:
        found += outline(deliver(an_outcome(outcome=DELIVERED), rows, now, config))
    elif before is held:
        found += outline(deliver(an_outcome("before it", outcome=DELIVERED), rows, now, config))
    elif before is parked:
        found += outline(deliver(a_command(EndpointCommandKind.ENABLE), rows, now, config))
    else:
        found += run_timers(rows, now, config)
    assert [attempt for name, attempt in found if name == "d1"] == [2 if before in (in_flight, waiting) else 1]
    again = deliver(an_outcome(attempt=int(str(found[-1][1]))), rows, asked_at + 2 * HOUR, config)
    assert outline(again) == [("d1", "exhausted")], "and no more than that"


def test_a_late_success_of_an_earlier_life_is_not_that_of_the_replay(rows: DictRows) -> None:
    ask(rows)
    deliver(an_outcome(), rows, NOW, CONFIG)
    ask(rows, 1)
    assert deliver(an_outcome(attempt=1, outcome=DELIVERED), rows, NOW, CONFIG) == []
    row = rows.get("delivery/owner/d1")
    assert isinstance(row, DeliveryRow)
    assert (row.state, row.replay) == ("waiting", 1)


@given(numbers=st.lists(st.integers(-1, 4), min_size=1, max_size=12), ends=st.lists(st.booleans(), max_size=12))
def test_each_number_is_sent_at_most_once_and_the_highest_is(
    new_rows: type[DictRows], numbers: list[int], ends: list[bool]
) -> None:
    """Requests in any order, outcomes anywhere between them: what is delivered rises, and its last is the highest."""
    rows, delivered, asked = new_rows(), list[int](), list[DeliveryAttempt]()

    def heard(decisions: list[Decision]) -> None:
        asked.extend(one.event for one in decisions if isinstance(one.event, DeliveryAttempt))

    def answer() -> None:
        row = rows.get("delivery/owner/d1")
        if isinstance(row, DeliveryRow):
            delivered.append(asked[-1].replay)
            heard(deliver(an_outcome(attempt=asked[-1].attempt, outcome=DELIVERED), rows, NOW, CONFIG))

    for number, end in zip(numbers, [*ends, *[False] * 12], strict=False):
        heard(ask(rows, number))
        if end:
            answer()
    answer()
    answer()
    assert delivered == sorted(set(delivered))
    assert delivered[-1:] == [max(0, *numbers)]
    assert [one.attempt for one in asked] == list(range(1, len(asked) + 1))


COMMANDS = {
    "a time": ({}, "enabled", CommandOutcome.DONE, "on record"),
    "of an endpoint that is off": ({}, "disabled", CommandOutcome.REFUSED, "it is disabled: enable it first"),
    "of an endpoint that is removed": ({}, "removed", CommandOutcome.REFUSED, "it is removed: enable it first"),
    "without its end": ({"until": None}, "enabled", CommandOutcome.REFUSED, "a replay has a time"),
    "without its start": ({"since": None}, "enabled", CommandOutcome.REFUSED, "a replay has a time"),
    "backwards": ({"until": NOW - 2 * HOUR}, "enabled", CommandOutcome.REFUSED, "a replay has a time"),
    "of an endpoint that the rules do not have": ({"endpoint": "nobody"}, "enabled", CommandOutcome.REFUSED, "nobody"),
}


@pytest.mark.parametrize(("change", "status", "outcome", "says"), COMMANDS.values(), ids=list(COMMANDS))
def test_a_replay_is_on_record(
    rows: DictRows, change: dict[str, object], status: str, outcome: CommandOutcome, says: str
) -> None:
    config = DeliverConfig(endpoints=frozenset({"owner"}))
    if status != "enabled":
        kind = EndpointCommandKind.DISABLE if status == "disabled" else EndpointCommandKind.REMOVE
        rules.deliver(a_command(kind), rows, NOW, config)
    command = replace(a_command(EndpointCommandKind.REPLAY), since=NOW - HOUR, until=NOW)
    before = rows.rows.copy()
    (answer,) = rules.deliver(replace(command, **change), rows, NOW, config)
    assert isinstance(answer, Emit)
    assert (answer.topic, answer.event.outcome, answer.event.kind) == ("answers", outcome, "replay")  # type: ignore[union-attr]
    assert says in (answer.event.detail or "")  # type: ignore[union-attr]
    assert rows.rows == before, "a command to replay changes nothing by itself"
