"""The sink that keeps what it gets in a list: for tests, ours and our users', and for looking."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Annotated, Self

from msgspec import Meta, Struct

from tocsin.connectors.sinks.base import Delivered, SinkOutcome
from tocsin.schemas.events import DeliveryAttempt


class MemoryConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keeps the last deliveries in memory: for tests and a first look."""

    keep: Annotated[int, Meta(ge=1, le=1_000_000), "How many attempts are kept, the latest ones."] = 10_000


class MemorySink:
    """Keeps every attempt in `attempts` and delivers it, unless outcomes are lined up in `answers`: those come first,
    one for each attempt. Nothing survives the process."""

    Config = MemoryConfig
    tells_peers = "perhaps"

    def __init__(self, config: MemoryConfig | None = None) -> None:
        self.config = config or MemoryConfig()
        self.attempts: deque[DeliveryAttempt] = deque(maxlen=self.config.keep)
        self.answers: deque[SinkOutcome] = deque()

    async def __aenter__(self) -> Self:
        return self

    async def deliver(self, attempt: DeliveryAttempt) -> SinkOutcome:
        """Keep it; answer what is lined up, else Delivered."""
        self.attempts.append(attempt)
        return self.answers.popleft() if self.answers else Delivered()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @property
    def delivery_ids(self) -> list[str]:
        """The delivery ids in the order of the attempts."""
        return [attempt.delivery_id for attempt in self.attempts]
