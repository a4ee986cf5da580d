"""`deliver` against a model: random requests, outcomes (late, repeated, stale), commands and timers.

Checked after every step: nothing is lost or ended twice, lanes are strict, attempts are never early; no endpoint gets
anything while it asked for a pause, more than its rate, or, while it takes nothing, more than probes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from tests.harness.fuzzing import examples
from tests.harness.unanswered import deliver
from tocsin.schemas.events import (
    DeliveryAttempt,
    DeliveryOutcome,
    DeliveryRequested,
    EndpointCommand,
    EndpointCommandKind,
    Outcome,
)
from tocsin.streams.rules.decision import DeadLetter, Decision
from tocsin.streams.rules.delivery import gate
from tocsin.streams.rules.delivery.deliver import fire
from tocsin.streams.rules.delivery.schedule import MAX_RETRY_AFTER, DeliverConfig
from tocsin.streams.rules.policies import DeliveryPolicy
from tocsin.streams.rules.state import DeliveryRow, EndpointRow, FinishedRow, LaneRow, QueuedRow
from tocsin.streams.rules.values import DAY, HOUR, MINUTE, SECOND, RateLimit

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

START = 1_800_000_000_000_000
RATE = RateLimit(2, MINUTE)
POLICY = DeliveryPolicy(
    schedule=(0, 5 * SECOND, 30 * SECOND, 5 * MINUTE), hold_time=10 * MINUTE, hold_count=3, breaker_failures=3
)
CONFIG = DeliverConfig(
    policy=POLICY,
    policies={"desk": replace(POLICY, rate=RATE, breaker_failures=0)},
    disabled_limit=DAY,
    max_body=100,
    step_bytes=1_500,
)
ENDPOINTS = st.sampled_from(["owner", "owner", "owner", "desk"])
LANES = st.sampled_from(["acme/t", "acme/t", "acme/t", "acme/u", None])
EXAMPLES = examples(50, 150)
GAPS = st.sampled_from([0, SECOND, 6 * SECOND, MINUTE, 6 * MINUTE, HOUR, 2 * DAY])
HINTS = st.sampled_from([None, 0, MINUTE, 3 * DAY])


@dataclass
class Known:
    """What the model knows of one delivery."""

    request: DeliveryRequested
    end: str | None = None
    attempt: int = 0
    attempted_at: int = 0
    not_before: int = 0
    answered: bool = True
    forgotten: bool = False
    earlier: int = 0
    order: int = 0
    again: int = 0

    def renew(self) -> bool:
        """The replay that was asked for while an attempt was in flight begins; whether there was one."""
        if not self.again:
            return False
        self.request, self.earlier, self.again = replace(self.request, replay=self.again), self.attempt, 0
        return True


@dataclass
class Gate:
    """What the model knows of an endpoint: what it asked for, and how it took what it was sent."""

    policy: DeliveryPolicy
    failures: int = 0
    open: bool = False
    not_before: int = 0
    probed_at: int = 0
    under_way: set[str] = field(default_factory=set)
    answered: list[int] = field(default_factory=list)

    def ask(self, name: str, now: int, *, again: bool) -> None:
        if self.open:
            assert now >= self.probed_at + self.policy.breaker_probe, "one probe at a time"
            self.probed_at = now
        if again:
            return
        assert now >= self.not_before, "it asked for a pause"
        self.under_way.add(name)
        if self.policy.rate is not None:
            recent = [one for one in self.answered if one > now - self.policy.rate.per]
            assert len(recent) + len(self.under_way) <= self.policy.rate.count, "its rate"

    def ended(self, name: str, now: int) -> None:
        if name in self.under_way:
            self.under_way.discard(name)
            self.answered.append(now)

    def hear(self, now: int, outcome: Outcome, pause: int | None, *, refusal: bool) -> None:
        if outcome is Outcome.DELIVERED or refusal:
            self.failures, self.open = 0, False
            return
        if outcome is not Outcome.REJECTED:
            self.failures += 1
            if not self.open and self.failures >= self.policy.breaker_failures > 0:
                self.open, self.probed_at = True, now
        if pause is not None:
            self.not_before = max(self.not_before, now + max(self.policy.throttle, min(pause, MAX_RETRY_AFTER)))

    def enabled(self) -> None:
        self.failures, self.open, self.not_before = 0, False, 0


class DeliverMachine(RuleBasedStateMachine):
    """Plays the partition, its dispatcher and its operators."""

    new_rows: type[DictRows]

    def __init__(self) -> None:
        super().__init__()
        self.rows = self.new_rows()
        self.now = START
        self.known: dict[str, Known] = {}
        self.attempts: list[DeliveryAttempt] = []
        self.delivered: list[tuple[str, int]] = []
        self.order = 0
        self.gone = self.overloaded = self.refuses = False
        self.gates = {name: Gate(CONFIG.policies.get(name, POLICY)) for name in ("owner", "desk")}

    # -- what may happen ------------------------------------------------------------------------------------------

    @rule(endpoint=ENDPOINTS, lane=LANES, count=st.integers(1, 6))
    def burst(self, endpoint: str, lane: str | None, count: int) -> None:
        for _ in range(count):
            self.request(endpoint, lane, 100)

    @rule(endpoint=ENDPOINTS, lane=LANES, size=st.sampled_from([1, 100, 101]))
    def request(self, endpoint: str, lane: str | None, size: int) -> None:
        name = f"d{len(self.known)}"
        request = DeliveryRequested(
            event_id=f"request of {name}",
            tenant="acme",
            occurred_at=self.now,
            recorded_at=self.now,
            delivery_id=name,
            endpoint=endpoint,
            lane=lane,
            about="r",
            content_type="application/json",
            body=b"x" * size,
        )
        self.known[name] = Known(request, order=self.next_order())
        self.hear(request)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def request_again(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from(list(self.known.values())))
        if not known.forgotten and known.end != "dead":
            assert self.hear(known.request) == []

    @precondition(lambda self: self.dead())
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """A dead dead is replayed: a new life at the end of its lane, with the whole schedule."""
        name = data.draw(st.sampled_from(self.dead()))
        known = self.known[name] = self.known.pop(name)
        self.begin_anew(known)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def replay_with_a_higher_number(self, data: st.DataObject) -> None:
        """Whatever became of it: it is sent once more; and that request again is absorbed."""
        name = data.draw(st.sampled_from(list(self.known)))
        known = self.known[name]
        if known.forgotten:
            return
        request = replace(known.request, replay=max(known.request.replay, known.again) + 1)
        row = self.row(known)
        if known.end is not None:
            known = self.known[name] = self.known.pop(name)
            known.request = request
            self.begin_anew(known)
            known.end = known.end or ("dead" if len(request.body) > CONFIG.max_body else None)
        else:
            assert isinstance(row, DeliveryRow)
            known.again = request.replay
            if row.state != "in_flight":
                known.renew()
            assert self.hear(request) == [], "it is under way"
        if known.end is None:
            assert self.hear(request) == []

    def begin_anew(self, known: Known) -> None:
        known.end, known.earlier, known.answered, known.not_before = None, known.attempt, True, 0
        known.order = self.next_order()
        self.hear(known.request)

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), outcome=st.sampled_from(list(Outcome)), hint=HINTS)
    def answer_any(self, data: st.DataObject, outcome: Outcome, hint: int | None) -> None:
        self.answer(data.draw(st.sampled_from(self.attempts)), outcome, hint)

    @precondition(lambda self: self.attempts)
    @rule(hint=HINTS, gap=GAPS)
    def everything_fails(self, hint: int | None, gap: int) -> None:
        """Every sink is down; then time passes."""
        for attempt in self.attempts[-12:]:
            self.answer(attempt, Outcome.RETRY_LATER, hint)
        self.wait(gap)

    @precondition(lambda self: self.attempts)
    @rule(outcome=st.sampled_from(list(Outcome)), hint=HINTS, back=st.integers(1, 4))
    def answer_recent(self, outcome: Outcome, hint: int | None, back: int) -> None:
        self.answer(self.attempts[-min(back, len(self.attempts))], outcome, hint)

    @rule(name=st.sampled_from(["d0", "nobody"]), attempt=st.integers(-1, 9))
    def answer_nonsense(self, name: str, attempt: int) -> None:
        known = self.known.get(name)
        if known is None or attempt > known.attempt or attempt < 1:
            assert self.hear(self.outcome_of(name, "owner", attempt, Outcome.DELIVERED, None)) == []

    @rule(endpoint=ENDPOINTS, kind=st.sampled_from(["enable", "enable", "disable", "remove"]))
    def steer(self, endpoint: str, kind: str) -> None:
        self.command(endpoint, EndpointCommandKind(kind))

    @rule()
    def turn(self) -> None:
        """From now on (or no longer) what rejects is an endpoint that is gone."""
        self.gone = not self.gone

    @rule()
    def overload(self) -> None:
        """From now on (or no longer) what fails is an endpoint that has too much to do."""
        self.overloaded = not self.overloaded

    @rule()
    def refuse(self) -> None:
        """From now on (or no longer) what fails is refused by an endpoint that has read it."""
        self.refuses = not self.refuses

    @rule(gap=GAPS)
    def wait(self, gap: int) -> None:
        """A tick: time has passed, and every timer that is due fires."""
        self.now += gap
        while (key := self.rows.next_due(self.now)) is not None:
            finished = isinstance(self.rows.get(key), FinishedRow)
            self.check(fire(key, self.rows, self.now, CONFIG))
            due = self.rows.due(key)
            assert due is None or due > self.now, "a timer that stays due fires for ever"
            if finished:
                self.known[key.rsplit("/", 1)[1]].forgotten = True

    # -- how the machine does it ----------------------------------------------------------------------------------

    def hear(self, event: Any) -> list[Decision]:
        decisions = deliver(event, self.rows, self.now, CONFIG)
        self.check(decisions)
        return decisions

    def command(self, endpoint: str, kind: EndpointCommandKind) -> None:
        row = self.rows.get(f"endpoint/{endpoint}")
        off = isinstance(row, EndpointRow) and (row.status != "enabled" or gate.holds_back(row, self.now))
        if off and kind is EndpointCommandKind.ENABLE:
            self.gates[endpoint].enabled()
        self.hear(
            EndpointCommand(
                event_id="c", tenant="", occurred_at=0, recorded_at=0, endpoint=endpoint, kind=kind, by="ann"
            )
        )

    def outcome_of(self, name: str, endpoint: str, attempt: int, outcome: Outcome, hint: int | None) -> DeliveryOutcome:
        return DeliveryOutcome(
            event_id="o",
            tenant="acme",
            occurred_at=self.now,
            recorded_at=self.now,
            delivery_id=name,
            endpoint=endpoint,
            attempt=attempt,
            outcome=outcome,
            reason="gone" if self.gone and outcome is Outcome.REJECTED else self.reason,
            status=503 if self.overloaded and outcome not in (Outcome.DELIVERED, Outcome.REJECTED) else 500,
            retry_after=hint,
            duration=0,
        )

    @property
    def reason(self) -> str:
        return "client_error" if self.refuses else "server_error"

    def answer(self, attempt: DeliveryAttempt, outcome: Outcome, hint: int | None) -> None:
        known = self.known[attempt.delivery_id]
        made = attempt.attempt - known.earlier
        before = self.row(known)
        in_flight = isinstance(before, DeliveryRow) and before.state == "in_flight"
        counts = in_flight and attempt.attempt == known.attempt
        waits = isinstance(before, DeliveryRow) and before.state == "waiting" and made > 0
        if counts and known.renew():
            made = 0
        elif outcome is Outcome.DELIVERED and (counts or waits):
            known.end = "done"
            self.delivered.append((attempt.delivery_id, known.order))
        if (
            counts
            and known.end is None
            and outcome not in (Outcome.REJECTED, Outcome.DELIVERED)
            and made < len(POLICY.schedule)
        ):
            hinted = min(hint or 0, MAX_RETRY_AFTER)
            known.not_before = self.now + max(POLICY.schedule[made], hinted)
        known.answered = known.answered or counts
        known_gate = self.gates[attempt.endpoint]
        if counts:
            known_gate.ended(attempt.delivery_id, self.now)
        if (counts or (waits and outcome is Outcome.DELIVERED)) and not (self.gone and outcome is Outcome.REJECTED):
            overloaded = self.overloaded and outcome not in (Outcome.DELIVERED, Outcome.REJECTED)
            known_gate.hear(self.now, outcome, (hint or 0) if overloaded else None, refusal=self.refuses)
        event = self.outcome_of(attempt.delivery_id, attempt.endpoint, attempt.attempt, outcome, hint)
        untouched = self.rows.rows.copy()
        decisions = self.hear(event)
        if not counts and known.end is None:
            assert (decisions, self.rows.rows) == ([], untouched), "an outcome that does not count changes nothing"
        if counts and (outcome is Outcome.REJECTED or made >= len(POLICY.schedule)):
            assert known.end in ("done", "dead"), "a rejected or exhausted delivery ends"
        if counts and outcome is Outcome.REJECTED and self.gone:
            endpoint = self.rows.get(f"endpoint/{attempt.endpoint}")
            assert isinstance(endpoint, EndpointRow)
            assert endpoint.status in ("disabled", "removed"), "an endpoint that is gone is left alone"

    def dead(self) -> list[str]:
        return [name for name, known in self.known.items() if known.end == "dead" and not known.forgotten]

    def next_order(self) -> int:
        self.order += 1
        return self.order

    def row(self, known: Known) -> object:
        return self.rows.get(f"delivery/{known.request.endpoint}/{known.request.delivery_id}")

    def check(self, decisions: list[Decision]) -> None:
        for one in decisions:
            if isinstance(one, DeadLetter):
                assert isinstance(one.event, DeliveryRequested)
                known = self.known[one.event.delivery_id]
                assert known.end is None, "a delivery ends once"
                assert one.event == replace(known.request, replay=max(known.request.replay, known.again))
                known.request, known.again = one.event, 0
                known.end = "dead"
                self.gates[known.request.endpoint].ended(one.event.delivery_id, self.now)
            else:
                assert isinstance(one.event, DeliveryAttempt)
                self.check_attempt(one.event)

    def check_attempt(self, attempt: DeliveryAttempt) -> None:
        known = self.known[attempt.delivery_id]
        assert known.end is None, "what has ended is not attempted"
        assert attempt.body == known.request.body
        if attempt.attempt == known.attempt:
            assert not known.answered
            assert self.now >= known.attempted_at + CONFIG.lease, "the same attempt again only after its lease"
        else:
            assert attempt.attempt == known.attempt + 1
            assert known.answered, "one attempt at a time"
            assert self.now >= known.not_before, "never early"
        again = attempt.attempt == known.attempt
        self.gates[attempt.endpoint].ask(attempt.delivery_id, self.now, again=again)
        known.attempt, known.attempted_at, known.answered = attempt.attempt, self.now, False
        self.attempts.append(attempt)
        if attempt.lane is not None:
            for other in self.before_in_lane(attempt.delivery_id):
                assert other.end is not None, "everything before it in its lane has ended"

    def before_in_lane(self, name: str) -> list[Known]:
        request = self.known[name].request
        found: list[Known] = []
        for other in self.known.values():
            if other.request.delivery_id == name:
                return found
            if (other.request.endpoint, other.request.lane) == (request.endpoint, request.lane):
                found.append(other)
        return found

    # -- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def everything_is_delivered_dead_or_pending(self) -> None:
        for known in self.known.values():
            row = self.row(known)
            if known.end is None:
                assert isinstance(row, DeliveryRow)
            elif known.forgotten:
                assert row is None
            else:
                assert isinstance(row, FinishedRow)
                assert row.state == known.end

    @invariant()
    def every_pending_delivery_will_be_heard_of(self) -> None:
        rows = self.rows
        reachable: set[str] = set()
        for key in list(rows.rows):
            endpoint = rows.get(key)
            if not isinstance(endpoint, EndpointRow):
                continue
            assert endpoint.parked is None, "nothing is on a stack any more"
            assert endpoint.waiting == endpoint.tail - endpoint.head
            assert endpoint.waiting == 0 or rows.due(key) is not None
            for number in range(endpoint.head, endpoint.tail):
                place = rows.get(f"queued/{endpoint.endpoint}/{number}")
                assert isinstance(place, QueuedRow)
                assert place.delivery_id not in reachable
                row = rows.get(f"delivery/{endpoint.endpoint}/{place.delivery_id}")
                assert isinstance(row, DeliveryRow)
                assert row.state == "parked"
                reachable.add(place.delivery_id)
        assert len(reachable) == sum(isinstance(rows.get(key), QueuedRow) for key in rows.rows)
        for key in list(rows.rows):
            row = rows.get(key)
            if isinstance(row, DeliveryRow):
                assert (rows.due(key) is None) == (row.state == "parked") == (row.delivery_id in reachable)

    @invariant()
    def lanes_hold_what_is_pending_in_the_order_of_requests(self) -> None:
        for endpoint in ("owner", "desk"):
            for lane in ("acme/t", "acme/u"):
                key = f"lane/{endpoint}/{lane.replace('/', '%2F')}"
                row = self.rows.get(key)
                queue = list(row.queue) if isinstance(row, LaneRow) else []
                assert queue == [
                    name
                    for name, known in self.known.items()
                    if known.end is None and (known.request.endpoint, known.request.lane) == (endpoint, lane)
                ]
                states = [getattr(self.row(self.known[name]), "state", None) for name in queue]
                assert all(state == "held" for state in states[1:])
                assert len(queue) <= POLICY.hold_count + 1
                assert not queue or states[0] != "held" or self.rows.due(key) is not None

    @invariant()
    def first_successes_follow_the_log_within_a_lane(self) -> None:
        by_lane: dict[tuple[str, str | None], list[int]] = {}
        for name, order in self.delivered:
            request = self.known[name].request
            if request.lane is not None:
                by_lane.setdefault((request.endpoint, request.lane), []).append(order)
        assert all(order == sorted(set(order)) for order in by_lane.values())

    def teardown(self) -> None:
        """When the sinks are well again and time passes, everything ends."""
        for endpoint in ("owner", "desk"):
            self.command(endpoint, EndpointCommandKind.ENABLE)
        for _ in range(20 + 2 * len(self.known)):
            for known in list(self.known.values()):
                row = self.row(known)
                if isinstance(row, DeliveryRow) and row.state == "in_flight":
                    latest = next(a for a in reversed(self.attempts) if a.delivery_id == row.delivery_id)
                    self.answer(latest, Outcome.DELIVERED, None)
            self.wait(HOUR)
        assert all(known.end for known in self.known.values())


def test_deliver_model(new_rows: type[DictRows]) -> None:
    DeliverMachine.new_rows = new_rows
    run_state_machine_as_test(
        DeliverMachine, settings=settings(max_examples=EXAMPLES, stateful_step_count=60, deadline=None)
    )
