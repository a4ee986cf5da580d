"""What a sink is: three methods. It tries once and classifies what happened; when to try again is a rule's business."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from tocsin.connectors.outcomes import Delivered, Reason, Rejected, RetryLater, SinkOutcome
from tocsin.schemas.errors import TocsinError
from tocsin.schemas.events import DeliveryAttempt


class SinkMisconfigured(TocsinError):
    """The settings of an endpoint cannot work: `field` is which, `why` says it without quoting the value."""

    def __init__(self, kind: str, field: str, why: str) -> None:
        super().__init__(kind, field, why)
        self.kind = kind
        self.field = field
        self.why = why

    def __str__(self) -> str:
        return f"{self.kind} endpoint, {self.field or 'settings'}: {self.why}"


class Sink(Protocol):
    """One endpoint, opened once and used for many attempts, at the same time if need be.

    `deliver` raises nothing but CancelledError: whatever goes wrong is an outcome. It may have delivered although it
    says RetryLater (the answer was lost), so receivers absorb repeats by the delivery id: at least once.
    """

    async def __aenter__(self) -> Self:
        """Take what is needed (connections, keys)."""
        ...

    async def deliver(self, attempt: DeliveryAttempt) -> SinkOutcome:
        """Try once, within the sink's own total time."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give everything back; attempts under way are cut off."""
        ...


__all__ = ["Delivered", "Reason", "Rejected", "RetryLater", "Sink", "SinkMisconfigured", "SinkOutcome"]
