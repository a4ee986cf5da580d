"""The moves that one event may make with the deliveries of an endpoint: attempt, park, dead-letter, give the lane's
turn to the next.

Invariants, held after every event:
- a lane's first delivery is in_flight, waiting or parked (or held, with the lane's timer set); all others are held;
- every DeliveryRow has a timer, or is on its endpoint's stack of parked deliveries, whose row is reached by a command;
- a DeliveryRow becomes a FinishedRow exactly once: requested = delivered + dead + pending. One that is
  replayed becomes a DeliveryRow again, and is pending again.
"""

from __future__ import annotations

from msgspec.structs import replace

from tocsin.schemas.events import DeliveryAttempt, DeliveryRequested, EventBase
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.decision import ATTEMPTS, DELIVERIES, DeadLetter, Decision, Emit
from tocsin.streams.rules.delivery.schedule import DeliverConfig
from tocsin.streams.rules.state import DeliveryRow, DispatchRow, EndpointRow, FinishedRow, LaneRow
from tocsin.streams.rules.state.deliveries import EndpointStatus
from tocsin.streams.rules.state.keys import key_part, row_key
from tocsin.streams.rules.state.tables import Table

_DISPATCH = row_key("dispatch")
_OVERHEAD = 1024
"""What a delivery counts against the budget of an event besides the bytes of its body."""


def delivery_key(endpoint: str, delivery_id: str) -> str:
    """Key of a DeliveryRow or FinishedRow."""
    return row_key("delivery", endpoint, delivery_id)


