"""Escalations against a model: random reports, commands (also re-sent ones), late timers, for two threads.

The model is a few lines of a person's understanding: what is pending, who has it, when the next page may come. Checked:
no step after an acknowledge or a resolve, none early, in the policy's order, each escalation ends exactly once or is
pending, and every page has the fresh count.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.harness.fuzzing import examples
from tocsin.schemas.events import (
    EscalationAcknowledged,
    EscalationCancelled,
    EscalationExhausted,
    EscalationRaised,
    EscalationSnoozed,
    EscalationStepped,
    ProblemResolved,
)
from tocsin.streams.rules.state import EscalationRow
from tocsin.streams.rules.values import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows
    from tests.streams.rules.escalation.conftest import Bus

EXAMPLES = examples(50, 150)
GAPS = st.sampled_from([0, SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, HOUR, 6 * HOUR])
ORDER = [(cycle, step, repeat) for cycle in (0, 1) for step, repeat in ((0, 0), (0, 1), (1, 0))]
PAUSE = {(0, 0): 5 * MINUTE, (0, 1): 2 * MINUTE, (1, 0): 10 * MINUTE}
THREADS = st.sampled_from(["t", "u"])


@dataclass
class Case:
    """What the model knows of one thread's case."""

    count: int = 0
    status: str = "resolved"
    until: int = 0
    escalated: str = "none"
    done: int = 0
    not_before: int = 0
    raised: int = 0
    ended: int = 0


class EscalationMachine(RuleBasedStateMachine):
    """Plays the partition, the reporters and the people on call."""

    new_rows: type[DictRows]
    bus_type: type[Bus]

    def __init__(self) -> None:
        super().__init__()
        self.bus = self.bus_type(self.new_rows())
        self.cases: dict[str, Case] = {"t": Case(), "u": Case()}
        self.ids: dict[str, str] = {}
        self.number = 0
        self.sent: list[tuple[str, str, str, int]] = []

    # -- what may happen ------------------------------------------------------------------------------------------

    @rule(thread=THREADS)
    def report(self, thread: str) -> None:
        self.number += 1
        case = self.cases[thread]
        opens = case.status == "resolved"
        events = self.bus.report(f"r{self.number}", thread_id=thread)
        self.ids[getattr(events[0], "case")] = thread  # noqa: B009
        case.count += 1
        if case.status == "snoozed" and case.until <= self.bus.now:
            case.status = "open"
        case.status = "open" if opens else case.status
        raises = [one for one in events if isinstance(one, EscalationRaised)]
        assert len(raises) == (1 if opens else 0), "raised with the case, and not again"
        if opens:
            case.escalated, case.done, case.not_before = "running", 0, self.bus.now + PAUSE[0, 0]
            case.raised += 1

    @precondition(lambda self: self.ids)
    @rule(
        data=st.data(),
        kind=st.sampled_from(["acknowledge", "resolve", "snooze", "snooze"]),
        span=st.sampled_from([SECOND, 3 * MINUTE, HOUR, DAY]),
    )
    def command(self, data: st.DataObject, kind: str, span: int) -> None:
        target = data.draw(st.sampled_from(sorted(self.ids)))
        self.number += 1
        self.sent.append((kind, target, f"c{self.number}", self.bus.now + span))
        self.issue(*self.sent[-1])

    @precondition(lambda self: self.sent)
    @rule(back=st.integers(1, 5))
    def command_again(self, back: int) -> None:
        kind, target, event_id, until = self.sent[-min(back, len(self.sent))]
        if until > self.bus.now:
            assert self.bus.command(kind, target, event_id, until) == [], "the same command is obeyed once"

    @rule(gap=GAPS)
    def wait(self, gap: int) -> None:
        for one in self.bus.pass_time(gap):
            self.by_timer(one)

    # -- what the model makes of it -------------------------------------------------------------------------------

    def issue(self, kind: str, target: str, event_id: str, until: int) -> None:
        case = self.cases[self.ids[target]]
        if case.status == "snoozed" and case.until <= self.bus.now:
            case.status = "open"
        events = self.bus.command(kind, target, event_id, until)
        if case.status == "resolved" or (kind == "acknowledge" and case.status == "acknowledged"):
            assert events == []
            return
        if kind == "acknowledge":
            assert [type(one) for one in events] == [EscalationAcknowledged]
            case.status = "acknowledged"
        elif kind == "snooze":
            assert [type(one) for one in events] == [EscalationSnoozed]
            case.status, case.until = "snoozed", until
        else:
            self.resolved(case, events)

    def resolved(self, case: Case, events: list[Any]) -> None:
        pending = case.escalated == "running"
        assert [type(one) for one in events] == [ProblemResolved, *([EscalationCancelled] if pending else [])]
        case.ended += pending
        case.status, case.escalated = "resolved", "none"

    def by_timer(self, event: Any) -> None:
        case = self.cases[self.ids[event.case]]
        assert case.escalated == "running", "nothing after the end"
        assert case.status in ("open", "snoozed"), "nothing after somebody has it"
        assert case.status == "open" or case.until <= self.bus.now, "nothing while it is put off"
        assert self.bus.now >= case.not_before, "never early"
        case.status = "open"
        if isinstance(event, EscalationExhausted):
            assert case.done == len(ORDER)
            case.escalated = "exhausted"
            case.ended += 1
            return
        assert isinstance(event, EscalationStepped)
        assert (event.cycle, event.step, event.repeat) == ORDER[case.done], "in order, each once"
        assert event.count == case.count, "the fresh count"
        body = next(one.body for one in reversed(self.bus.requested) if one.about == event.event_id)
        assert json.loads(body)["data"]["count"] == case.count
        case.done += 1
        nothing_left = case.done == len(ORDER)
        case.not_before = self.bus.now + (10 * MINUTE if nothing_left else PAUSE[ORDER[case.done][1:]])

    # -- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def each_is_pending_or_has_ended_once(self) -> None:
        for case in self.cases.values():
            assert case.raised - case.ended == (1 if case.escalated == "running" else 0)

    @invariant()
    def what_is_pending_has_a_timer(self) -> None:
        rows = self.bus.rows
        pending = 0
        for key in rows.rows:
            row = rows.get(key)
            if isinstance(row, EscalationRow):
                assert rows.due(key) is not None
                pending += row.status != "ended"
        assert pending == sum(case.escalated == "running" for case in self.cases.values())

    def teardown(self) -> None:
        """When nobody answers and time passes, what nobody took is exhausted."""
        for _ in range(12):
            self.wait(DAY)
        for case in self.cases.values():
            assert case.escalated != "running" or case.status == "acknowledged"


def test_escalation_model(new_rows: type[DictRows], bus: Bus) -> None:
    EscalationMachine.new_rows, EscalationMachine.bus_type = new_rows, type(bus)
    run_state_machine_as_test(
        EscalationMachine, settings=settings(max_examples=EXAMPLES, stateful_step_count=50, deadline=None)
    )
