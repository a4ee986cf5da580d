"""One attempt from its event to its outcome in Kafka, and no attempt twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic_ns, time, time_ns

import msgspec
import structlog

from tocsin.connectors.sinks import Delivered, Reason, Rejected, RetryLater, Sink, SinkOutcome
from tocsin.connectors.tracing import NO_TRACING, Span, Tracing
from tocsin.schemas.errors import Undecodable, UndecodableReason
from tocsin.schemas.events import DeliveryAttempt, DeliveryOutcome, Outcome
from tocsin.schemas.ids import derived_id
from tocsin.streams.dispatcher.memory import AttemptMemory, Identity
from tocsin.streams.dispatcher.turns import Turns

_log = structlog.get_logger("tocsin.dispatch")

ENDPOINT_UNKNOWN = "endpoint_unknown"
"""The reason when this dispatcher's rules file has no such endpoint: tried again, since it may only be older."""


MAX_NAMES = 64 * 1024
"""Characters that the ids and names of an attempt have together, at most: its outcome repeats them, and must fit into a
record. Ours have a few hundred; a foreign producer may write anything."""


def check_names(attempt: DeliveryAttempt) -> None:
    """Raises Undecodable for an attempt whose outcome could not be written: made, it would be made for ever."""
    names = (attempt.event_id, attempt.tenant, attempt.traceparent or "", attempt.delivery_id, attempt.endpoint)
    length = sum(map(len, names))
    if length > MAX_NAMES:
        raise Undecodable(UndecodableReason.TOO_LARGE, f"ids and names of {length} characters, limit {MAX_NAMES}")


class Attempts:
    """Makes attempts, at most `per_endpoint` of an endpoint (of each peer, where it tells peers) at the same time, and
    each only once.

    `write` returns when an outcome is in Kafka; only then is the attempt remembered.
    """

    def __init__(
        self,
        sinks: Mapping[str, Sink],
        per_endpoint: int,
        write: Callable[[DeliveryAttempt, DeliveryOutcome], Awaitable[None]],
        failpoint: Callable[[str], None] = lambda place: None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._sinks = sinks
        self._write = write
        self._failpoint, self._tracing = failpoint, tracing
        self.memory = AttemptMemory()
        self.turns = Turns(per_endpoint)
        self._under_way: dict[Identity, asyncio.Event] = {}

    async def make(self, attempt: DeliveryAttempt) -> None:
        """Make it when its endpoint has its turn, unless it was made. The same attempt read twice (produced again, or
        after a rebalance) waits for the first. Raises what `write` raises."""
        # A peer that hangs holds no other peer of its endpoint up; what is no endpoint of ours has one turn for all.
        receiver = (attempt.endpoint, attempt.peer) if attempt.endpoint in self._sinks else None
        await self.turns.take(receiver)
        try:
            await self._make_once(attempt, (attempt.delivery_id, attempt.attempt))
        finally:
            self.turns.give_back(receiver)

    async def _make_once(self, attempt: DeliveryAttempt, identity: Identity) -> None:
        while (first := self._under_way.get(identity)) is not None:
            await first.wait()
        over = self._under_way[identity] = asyncio.Event()
        try:
            if not self.memory.knows(identity, time(), attempt.recorded_at / 1e6):
                await self._make(attempt, identity)
        finally:
            del self._under_way[identity]
            over.set()

    async def _make(self, attempt: DeliveryAttempt, identity: Identity) -> None:
        # what the endpoint makes of it goes on from the attempt
        span = self._tracing.begin("tocsin attempt", "client", attempt.traceparent, attempt.tracestate)
        made = attempt if span is None else msgspec.structs.replace(attempt, traceparent=span.traceparent)
        outcome = await make_attempt(made, self._sinks)
        if span is not None:
            _end(span, outcome)
        self._failpoint("sink_answered")
        await self._write(attempt, outcome)
        self._failpoint("outcome_written")
        self.memory.add(identity, time())


async def make_attempt(attempt: DeliveryAttempt, sinks: Mapping[str, Sink]) -> DeliveryOutcome:
    """Try once; how it ended is the event for `deliveries`. Raises nothing but CancelledError."""
    started = monotonic_ns()
    sink = sinks.get(attempt.endpoint)
    outcome: SinkOutcome | None = None
    if sink is not None:
        try:
            outcome = _checked(await sink.deliver(attempt))
        except Exception:
            # A sink of another package may break the protocol; the delivery is not lost by it, nor the dispatcher.
            _log.exception("sink raised, or returned no outcome", endpoint=attempt.endpoint)
            outcome = RetryLater(reason=Reason.SINK_FAILED)
    now = time_ns() // 1000
    kind, reason, status, after = _classified(outcome)
    return DeliveryOutcome(
        event_id=derived_id("outcome", attempt.delivery_id, str(attempt.attempt), str(now)),
        tenant=attempt.tenant,
        occurred_at=now,
        recorded_at=now,
        cause=attempt.event_id,
        traceparent=attempt.traceparent,
        delivery_id=attempt.delivery_id,
        endpoint=attempt.endpoint,
        attempt=attempt.attempt,
        outcome=kind,
        reason=reason,
        retry_after=after,
        status=status,
        duration=(monotonic_ns() - started) // 1000,
        message_sha256=None if outcome is None else outcome.message_sha256,
    )


def _end(span: Span, outcome: DeliveryOutcome) -> None:
    """Say how the attempt of this span ended."""
    span.attribute("tocsin.tenant", outcome.tenant)
    span.attribute("tocsin.endpoint", outcome.endpoint)
    span.attribute("tocsin.delivery_id", outcome.delivery_id)
    span.attribute("tocsin.attempt", outcome.attempt)
    span.attribute("tocsin.outcome", outcome.outcome.value)
    span.attribute("tocsin.reason", outcome.reason)
    if outcome.status is not None:
        span.attribute("http.response.status_code", outcome.status)
    span.end(failed=outcome.outcome is not Outcome.DELIVERED)


def _checked(outcome: object) -> SinkOutcome:
    """What a sink returned, if it is an outcome with members of the right types. Raises TypeError, ValidationError."""
    if not isinstance(outcome, SinkOutcome):
        raise TypeError(f"not an outcome but {type(outcome).__name__}")
    return msgspec.convert(msgspec.to_builtins(outcome), type(outcome), strict=False)


def _classified(outcome: SinkOutcome | None) -> tuple[Outcome, str, int | None, int | None]:
    match outcome:
        case Delivered():
            return Outcome.DELIVERED, "delivered", outcome.status, None
        case RetryLater():
            return Outcome.RETRY_LATER, outcome.reason.value, outcome.status, outcome.after
        case Rejected():
            return Outcome.REJECTED, outcome.reason.value, outcome.status, None
        case None:
            return Outcome.RETRY_LATER, ENDPOINT_UNKNOWN, None, None
