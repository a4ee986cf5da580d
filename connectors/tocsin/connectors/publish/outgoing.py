"""A record on its way to Kafka, and the future that tells its publisher how it ended."""

from __future__ import annotations

import asyncio

from tocsin.connectors.publish.port import Receipt


class Outgoing:
    """One record. `handed`: a producer has had it, so that from then on it may be stored without our knowing.
    `confirmed_before`: how many records had been confirmed when this one came."""

    __slots__ = ("acknowledged", "confirmed_before", "event_id", "handed", "headers", "key", "value")

    def __init__(
        self, event_id: str, key: bytes, value: bytes, headers: list[tuple[str, bytes]], confirmed_before: int
    ) -> None:
        self.confirmed_before = confirmed_before
        self.event_id = event_id
        self.key = key
        self.value = value
        self.headers = headers
        self.handed = False
        self.acknowledged: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

    def fail(self, error: Exception) -> None:
        """Tell its publisher, unless it knows already."""
        if not self.acknowledged.done():
            self.acknowledged.set_exception(error)
