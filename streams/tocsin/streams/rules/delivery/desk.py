"""The moves that one event may make with the deliveries of a partition: attempt, park, bury, hand on the lane's turn.

Invariants, held after every event:
- a lane's first delivery is in_flight, waiting or parked (or held, with the lane's timer set); all others are held;
- every DeliveryRow has a timer, or is on its endpoint's stack of parked deliveries, whose row is reached by a command;
- a DeliveryRow becomes a FinishedRow exactly once: pairs = delivered + dead + pending. One that is dead and replayed
  becomes a DeliveryRow again, and the pair is pending again.
"""

from __future__ import annotations

from msgspec.structs import replace

from tocsin.schemas.events import DeliveryAttempt
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.decision import ATTEMPTS, Decision, Emit
from tocsin.streams.rules.delivery.deliver_config import DeliverConfig
from tocsin.streams.rules.delivery.letters import dead_delivery, request_of
from tocsin.streams.rules.state import DeliveryRow, EndpointRow, FinishedRow, LaneRow, row_key

_OVERHEAD = 1024


def delivery_key(endpoint: str, delivery_id: str) -> str:
    """Key of a DeliveryRow or FinishedRow."""
    return row_key("delivery", endpoint, delivery_id)


def lane_key(endpoint: str, lane: str) -> str:
    """Key of a LaneRow."""
    return row_key("lane", endpoint, lane)


def endpoint_key(endpoint: str) -> str:
    """Key of an EndpointRow."""
    return row_key("endpoint", endpoint)


class Desk:
    """The deliveries of one partition during one event. Collects what is decided, in order, in `decisions`."""

    def __init__(self, rows: Rows, now: int, config: DeliverConfig) -> None:
        self.rows = rows
        self.now = now
        self.config = config
        self.decisions: list[Decision] = []
        self._moved = 0

    def pending(self, endpoint: str, delivery_id: str) -> DeliveryRow | None:
        """The delivery, if it is known and not finished."""
        row = self.rows.get(delivery_key(endpoint, delivery_id))
        return row if isinstance(row, DeliveryRow) else None

    def endpoint(self, endpoint: str) -> EndpointRow:
        """The endpoint's row, or that of an enabled one."""
        row = self.rows.get(endpoint_key(endpoint))
        return row if isinstance(row, EndpointRow) else EndpointRow(endpoint, "enabled", self.now)

    @property
    def tired(self) -> bool:
        """Whether this event has moved as much as one event may; the rest is for a timer."""
        return self._moved >= self.config.step_bytes

    def put(self, row: DeliveryRow, due: int | None) -> None:
        """Keep a delivery with its timer."""
        self.rows.put(delivery_key(row.endpoint, row.delivery_id), row, due)

    def begin(self, row: DeliveryRow) -> bool:
        """Make the next attempt of a delivery whose turn it is; False when its endpoint was removed and it is dead."""
        status = self.endpoint(row.endpoint).status
        if status == "removed":
            self.bury(row, "endpoint_removed")
            return False
        if status == "disabled":
            self.park(row)
        else:
            self.attempt(replace(row, attempt=row.attempt + 1, leases=0))
        return True

    def attempt(self, row: DeliveryRow) -> None:
        """Ask for attempt number `row.attempt`; its lease is the timer. A repeated request has the same event id."""
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
        )
        self.decisions.append(Emit(ATTEMPTS, row.endpoint, attempt))
        self._moved += len(row.body) + _OVERHEAD

    def await_outcome(self, row: DeliveryRow) -> None:
        """Give attempt number `row.attempt` the time of a lease, doubled for each lease before it."""
        lease = min(self.config.lease << min(row.leases, 20), self.config.max_lease)
        self.put(replace(row, state="in_flight", next_parked=None), self.now + lease)

    def park(self, row: DeliveryRow) -> None:
        """Put a delivery on its disabled endpoint's stack, where it waits for a command (or for the limit)."""
        key = endpoint_key(row.endpoint)
        endpoint = self.endpoint(row.endpoint)
        self.put(replace(row, state="parked", next_parked=endpoint.parked), None)
        due = self.rows.due(key) or self.now + self.config.disabled_limit
        self.rows.put(key, replace(endpoint, parked=row.delivery_id), due)

    def disable(self, name: str) -> None:
        """Make no more attempts at an endpoint; its deliveries are parked as their turns come."""
        endpoint = self.endpoint(name)
        if endpoint.status != "disabled":
            due = None if endpoint.parked is None else self.now + self.config.disabled_limit
            self.rows.put(endpoint_key(name), replace(endpoint, status="disabled", since=self.now), due)

    def finish(self, row: DeliveryRow) -> None:
        """The delivery is done."""
        self._close(row, FinishedRow("done", row.attempt, self.now))

    def bury(self, row: DeliveryRow, reason: str, detail: str = "") -> None:
        """The delivery is dead, for a named reason; its request goes to the dead letters and can be replayed."""
        self.decisions.append(dead_delivery(request_of(row), reason, detail or row.last_reason, row.attempt))
        self._close(row, FinishedRow("dead", row.attempt, self.now))

    def _close(self, row: DeliveryRow, finished: FinishedRow) -> None:
        key = delivery_key(row.endpoint, row.delivery_id)
        self.rows.put(key, finished, self.now + self.config.finished_ttl)
        self._moved += len(row.body) + _OVERHEAD

    def leave_lane(self, row: DeliveryRow) -> None:
        """Take a finished delivery out of its lane; if it had the turn, the next one has it."""
        if row.lane is None:
            return
        key = lane_key(row.endpoint, row.lane)
        lane = self.rows.get(key)
        if not isinstance(lane, LaneRow) or row.delivery_id not in lane.queue:
            return
        had_turn = lane.queue[0] == row.delivery_id
        rest = replace(lane, queue=tuple(one for one in lane.queue if one != row.delivery_id))
        if had_turn:
            self.hand_on(rest)
        else:
            self.rows.put(key, rest, self.rows.due(key))

    def hand_on(self, lane: LaneRow) -> None:
        """Give the turn to the first delivery of a lane that can take it; when tired, by the lane's timer."""
        key = lane_key(lane.endpoint, lane.lane)
        queue = lane.queue
        while queue and not self.tired:
            row = self.pending(lane.endpoint, queue[0])
            if row is not None and self.begin(row):
                self.rows.put(key, replace(lane, queue=queue))
                return
            queue = queue[1:]
        if queue:
            self.rows.put(key, replace(lane, queue=queue), self.now + self.config.step_pause)
        else:
            self.rows.delete(key)

    def catch_up(self, name: str) -> None:
        """Take deliveries off an endpoint's stack and treat them as its status says, a step at a time."""
        key = endpoint_key(name)
        endpoint = self.endpoint(name)
        while endpoint.parked is not None and not self.tired:
            row = self.pending(name, endpoint.parked)
            self.rows.put(key, replace(endpoint, parked=row.next_parked if row else None), self.rows.due(key))
            if row is not None:
                self._unpark(row, endpoint.status)
            endpoint = self.endpoint(name)
        if endpoint.parked is not None:
            self.rows.put(key, endpoint, self.now + self.config.step_pause)
        elif endpoint.status == "enabled":
            self.rows.delete(key)
        else:
            self.rows.put(key, endpoint)

    def _unpark(self, row: DeliveryRow, status: str) -> None:
        if status == "disabled":
            self.bury(row, "endpoint_disabled")
        elif self.begin(row):
            return
        self.leave_lane(row)
