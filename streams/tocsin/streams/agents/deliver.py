"""The agent `deliver`: deliveries (requests and outcomes) -> attempts, dead.

Delivery: each request and outcome is decided exactly once; an attempt is asked for at least once, repeats carrying the
same delivery id, attempt number and body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.shell import AgentShell, row_from
from tocsin.streams.engine.record import Output, Record, Rows
from tocsin.streams.rules.delivery import deliver
from tocsin.streams.rules.delivery.schedule import DeliverConfig
from tocsin.streams.rules.state import ROW_VERSION, encode_row


class DeliverAgent:
    """The rule set `deliver` for the engine. `config` is asked at every event, so that rules may be reloaded."""

    name = "deliver"
    input_topic = "deliveries"
    changelog = "deliver-changelog"
    row_version = ROW_VERSION

    def __init__(self, config: Callable[[], DeliverConfig], prefix: str, book: SchemaBook) -> None:
        self._config = config
        self._shell = AgentShell(self.name, prefix, book)
        self.decode = self._shell.decode
        self.encode_row = encode_row
        self.decode_row = row_from

    def partition_key(self, event: Any) -> bytes | None:
        """The endpoint: its order, breaker and throttle are in one place."""
        endpoint: str | None = getattr(event, "endpoint", None)
        return None if endpoint is None else endpoint.encode()

    def fold(self, event: Any, rows: Rows, now: int, record: Record) -> Iterable[Output]:
        return self._shell.outputs(deliver.deliver(event, rows, now, self._config()), record)

    def fire(self, key: str, rows: Rows, now: int) -> Iterable[Output]:
        return self._shell.outputs(deliver.fire(key, rows, now, self._config()), None)

    def resumed(self, rows: Rows, since: int, until: int) -> Iterable[Output]:
        """Retries and leases get no grace: what is late is done at once."""
        return ()

    def tick(self, partition: int, now: int) -> Output:
        return self._shell.tick(self.input_topic, partition, now)
