"""Deliveries: each follows from something that was said, ends once, is always the same bytes, in its lane's order; no
endpoint gets more than its rate, or, while its breaker is open, than probes."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from typing import Any

from tests.simulation.broken import Broken
from tests.simulation.simulated_rules import RATES, UNORDERED, decide_config
from tests.simulation.watched import Watcher
from tocsin.schemas.events import DeliveryAttempt, DeliveryRequested
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.decision import DeadLetter, Decision, Emit
from tocsin.streams.rules.delivery.deliveries import delivery_key
from tocsin.streams.rules.state import DeliveryRow, EndpointRow, FinishedRow, row_key
from tocsin.streams.rules.values import SECOND

REMEMBERED = 200_000
"""Ids whose bytes are compared with those of a repeat."""

_NO_LANE = ""

KEPT = decide_config(0).thread_ttl
"""For how long anything is known of a report that is in no case that is heard of."""

PROBE = 30 * SECOND
"""The shortest time between two probes of the endpoints that are simulated."""


class DeliveryWatch(Watcher):
    """Follows every pair of event and endpoint from the request to its end."""

    def __init__(self) -> None:
        self.requested = self.revived = self.probes = self.at_the_rate = 0
        self.ended: Counter[str] = Counter()
        self.received: OrderedDict[str, int] = OrderedDict()
        self.pending: dict[str, tuple[str, str]] = {}
        self._lanes: dict[tuple[str, str], deque[str]] = {}
        self._ended_before: set[int] = set()
        self._bytes: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._arrived: dict[str, deque[int]] = {}
        self._made: set[int] = set()
        self._probed_at: dict[str, int] = {}

    # the twins

    def folded(self, event: Any, said: Sequence[Decision], rows: Rows, now: int) -> None:
        self._follow(said, {getattr(event, "event_id", None)}, now)
        endpoint = getattr(event, "endpoint", None)
        if endpoint in self._probed_at and not _is_open(endpoint, rows):
            del self._probed_at[endpoint]
        if isinstance(event, DeliveryRequested):
            self._request(event, said, rows)
        self._deaths(said)
        if self.pending and getattr(event, "delivery_id", None) in self.pending:
            row = rows.get(delivery_key(event.endpoint, event.delivery_id))
            if isinstance(row, FinishedRow) and row.state == "done":
                if event.delivery_id not in self.received:
                    raise Broken(f"{event.delivery_id} counts as delivered and nobody received it")
                self._end(event.delivery_id, "delivered")
        self._attempts(said, rows, now)

    def fired(self, key: str, row: Any, said: Sequence[Decision], rows: Rows, now: int) -> None:
        self._follow(said, {getattr(row, "cause", None)}, now)
        self._deaths(said)
        self._attempts(said, rows, now)

    def _follow(self, said: Sequence[Decision], known: set[str | None], now: int) -> None:
        """Whoever is told is told of an event of this moment; the same id always has the same bytes, unless a report
        comes again when nothing is known of it any more: a partition whose last outbox forwarded it says that at each
        take-over, however long ago it was."""
        events = [one.event for one in said if isinstance(one, Emit)]
        known |= {event.event_id for event in events}
        for event in events:
            if isinstance(event, DeliveryRequested):
                if event.cause not in known:
                    raise Broken(f"delivery {event.delivery_id} follows from {event.cause}, which was never said")
                if (
                    event.delivery_id not in self.pending
                    and self._bytes.get(event.delivery_id, (0, now))[1] < now - KEPT
                ):
                    del self._bytes[event.delivery_id]
                self._same_bytes(event, now)
            elif isinstance(event, DeliveryAttempt):
                self._same_bytes(event, now)

    def _same_bytes(self, event: DeliveryRequested | DeliveryAttempt, now: int) -> None:
        told = (event.peer, event.own, event.connection)
        found = hash((event.endpoint, event.lane, event.about, event.body, told))
        if self._bytes.setdefault(event.delivery_id, (found, now))[0] != found:
            raise Broken(f"{event.delivery_id} is asked for with other bytes than before")
        if len(self._bytes) > REMEMBERED:
            self._bytes.popitem(last=False)

    def _request(self, request: DeliveryRequested, said: Sequence[Decision], rows: Rows) -> None:
        name = request.delivery_id
        if name in self.pending:
            return
        row = rows.get(delivery_key(request.endpoint, name))
        if not isinstance(row, DeliveryRow | FinishedRow):
            raise Broken(f"the request for {name} left nothing behind")
        if hash(name) in self._ended_before:
            if isinstance(row, FinishedRow) and not any(isinstance(one, DeadLetter) for one in said):
                return  # absorbed
            self.revived += 1  # a repeat long after the end, or of one that is dead
        self.requested += 1
        self.pending[name] = (request.endpoint, request.lane or _NO_LANE)
        if request.lane is not None:
            self._lanes.setdefault((request.endpoint, request.lane), deque()).append(name)

    def _deaths(self, said: Sequence[Decision]) -> None:
        for one in said:
            if isinstance(one, DeadLetter) and isinstance(one.event, DeliveryRequested):
                self._end(one.event.delivery_id, f"dead: {one.reason}")

    def _end(self, name: str, how: str) -> None:
        place = self.pending.pop(name, None)
        if place is None:
            raise Broken(f"{name} ends twice: {how}")
        self.ended[how] += 1
        self._ended_before.add(hash(name))
        lane = self._lanes.get(place)
        if lane is not None:
            lane.remove(name)
            if not lane:
                del self._lanes[place]

    def _attempts(self, said: Sequence[Decision], rows: Rows, now: int) -> None:
        for one in said:
            if isinstance(one, Emit) and isinstance(one.event, DeliveryAttempt):
                self._in_turn(one.event, "attempted")
                self._as_a_probe(one.event, rows, now)

    def _as_a_probe(self, attempt: DeliveryAttempt, rows: Rows, now: int) -> None:
        if not _is_open(attempt.endpoint, rows):
            return
        self.probes += 1
        before = self._probed_at.get(attempt.endpoint)
        if before is not None and now - before < PROBE:
            raise Broken(f"{attempt.endpoint} is probed again after {(now - before) / 1e6} s")
        self._probed_at[attempt.endpoint] = now

    # the receiver

    def arrive(self, attempt: DeliveryAttempt, now: int) -> None:
        """It came to the other side; the same attempt again, because its outcome was lost, is not counted."""
        rate, made = RATES.get(attempt.endpoint), hash((attempt.delivery_id, attempt.attempt))
        if rate is None or made in self._made:
            return
        self._made.add(made)
        arrived = self._arrived.setdefault(attempt.endpoint, deque())
        while arrived and arrived[0] <= now - rate.per:
            arrived.popleft()
        arrived.append(now)
        if len(arrived) == rate.count:
            self.at_the_rate += 1
        if len(arrived) > rate.count:
            raise Broken(f"{attempt.endpoint} gets {len(arrived)} within {rate.per / 1e6} s")

    def receive(self, attempt: DeliveryAttempt, now: int) -> None:
        """The other side has taken it."""
        self._same_bytes(attempt, now)
        if attempt.delivery_id not in self.received:
            self.received[attempt.delivery_id] = now
            if len(self.received) > REMEMBERED:
                self.received.popitem(last=False)
            self._in_turn(attempt, "received")

    def _in_turn(self, attempt: DeliveryAttempt, what: str) -> None:
        if attempt.lane is None or attempt.endpoint == UNORDERED:
            return
        lane = self._lanes.get((attempt.endpoint, attempt.lane))
        if lane and attempt.delivery_id in lane and lane[0] != attempt.delivery_id:
            raise Broken(f"{attempt.delivery_id} is {what} before its turn in {attempt.lane!r}")

    def check_all_ended(self) -> None:
        """For the end: pairs = delivered + dead."""
        if self.pending:
            raise Broken(f"{len(self.pending)} deliveries are pending for ever: {list(self.pending.items())[:3]}")
        if self.requested != self.ended.total():
            raise Broken(f"{self.requested} pairs, {self.ended.total()} ends")


def _is_open(endpoint: str, rows: Rows) -> bool:
    row = rows.get(row_key("endpoint", endpoint))
    return isinstance(row, EndpointRow) and row.breaker != "closed"
