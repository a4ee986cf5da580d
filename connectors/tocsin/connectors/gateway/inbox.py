"""The inbox: an event is stored once Kafka has acknowledged it, or refused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from contextlib import nullcontext
from typing import Any, Protocol

import msgspec

from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.keys import UsedKeys
from tocsin.connectors.gateway.metrics import GatewayMetrics
from tocsin.connectors.gateway.problems import refusals
from tocsin.connectors.publish import InboxEvent, Receipt
from tocsin.schemas.events import CommandIssued, ProblemReported

log = logging.getLogger(__name__)

AT_ONCE = 50
"""How many events of one request are handed over before other requests have their turn."""

Stored = dict[str, object]
"""What is answered of one event."""


class EventPort(Protocol):
    """Where accepted events go; `tocsin.connectors.publish` has two of them."""

    async def send(self, event: InboxEvent) -> Receipt:
        """Store the event; returns only once it is stored. Raises Unencodable or a PublishFailed."""
        ...


class Inbox:
    """Stores events, counts them, and says what the client is answered."""

    def __init__(self, config: GatewayConfig, port: EventPort, counts: GatewayMetrics) -> None:
        self._config = config
        self._port = port
        self._counts = counts
        self.keys = UsedKeys()

    async def store(self, event: InboxEvent, keyed: bytes | None = None) -> Stored:
        """Store one event and return the answer; `keyed` is the document whose id was made of an idempotency key.
        Raises Refusal, and nothing else but CancelledError."""
        with nullcontext() if keyed is None else self.keys.use(event.event_id, keyed), refusals():
            async with asyncio.timeout(self._config.deadline + 1):
                await self._port.send(event)
        self._counts.count_accepted(_kind(event))
        log.debug("accepted %s of tenant %s", event.event_id, event.tenant)
        return _answer(event)


async def handed_over(storing: Iterable[Coroutine[Any, Any, Stored]]) -> list[asyncio.Future[Stored]]:
    """The storing of each event of a request begun, in their order, with pauses for other requests."""
    begun = list[asyncio.Future[Stored]]()
    for number, each in enumerate(storing, start=1):
        begun.append(asyncio.ensure_future(each))
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    return begun


def _kind(event: InboxEvent) -> str:
    if isinstance(event, ProblemReported):
        return event.problem.dialect
    return "command" if isinstance(event, CommandIssued) else "activity"


def _answer(event: InboxEvent) -> Stored:
    """The id of the event, the URI of the occurrence unless it is a command, and what the reader forgave (rule and
    pointer)."""
    if isinstance(event, CommandIssued):
        return {"event_id": event.event_id}
    answer: Stored = {"event_id": event.event_id, "instance": f"urn:uuid:{event.event_id}"}
    if isinstance(event, ProblemReported) and event.problem.violations:
        answer["violations"] = msgspec.to_builtins(event.problem.violations)
    return answer