class Deliveries:
    """The deliveries of one endpoint during one event or timer. `now` is in microseconds; `decisions` are written in
    their order. `scope` is the endpoint as row keys spell it."""

    def __init__(self, rows: Rows, now: int, config: DeliverConfig, endpoint: str) -> None:
        self.rows, self.now, self.config, self.endpoint = rows, now, config, endpoint
        self.scope = key_part(endpoint)
        self.decisions: list[Decision] = []
        self.pending = Table(self, DeliveryRow, "delivery")
        self.finished = Table(self, FinishedRow, "delivery")
        self.lanes = Table(self, LaneRow, "lane")
        self.endpoints = Table(self, EndpointRow, "endpoint")
        self._moved = 0

    def state(self) -> EndpointRow:
        """The endpoint's row, or that of an enabled one."""
        return self.endpoints.find() or EndpointRow(self.endpoint, "enabled", self.now)

    @property
    def over_budget(self) -> bool:
        """Whether this event has moved as much as one event may; the rest is for a timer."""
        return self._moved >= self.config.step_bytes

    def put(self, row: DeliveryRow, due: int | None) -> None:
        """Keep a delivery with its timer."""
        self.pending.put(self.pending.key(row.delivery_id), row, due)

    def begin(self, row: DeliveryRow) -> bool:
        """Make the next attempt of a delivery whose turn it is; False when its endpoint was removed and it is dead."""
        status = self.state().status
        if status == "removed":
            self.dead_letter(row, "endpoint_removed")
            return False
        if status == "disabled":
            self.park(row)
        else:
            self.attempt(replace(row, attempt=row.attempt + 1, leases=0))
        return True

    def attempt(self, row: DeliveryRow) -> None:
        """Ask for attempt number `row.attempt`; its lease is the timer. A repeated request has the same event id."""
        row = replace(row, asked_at=self.now)
        self.await_outcome(row)
        attempt = DeliveryAttempt(
            event_id=derived_id("attempt", row.delivery_id, str(row.attempt)),
            tenant=row.tenant,
            occurred_at=self.now,
            recorded_at=self.now,
            cause=row.event_id,
            traceparent=row.traceparent,
            delivery_id=row.delivery_id,
            endpoint=row.endpoint,
            attempt=row.attempt,
            lane=row.lane,
            about=row.about,
            content_type=row.content_type,
            body=row.body,
            replay=row.replay,
            tracestate=row.tracestate,
        )
        self.decisions.append(Emit(ATTEMPTS, row.endpoint, attempt))
        self._moved += len(row.body) + _OVERHEAD

    def await_outcome(self, row: DeliveryRow, until: int | None = None) -> None:
        """Give attempt number `row.attempt` the time of a lease, doubled for each lease before it, `until` at most."""
        lease = min(self.config.lease << min(row.leases, 20), self.config.max_lease)
        due = self.now + lease
        self.put(replace(row, state="in_flight", next_parked=None), due if until is None else min(due, until))

    def note_progress(self, row: DeliveryRow) -> None:
        """An attempt of the delivery had its outcome: the dispatcher works, and has come as far as that."""
        came_to = self._progress()
        asked_at = row.asked_at if came_to is None else max(came_to.asked_at, row.asked_at)
        due = self.rows.due(_DISPATCH) or self.now + self.config.max_lease
        self.rows.put(_DISPATCH, DispatchRow(self.now, asked_at), due)

    def keep_progress(self, row: DispatchRow) -> None:
        """Its timer is due: keep it for as long as it can still say something of a lease."""
        until = row.answered_at + self.config.max_lease
        if until > self.now:
            self.rows.put(_DISPATCH, row, until)
        else:
            self.rows.delete(_DISPATCH)

    def waits_its_turn(self, row: DeliveryRow) -> bool:
        """Whether the attempt that is in flight is still before the dispatcher, as far as is known: outcomes come, but
        not yet of attempts that were asked for after it. No longer than the dispatcher makes an attempt at all."""
        came_to = self._progress()
        if came_to is None or self.now - row.asked_at >= self.config.max_lease:
            return False
        works = self.now - came_to.answered_at < self.config.lease
        return works and came_to.asked_at < row.asked_at + self.config.in_hand

    def _progress(self) -> DispatchRow | None:
        row = self.rows.get(_DISPATCH)
        return row if type(row) is DispatchRow else None

    def park(self, row: DeliveryRow) -> None:
        """Put a delivery on its disabled endpoint's stack, where it waits for a command (or for the limit)."""
        state = self.state()
        self.put(replace(row, state="parked", next_parked=state.parked), None)
        parked = replace(state, parked=row.delivery_id, waiting=state.waiting + 1)
        self.endpoints.keep(self.endpoints.key(), parked, self.now + self.config.disabled_limit)

    def set_status(self, status: EndpointStatus, due: int | None = None) -> None:
        """Enable, disable or remove the endpoint; `catch_up` does what follows for parked deliveries."""
        self.endpoints.put(self.endpoints.key(), replace(self.state(), status=status, since=self.now), due)

    def disable(self) -> None:
        """Make no more attempts at the endpoint; its deliveries are parked as their turns come."""
        state = self.state()
        if state.status != "disabled":
            self.set_status("disabled", None if state.parked is None else self.now + self.config.disabled_limit)

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
            event=_request_of(row),
            attempts=row.attempt,
        )
        self.decisions.append(letter)
        self._close(row, FinishedRow("dead", row.attempt, self.now, max(row.replay, row.again)))

    def _close(self, row: DeliveryRow, finished: FinishedRow) -> None:
        self.finished.put(self.finished.key(row.delivery_id), finished, self.now + self.config.finished_ttl)
        self._moved += len(row.body) + _OVERHEAD

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

    def catch_up(self) -> None:
        """Take deliveries off the endpoint's stack and treat them as its status says, a step at a time."""
        key = self.endpoints.key()
        state = self.state()
        while state.parked is not None and not self.over_budget:
            row = self.pending.find(state.parked)
            below = row.next_parked if row else None
            self.endpoints.replace(key, replace(state, parked=below, waiting=state.waiting - 1 if below else 0))
            if row is not None:
                self._unpark(row, state.status)
            state = self.state()
        if state.parked is not None:
            self.endpoints.put(key, state, self.now + self.config.step_pause)
        elif state.status == "enabled" and not (state.failures or state.told):
            self.endpoints.delete(key)
        else:
            self.endpoints.put(key, state, None)

    def _unpark(self, row: DeliveryRow, status: str) -> None:
        if status == "disabled":
            self.dead_letter(row, "endpoint_disabled")
        elif self.begin(row):
            return
        self.leave_lane(row)


def misplaced(event: EventBase, key: str, reason: str) -> DeadLetter:
    """The dead letter of an input record that `deliver` cannot use: its own bytes."""
    return DeadLetter(stage="deliver", reason=reason, detail=type(event).__name__, topic=DELIVERIES, key=key)


def _request_of(row: DeliveryRow) -> DeliveryRequested:
    """The event that asked for this delivery, as it was."""
    return DeliveryRequested(
        event_id=row.event_id,
        tenant=row.tenant,
        occurred_at=row.occurred_at,
        recorded_at=row.occurred_at,
        cause=row.cause,
        traceparent=row.traceparent,
        delivery_id=row.delivery_id,
        endpoint=row.endpoint,
        lane=row.lane,
        case=row.case,
        about=row.about,
        content_type=row.content_type,
        body=row.body,
        replay=max(row.replay, row.again),
        tracestate=row.tracestate,
    )
