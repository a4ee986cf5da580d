"""The moves that one event may make with the deliveries of an endpoint: attempt, park, dead-letter, give the lane's
turn to the next.

Invariants, held after every event:
- a lane's first delivery is in_flight, waiting or parked (or held, with the lane's timer set); all others are held;
- every DeliveryRow has a timer, or is parked: in the queue of its endpoint, whose row has a timer while it has any;
- a DeliveryRow becomes a FinishedRow exactly once: requested = delivered + dead + pending. One that is
  replayed becomes a DeliveryRow again, and is pending again.
"""

from __future__ import annotations

from msgspec.structs import replace

from tocsin.streams.rules.decision import ATTEMPTS, DELIVERIES, DeadLetter, Emit
from tocsin.streams.rules.delivery import gate
from tocsin.streams.rules.delivery.endpoint_rows import EndpointRows
from tocsin.streams.rules.delivery.looks import forgotten_from, next_look, parked_until
from tocsin.streams.rules.delivery.row_events import attempt_of, request_of
from tocsin.streams.rules.delivery.schedule import forgotten_at
from tocsin.streams.rules.state import DeliveryRow, EndpointRow, FinishedRow, LaneRow, PeerEndpointRow, QueuedRow
from tocsin.streams.rules.state.deliveries import EndpointStatus
from tocsin.streams.rules.state.keys import row_key

_OVERHEAD = 1024
"""What a delivery counts against the budget of an event besides the bytes of its body."""


def delivery_key(endpoint: str, delivery_id: str) -> str:
    """Key of a DeliveryRow or FinishedRow."""
    return row_key("delivery", endpoint, delivery_id)


