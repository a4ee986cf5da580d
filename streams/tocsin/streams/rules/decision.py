"""What a rule returns: values that the agent's shell encodes and writes, in this order."""

from __future__ import annotations

from msgspec import Struct

from tocsin.schemas.events import Event

PROBLEMS = "problems"
ESCALATIONS = "escalations"
DELIVERIES = "deliveries"
ATTEMPTS = "attempts"
INBOX = "inbox"
ANSWERS = "answers"

BUS = "tocsin"
"""Who commands when the bus itself does."""


class Emit(Struct, frozen=True):
    """One event for one topic (its name without the prefix); `key` decides the partition."""

    topic: str
    key: str
    event: Event


class DeadLetter(Struct, frozen=True, kw_only=True):
    """Something that ended without success, for the topic `dead` (docs/reliability.md#i12).

    `event` is what to publish again on `topic` under `key` when it is replayed; None stands for the input record
    that is being folded, whose original bytes the shell has. `reason` is from a closed set and is a metric label.
    """

    stage: str
    reason: str
    detail: str = ""
    topic: str
    key: str
    event: Event | None = None
    attempts: int = 0


Decision = Emit | DeadLetter
"""What a rule may return."""
