"""The agent `deliver`: deliveries (requests and outcomes) -> attempts, dead.

Delivery: each request and outcome is decided exactly once; an attempt is asked for at least once, repeats carrying the
same delivery id, attempt number and body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.agent import Agent
from tocsin.streams.engine.record import Output, Rows
from tocsin.streams.rules.decision import Decision
from tocsin.streams.rules.delivery import deliver
from tocsin.streams.rules.delivery.deliveries import Deliveries
from tocsin.streams.rules.delivery.schedule import DeliverConfig


class DeliverAgent(Agent):
    """The rule set `deliver`."""

    name = "deliver"
    input_topic = "deliveries"

    def __init__(self, config: Callable[[], DeliverConfig], prefix: str, book: SchemaBook) -> None:
        super().__init__(prefix, book)
        self._config = config
        self._deliveries: Deliveries | None = None

    def partition_key(self, event: Any) -> bytes | None:
        """The endpoint: its order, breaker and throttle are in one place."""
        endpoint: str | None = getattr(event, "endpoint", None)
        return None if endpoint is None else endpoint.encode()

    def decide(self, event: Any, rows: Rows, now: int) -> Iterable[Decision]:
        deliveries, config = self._deliveries, self._config()
        if deliveries is None or deliveries.rows is not rows:
            self._deliveries = deliveries = Deliveries(rows, now, config, "")
        return deliver.deliver_event(deliveries, event, now, config)

    def decide_timer(self, key: str, rows: Rows, now: int) -> Iterable[Decision]:
        return deliver.fire(key, rows, now, self._config())

    def released(self, rows: Rows) -> None:
        """What is used again holds the rows of the partition that was decided last."""
        if self._deliveries is not None and self._deliveries.rows is rows:
            self._deliveries = None

    def resumed(self, rows: Rows, since: int, until: int) -> Iterable[Output]:
        """Retries and leases get no grace: what is late is done at once."""
        return ()
