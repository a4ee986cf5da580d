"""An endpoint that takes less than comes: what waits for its turn is not asked for again, what was lost is."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import pytest

from tests.streams.rules.delivery.test_deliver import NOW, a_request, an_outcome
from tocsin.schemas.events import DeliveryAttempt, Outcome
from tocsin.streams.rules.decision import Decision, Emit
from tocsin.streams.rules.delivery.deliver import deliver, fire
from tocsin.streams.rules.delivery.schedule import DeliverConfig
from tocsin.streams.rules.values import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

CONFIG = DeliverConfig()


class Dispatching:
    """The attempts in the order in which they were asked for; one is answered every `pace` microseconds."""

    def __init__(self, rows: DictRows, pace: int) -> None:
        self.rows, self.pace = rows, pace
        self.now = self.idle_since = NOW
        self.queue: deque[DeliveryAttempt] = deque()
        self.asked: list[str] = []
        self.answered: list[str] = []

    def take(self, decisions: list[Decision]) -> None:
        for one in decisions:
            assert isinstance(one, Emit)
            assert isinstance(one.event, DeliveryAttempt)
            self.queue.append(one.event)
            self.asked.append(one.event.delivery_id)

    def request(self, *deliveries: str) -> None:
        for delivery in deliveries:
            self.take(deliver(a_request(delivery), self.rows, self.now, CONFIG))

    def second(self, dispatching: bool = True) -> None:
        """A second passes: a tick, and the answers for which there is time."""
        self.now += SECOND
        while (key := self.rows.next_due(self.now)) is not None:
            self.take(fire(key, self.rows, self.now, CONFIG))
        while dispatching and self.queue and self.now - self.idle_since >= self.pace:
            self.idle_since += self.pace
            made = self.queue.popleft()
            if made.delivery_id not in self.answered:  # the dispatcher remembers
                self.answered.append(made.delivery_id)
                outcome = an_outcome(made.delivery_id, made.attempt, Outcome.DELIVERED)
                self.take(deliver(outcome, self.rows, self.now, CONFIG))
        if not self.queue:
            self.idle_since = self.now


@pytest.mark.parametrize("pace", [SECOND // 4, SECOND, 5 * SECOND])
def test_nothing_in_the_queue_of_a_slow_endpoint_is_asked_for_twice(rows: DictRows, pace: int) -> None:
    dispatching = Dispatching(rows, pace)
    wanted = [f"d{number}" for number in range(1000 if pace <= SECOND else 600)]
    dispatching.request(*wanted)
    while dispatching.queue:
        dispatching.second()
    assert dispatching.now - NOW > 2 * CONFIG.lease, "a load beyond the lease"
    assert dispatching.answered == wanted
    assert dispatching.asked == wanted


def test_what_was_lost_is_asked_for_again_while_others_go_on(rows: DictRows) -> None:
    dispatching = Dispatching(rows, SECOND)
    dispatching.request("lost")
    dispatching.queue.clear()
    for number in range(15 * 60):
        dispatching.request(f"d{number}")
        dispatching.second()
    assert dispatching.asked.count("lost") == 2
    assert "lost" in dispatching.answered
    assert len(dispatching.asked) == len(set(dispatching.asked)) + 1


def test_what_is_asked_for_while_nobody_answers_is_asked_for_again(rows: DictRows) -> None:
    dispatching = Dispatching(rows, SECOND)
    dispatching.request("before")
    dispatching.second()
    dispatching.request("d")
    for _ in range(4 * 60):
        dispatching.second(dispatching=False)
    assert dispatching.asked.count("d") == 3, "after one lease, and after two more"


def test_an_attempt_that_the_dispatcher_would_not_make_any_more_is_asked_for_again(rows: DictRows) -> None:
    """It leaves those alone that have lain there for longer than the longest lease."""
    dispatching = Dispatching(rows, SECOND)
    dispatching.request(*[f"d{number}" for number in range(2 * 3600)])
    while dispatching.now < NOW + CONFIG.max_lease + CONFIG.in_hand:
        dispatching.second()
    assert CONFIG.max_lease == HOUR
    assert CONFIG.in_hand < 5 * MINUTE
    left = {attempt.delivery_id for attempt in dispatching.queue}
    assert all(dispatching.asked.count(delivery) >= 2 for delivery in left)
