"""The rows of one endpoint: its deliveries, its lanes, and what is known of it, or of each peer whom it tells."""

from __future__ import annotations

from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.decision import Decision
from tocsin.streams.rules.delivery.schedule import DeliverConfig
from tocsin.streams.rules.state import DeliveryRow, EndpointRow, FinishedRow, LaneRow, PeerEndpointRow, QueuedRow
from tocsin.streams.rules.state.keys import key_part
from tocsin.streams.rules.state.tables import Table


class EndpointRows:
    """The deliveries of one endpoint during one event or timer. `now` is in microseconds; `decisions` are written in
    their order. `scope` is the endpoint as row keys spell it. It may be used for one event after another of the same
    rows (`turn_to`): its tables are then made once."""

    __slots__ = (
        "_moved", "config", "decisions", "died", "endpoint", "endpoints", "finished", "lanes", "now", "of_peers",
        "peer", "pending", "policy", "queue", "rows", "scope",
    )  # fmt: skip

    def __init__(self, rows: Rows, now: int, config: DeliverConfig, endpoint: str) -> None:
        self.rows = rows
        self.pending = Table(self, DeliveryRow, "delivery")
        self.finished = Table(self, FinishedRow, "delivery")
        self.lanes = Table(self, LaneRow, "lane")
        self.endpoints = Table(self, EndpointRow, "endpoint")
        self.of_peers = Table(self, PeerEndpointRow, "peer_endpoint")
        self.queue = Table(self, QueuedRow, "queued")
        self.turn_to(now, config, endpoint)

    def turn_to(self, now: int, config: DeliverConfig, endpoint: str) -> None:
        """Turn to the next event or timer; the decisions are a new list."""
        self.now, self.config, self.endpoint = now, config, endpoint
        self.scope, self.peer = key_part(endpoint), ""
        self.policy = config.policies.get(endpoint) or config.policy
        self.decisions: list[Decision] = []
        self.died: list[str] = []
        self._moved = 0

    def at(self, row: DeliveryRow) -> None:
        """Turn to the peer whom a delivery tells, if its endpoint tells whoever is the other side: each such peer has a
        gate, a queue and a health of its own."""
        self.peer = row.peer or "" if self.config.by_peer and self.endpoint in self.config.by_peer else ""

    def found(self) -> EndpointRow | None:
        """The row of the endpoint, or of the peer to whom this has turned; None when there is nothing to say of it."""
        return self.of_peers.find(self.peer) if self.peer else self.endpoints.get(self.endpoints.own_key())

    def key(self) -> str:
        """The key of that row."""
        return self.of_peers.key(self.peer) if self.peer else self.endpoints.own_key()

    def state(self) -> EndpointRow:
        """That row, or the one of an endpoint that is enabled."""
        found = self.found()
        if found is not None:
            return found
        if self.peer:
            return PeerEndpointRow(self.endpoint, "enabled", self.now, peer=self.peer)
        return EndpointRow(self.endpoint, "enabled", self.now)

    def whole(self) -> EndpointRow:
        """The row of the endpoint as a whole: only that is ever disabled or removed."""
        return self.endpoints.get(self.endpoints.own_key()) or EndpointRow(self.endpoint, "enabled", self.now)

    def place(self, number: int) -> str:
        """The key of a place in the queue."""
        return self.queue.key(self.peer, str(number)) if self.peer else self.queue.key(str(number))