class Deliveries(EndpointRows):
    """The deliveries of one endpoint during one event or timer."""

    __slots__ = ()

    def moved(self, row: DeliveryRow) -> None:
        """Count a delivery against what one event may move."""
        self._moved += len(row.body) + _OVERHEAD

    @property
    def over_budget(self) -> bool:
        """Whether this event has moved as much as one event may; the rest is for a timer."""
        return self._moved >= self.config.step_bytes

    def put(self, row: DeliveryRow, due: int | None) -> None:
        """Keep a delivery with its timer."""
        self.pending.put(self.pending.key(row.delivery_id), row, due)

    def begin(self, row: DeliveryRow) -> bool:
        """Make the next attempt of a delivery whose turn it is, or park it while its endpoint is to get nothing; False
        when it is dead: its endpoint was removed, or its time is over."""
        self.at(row)
        if self.is_over(row):
            return False
        if self.peer and self.whole().status != "enabled":
            self.peer = ""
        state = self.found()
        if state is None:
            if self.policy.rate is None:
                self.attempt(row, row.attempt + 1)
                return True
            state = self.state()
        if state.status == "removed":
            self.dead_letter(row, "endpoint_removed")
            return False
        if state.waiting or not self._may_be_sent(state):
            self.park(row, state)
        else:
            self.keep(gate.taken(state, self.policy, self.now))
            self.attempt(row, row.attempt + 1)
        return True

    def is_over(self, row: DeliveryRow) -> bool:
        """Whether the time that its endpoint gives a delivery is over; it is dead then."""
        limit = self.policy.exhausted_after
        if limit is None or self.now < row.enqueued_at + limit:
            return False
        self.dead_letter(row, "exhausted")
        return True

    def _may_be_sent(self, state: EndpointRow) -> bool:
        return state.status == "enabled" and gate.opens_at(state, self.policy, self.now) <= self.now

    def attempt(self, row: DeliveryRow, number: int, leases: int = 0) -> None:
        """Ask for this attempt; its lease is the timer. A repeated request has the same event id."""
        row = replace(row, attempt=number, leases=leases, asked_at=self.now, state="in_flight", next_parked=None)
        self.put(row, self.now + self._lease(row))
        self.decisions.append(Emit(ATTEMPTS, row.endpoint, attempt_of(row)))
        self.moved(row)

    def await_outcome(self, row: DeliveryRow, until: int | None = None) -> None:
        """Give attempt number `row.attempt` the time of a lease, doubled for each lease before it, `until` at most."""
        due = self.now + self._lease(row)
        self.put(row, due if until is None else min(due, until))

    def _lease(self, row: DeliveryRow) -> int:
        return min(self.config.lease << min(row.leases, 20), self.config.max_lease)

    def park(self, row: DeliveryRow, state: EndpointRow) -> None:
        """Put a delivery at the end of its endpoint's queue."""
        self.put(replace(row, state="parked", next_parked=None), None)
        self.queue.put(self.place(state.tail), QueuedRow(row.delivery_id), None)
        since = state.parked_since if state.waiting else self.now
        self.keep(replace(state, tail=state.tail + 1, waiting=state.waiting + 1, parked_since=since))

    def keep(self, state: EndpointRow) -> None:
        """Keep the endpoint's row with its timer, or forget it when there is nothing to say of it. A timer that is set
        for earlier stays: when it fires, it is set anew."""
        key = self.key()
        told = state.failures or state.told or state.dead or state.missed or state.digested_at
        parked = state.waiting or state.parked is not None
        well = state.status == "enabled" and not told and gate.is_idle(state, self.policy, self.now)
        over = state.status == "removed" or isinstance(state, PeerEndpointRow)
        if not parked and (well or (over and forgotten_from(state, self.config, self.now) <= self.now)):
            self.endpoints.delete(key)
            return
        due = next_look(state, self.policy, self.config, self.now)
        before = self.endpoints.due(key)
        if due is not None and before is not None and before <= due:
            due = before
        self.endpoints.put(key, state, due)

    def set_status(self, status: EndpointStatus) -> None:
        """Enable, disable or remove the endpoint; `go_on` does what follows for parked deliveries."""
        until = forgotten_at(self.policy, self.config, self.now) if status == "removed" else 0
        state = replace(self.state(), status=status, since=self.now, breaker="closed", probe_at=0, forget_at=until)
        if status == "enabled":  # a person says that it is well: it is tried as if it were
            state = replace(gate.went_well(state), throttled_until=0, missed=state.missed, room=0)
        self.keep(state)

    def go_on(self) -> None:
        """Treat the deliveries in the endpoint's queue as its status and its gate say, a step at a time."""
        found, peer = self.found(), self.peer
        if found is None:
            return
        state = self._queued(found)
        while state.waiting and not self.over_budget and self._may_go(state):
            key = self.place(state.head)
            place = self.queue.get(key)
            self.queue.delete(key)
            state = replace(state, head=state.head + 1, waiting=state.waiting - 1)
            row = None if place is None else self.pending.find(place.delivery_id)
            if row is None or row.state != "parked":
                continue
            self._unpark(row, state)
            self.peer = peer
            state = self.state()
        self.keep(replace(state, head=0, tail=0) if state.head == state.tail else state)

    def _may_go(self, state: EndpointRow) -> bool:
        """Whether the first in the queue leaves it now, be it to die."""
        if self.peer and self.whole().status != "enabled":
            return True
        if state.status == "disabled":
            return parked_until(state, self.config) <= self.now
        return state.status == "removed" or (self._may_be_sent(state) and gate.has_room(state, self.policy))

    def _unpark(self, row: DeliveryRow, state: EndpointRow) -> None:
        self.endpoints.replace(self.key(), state)
        before = self.peer
        self.at(row)
        if state.status != "enabled":
            self.dead_letter(row, f"endpoint_{state.status}")
        elif self.peer != before or (self.peer and self.whole().status != "enabled"):
            self.moved(row)
            if self.begin(row):  # from the queue of the endpoint to that of its peer, or the other way
                return
        elif not self.is_over(row):
            self.endpoints.replace(self.key(), gate.let_go(state, self.policy, self.now))
            self.attempt(row, row.attempt + 1)
            return
        self.leave_lane(row)

    def _queued(self, state: EndpointRow) -> EndpointRow:
        """Deliveries that a worker of before format 5 parked go from the stack to the queue, as they stand there."""
        if state.parked is None:
            return state
        while state.parked is not None and not self.over_budget:
            row = self.pending.find(state.parked)
            state = replace(state, parked=None if row is None else row.next_parked)
            if row is not None:
                self.put(replace(row, next_parked=None), None)
                self.queue.put(self.place(state.tail), QueuedRow(row.delivery_id), None)
                state = replace(state, tail=state.tail + 1)
                self.moved(row)
        return replace(state, waiting=max(state.waiting, state.tail - state.head))

    def may_ask_again(self, state: EndpointRow) -> bool:
        """Whether an attempt whose outcome did not come may be asked for again; it counts as a probe, if need be."""
        if state.breaker == "closed" or not self.policy.breaker_failures:
            return True
        if not self._may_be_sent(state):
            return False
        self.keep(replace(gate.taken(state, self.policy, self.now), under_way=state.under_way))
        return True

    def heard(self, state: EndpointRow) -> None:
        """An attempt that was in flight had its outcome, or is waited for no longer."""
        self.endpoints.replace(self.key(), gate.answered(state, self.policy, self.now))

    def disable(self) -> None:
        """Make no more attempts at the endpoint; its deliveries are parked as their turns come."""
        if self.state().status != "disabled":
            self.set_status("disabled")

    def finish(self, row: DeliveryRow) -> None:
        """The delivery is done."""
        self._close(row, FinishedRow("done", row.attempt, self.now, row.replay))

    def dead_letter(self, row: DeliveryRow, reason: str, detail: str = "") -> None:
        """The delivery is dead, for a named reason; its request goes to the dead letters and can be replayed."""
        letter = DeadLetter(
            stage="deliver",
            reason=reason,
            detail=detail or row.last_reason,
            topic=DELIVERIES,
            key=row.endpoint,
            event=request_of(row),
            attempts=row.attempt,
        )
        self.decisions.append(letter)
        if row.tenant != self.config.operators:
            self.died.append(reason)
        self._close(row, FinishedRow("dead", row.attempt, self.now, max(row.replay, row.again)))

    def _close(self, row: DeliveryRow, finished: FinishedRow) -> None:
        self.finished.put(self.finished.key(row.delivery_id), finished, self.now + self.config.finished_ttl)
        self.moved(row)

    def leave_lane(self, row: DeliveryRow) -> None:
        """Take a finished delivery out of its lane; if it had the turn, the next one has it."""
        if row.lane is None:
            return
        key = self.lanes.key(row.lane)
        lane = self.lanes.get(key)
        if lane is None or row.delivery_id not in lane.queue:
            return
        had_turn = lane.queue[0] == row.delivery_id
        rest = replace(lane, queue=tuple(one for one in lane.queue if one != row.delivery_id))
        if had_turn:
            self.hand_on(key, rest)
        else:
            self.lanes.replace(key, rest)

    def hand_on(self, key: str, lane: LaneRow) -> None:
        """Give the turn to the first delivery of a lane that can take it; when over budget, by the lane's timer."""
        queue = lane.queue
        while queue and not self.over_budget:
            row = self.pending.find(queue[0])
            if row is not None and self.begin(row):
                self.lanes.put(key, replace(lane, queue=queue), None)
                return
            queue = queue[1:]
        if queue:
            self.lanes.put(key, replace(lane, queue=queue), self.now + self.config.step_pause)
        else:
            self.lanes.delete(key)
