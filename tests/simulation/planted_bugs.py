"""Write orders with a bug: the simulation has to find each of them, or it proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import msgspec

from tests.streams.engine.broken_writers import ForgetsTheOutbox, LeavesShadows, ProvesNothing, SpeaksFirst
from tocsin.streams.engine.mark import Standing, Verdict
from tocsin.streams.engine.partition import PartitionWriter
from tocsin.streams.engine.timers import Timers
from tocsin.streams.rules import decide as decide_rules
from tocsin.streams.rules.delivery import gate
from tocsin.streams.rules.delivery.deliveries import Deliveries
from tocsin.streams.rules.policies import DeliveryPolicy
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import EndpointRow, LaneRow
from tocsin.streams.rules.turn import Turn


class FoldsTwice(PartitionWriter):
    """Reads on at the mark instead of behind it."""

    async def check_mark(self) -> Verdict:
        verdict = await super().check_mark()
        if verdict.standing is Standing.SAME:
            return Verdict(verdict.standing, max(0, verdict.position - 1))
        return verdict


class LosesATimer(PartitionWriter):
    """Recovers every row, and not every timer."""

    async def _replay(self, start: int, at: int, on_read: Callable[[], None]) -> None:
        await super()._replay(start, at, on_read)
        head = self.state.rows.timer_head()
        if head is not None:
            self.state.rows.take_due(head)


WRITE_ORDER_BUGS = (SpeaksFirst, ProvesNothing, ForgetsTheOutbox, LeavesShadows, FoldsTwice, LosesATimer)


@contextmanager
def timers_fire_early() -> Iterator[None]:
    """Every timer, in every process and in the twins too: only the watchers can see it."""
    pop_due = Timers.pop_due

    def early(timers: Timers, now: int, due_of: Callable[[str], int | None]) -> str | None:
        return pop_due(timers, now + 60_000_000, due_of)

    with patch.object(Timers, "pop_due", early):
        yield


@contextmanager
def heaps_forget() -> Iterator[None]:
    """A timer that is set again is not given an entry, in the twins too."""
    set_timer = Timers.set

    def forget(timers: Timers, key: str, due: int) -> None:
        if not key.startswith("thread/"):
            set_timer(timers, key, due)

    with patch.object(Timers, "set", forget):
        yield


@contextmanager
def a_problem_vanishes() -> Iterator[None]:
    """The rules say nothing of some problems."""
    decide_report = decide_rules.decide_report

    def silent(turn: Turn, report: Report) -> None:
        decide_report(turn, report)
        if report.event.event_id.endswith("7"):
            turn.decisions.clear()

    with patch.object(decide_rules, "decide_report", silent):
        yield


@contextmanager
def lanes_do_not_wait() -> Iterator[None]:
    """A lane gives the turn to its last delivery."""
    hand_on = Deliveries.hand_on

    def backwards(deliveries: Deliveries, key: str, lane: LaneRow) -> None:
        hand_on(deliveries, key, msgspec.structs.replace(lane, queue=lane.queue[::-1]))

    with patch.object(Deliveries, "hand_on", backwards):
        yield


@contextmanager
def an_open_breaker_lets_all_through() -> Iterator[None]:
    """What an endpoint is sent depends on its throttle and its rate alone."""
    opens_at = gate.opens_at

    def as_if_closed(state: EndpointRow, policy: DeliveryPolicy, now: int) -> int:
        return opens_at(msgspec.structs.replace(state, breaker="closed"), policy, now)

    with patch.object(gate, "opens_at", as_if_closed):
        yield


@contextmanager
def a_rate_always_has_a_place() -> Iterator[None]:
    """What was answered lately and what is under way is not counted against a rate."""
    with patch.object(gate, "_free_at", lambda state, rate, now: 0):
        yield


RULE_BUGS = (
    timers_fire_early,
    heaps_forget,
    a_problem_vanishes,
    lanes_do_not_wait,
    an_open_breaker_lets_all_through,
    a_rate_always_has_a_place,
)
