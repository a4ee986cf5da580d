"""Taking documents in: each becomes an event that Kafka has acknowledged, or a refusal that says why."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.dialects.reading import SYNTAX_REASONS
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.metrics import GatewayMetrics
from tocsin.connectors.gateway.problems import (
    INTERNAL,
    KAFKA_AWAY,
    MALFORMED,
    NOT_A_PROBLEM,
    NOT_VALID,
    REFUSED_BY_KAFKA,
    TOO_LARGE,
    UNCONFIRMED,
    UNKNOWN_DIALECT,
    Kind,
    Refusal,
)
from tocsin.connectors.publish import (
    InboxEvent,
    KafkaAway,
    NothingToPublish,
    PublishFailed,
    PublishUnconfirmed,
    Receipt,
    TopicMissing,
)
from tocsin.schemas.errors import Unencodable, UnencodableReason
from tocsin.schemas.events import CommandIssued, ProblemReported

log = logging.getLogger(__name__)

Make = Callable[[], InboxEvent]
"""Makes the event of one document; raises Unreadable, NothingToPublish or Refusal."""


class EventPort(Protocol):
    """Where accepted events go; `tocsin.connectors.publish` has two of them."""

    async def send(self, event: InboxEvent) -> Receipt:
        """Store the event; returns only once it is stored. Raises Unencodable or a PublishFailed."""
        ...


class Taking:
    """Makes events, stores them, counts both."""

    def __init__(self, config: GatewayConfig, port: EventPort, metrics: GatewayMetrics) -> None:
        self._config = config
        self._port = port
        self._metrics = metrics

    async def take(self, make: Make) -> dict[str, object]:
        """Store one event and say where it will be found; or why none was made of what may well be sent here (a letter
        of another bus, which would come again and again if it were refused). Raises Refusal, and nothing else but
        CancelledError."""
        try:
            event = make()
            async with asyncio.timeout(self._config.deadline + 1):
                await self._port.send(event)
        except NothingToPublish as nothing:
            if not nothing.taken:
                raise refusal_of(nothing) from None
            self._metrics.count_refused(NOT_A_PROBLEM.name)
            return {"ignored": nothing.why}
        except Exception as error:
            raise refusal_of(error) from None
        self._metrics.count_accepted(_kind(event))
        return _answer(event)

    async def take_each(self, makes: list[Make]) -> list[dict[str, object]]:
        """Store several, each for itself, in any order: for each what `take` returns, or `{"error": problem}`."""

        async def one(make: Make) -> dict[str, object]:
            try:
                return await self.take(make)
            except Refusal as refusal:
                self._metrics.count_refused(refusal.kind.name)
                return {"error": refusal.document()}

        return await asyncio.gather(*(one(make) for make in makes))


def _kind(event: InboxEvent) -> str:
    if isinstance(event, ProblemReported):
        return event.problem.dialect
    return "command" if isinstance(event, CommandIssued) else "activity"


def _answer(event: InboxEvent) -> dict[str, object]:
    """What is said of a stored event: its id, the occurrence unless it is a command, and what the reader forgave (rule
    and pointer)."""
    if isinstance(event, CommandIssued):
        return {"event_id": event.event_id}
    answer: dict[str, object] = {"event_id": event.event_id, "instance": f"urn:uuid:{event.event_id}"}
    if isinstance(event, ProblemReported) and event.problem.violations:
        answer["violations"] = msgspec.to_builtins(event.problem.violations)
    return answer


def refusal_of(error: Exception) -> Refusal:
    """Total. What an exception says is not passed on, except where we wrote it (RELIABILITY 3.1, I)."""
    match error:
        case Refusal():
            return error
        case Unreadable():
            return _of_unreadable(error)
        case NothingToPublish():
            return Refusal(NOT_A_PROBLEM, detail=f"No event was made: {error.why}.")
        case Unencodable():
            large = error.reason is UnencodableReason.TOO_LARGE
            return Refusal(TOO_LARGE if large else NOT_VALID)
        case TopicMissing():
            return Refusal(KAFKA_AWAY, event_id=error.event_id, reason="topic_missing")
        case KafkaAway():
            return Refusal(KAFKA_AWAY, event_id=error.event_id)
        case PublishUnconfirmed():
            return Refusal(UNCONFIRMED, event_id=error.event_id)
        case PublishFailed():
            return Refusal(REFUSED_BY_KAFKA, event_id=error.event_id)
        case TimeoutError():
            return Refusal(UNCONFIRMED)
        case _:
            log.exception("a document could not be taken", exc_info=error)
            return Refusal(INTERNAL)


def _of_unreadable(error: Unreadable) -> Refusal:
    kind: Kind = NOT_VALID
    if error.reason in SYNTAX_REASONS:
        kind = MALFORMED
    elif error.reason is UnreadableReason.TOO_LARGE:
        kind = TOO_LARGE
    elif error.reason is UnreadableReason.UNKNOWN_DIALECT:
        kind = UNKNOWN_DIALECT
    return Refusal(
        kind,
        reason=str(error.reason),
        pointer=error.pointer,
        expected=error.expected,
        position=error.offset,
    )
