"""The publisher that keeps what it gets in a list: for tests, ours and our users'."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Self

from tocsin.connectors.publish.port import EventPublisher, InboxEvent, Receipt
from tocsin.schemas.codec import decode, encode


class MemoryPublisher(EventPublisher):
    """Keeps each event in `events`, as it would be read back from Kafka. Exceptions lined up in `failures` come first,
    one for each call. Nothing survives the process."""

    def __init__(self, *, tenant: str = "default") -> None:
        self.tenant = tenant
        self.events: list[InboxEvent] = []
        self.failures: deque[Exception] = deque()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def send(self, event: InboxEvent) -> Receipt:
        """Keep it, or raise what is lined up. Raises Unencodable for what Kafka could not be given either."""
        if self.failures:
            raise self.failures.popleft()
        kept = decode(encode(event))
        assert isinstance(kept, InboxEvent)
        self.events.append(kept)
        return Receipt(event_id=event.event_id, partition=0, offset=len(self.events) - 1)
