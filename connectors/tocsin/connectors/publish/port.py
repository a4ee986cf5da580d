"""What a publisher is, whatever stands behind it; and the one behind which stands a list, for tests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Literal, Self, TypedDict, Unpack

from msgspec import Struct

from tocsin.connectors.dialects import AUTO
from tocsin.connectors.dialects.context import ProblemContext, read_context
from tocsin.connectors.publish.reporting import Origin, Report, checked_tenant, problem_reported
from tocsin.connectors.redaction import default_of, redact_and_encode
from tocsin.schemas.codec import decode
from tocsin.schemas.events import ActivityObserved, CommandIssued, ProblemReported

InboxEvent = ProblemReported | ActivityObserved | CommandIssued
"""What may be written to the topic `inbox` from outside."""


WhenFull = Literal["block", "refuse"]
"""What becomes of who finds as much under way as may be, and has no spool: it waits until its deadline, or not."""


class Receipt(Struct, frozen=True, kw_only=True):
    """The event is safe. Kafka has acknowledged it: all in-sync replicas have it, at `offset` of `partition`. Or it is
    `spooled`: on this machine's disk, to be sent when Kafka is there; place and offset are not known then."""

    event_id: str
    partition: int = -1
    offset: int = -1
    spooled: bool = False


class About(TypedDict, total=False):
    """What may be said of a report when it is published. `event_id` wins over `idempotency_key`; `context` says what
    the document does not; the trace is that of W3C Trace Context."""

    dialect: str
    media_type: str | None
    tenant: str | None
    idempotency_key: str | None
    event_id: str | None
    context: ProblemContext | Mapping[str, object] | None
    traceparent: str | None
    tracestate: str | None


class EventPublisher(ABC):
    """Publishes reports and events; `send` is what a kind of publisher adds."""

    tenant: str

    @abstractmethod
    async def send(self, event: InboxEvent) -> Receipt:
        """Store the event; returns only once it is stored. Raises Unencodable, or a PublishFailed."""

    async def publish(self, report: Report | InboxEvent, **about: Unpack[About]) -> Receipt:
        """Publish a problem, a document of a dialect (parsed, or its bytes), an exception, or a ready event, which is
        sent as it is. `about` are the fields of About: `context={"record_id": "r", "connection": "c"}` says what the
        document does not.

        Returns when the event is safe. At least once: a publication repeated under the same `event_id` or
        `idempotency_key` counts once. Raises Unreadable, NothingToPublish, Unencodable, or a PublishFailed; ValueError
        for what is no tenant, TypeError for what is no report.
        """
        return await self.send(self.event_of(report, **about))

    def event_of(self, report: Report | InboxEvent, **about: Unpack[About]) -> InboxEvent:
        """The event that `publish` would send. Raises as it does, but no PublishFailed."""
        if strange := about.keys() - About.__annotations__.keys():
            raise TypeError(f"publish: {sorted(strange)[0]} is none of {', '.join(About.__annotations__)}")
        if isinstance(report, InboxEvent):
            return report
        tenant, context = about.get("tenant"), about.get("context")
        return problem_reported(
            report,
            Origin(
                tenant=self.tenant if tenant is None else checked_tenant(tenant),
                dialect=about.get("dialect", AUTO),
                media_type=about.get("media_type"),
                idempotency_key=about.get("idempotency_key"),
                event_id=about.get("event_id"),
                context=read_context(context) if isinstance(context, Mapping) else context,
                traceparent=about.get("traceparent"),
                tracestate=about.get("tracestate"),
            ),
        )

    async def publish_activity(self, activity: ActivityObserved) -> Receipt:
        """Publish something that explains problems (a message sent, a record changed). Raises as `send` does."""
        return await self.send(activity)


class MemoryPublisher(EventPublisher):
    """Keeps each event in `events`, as it would be read back from Kafka: without secrets. Exceptions lined up in
    `failures` come first, one for each call. Nothing survives the process."""

    def __init__(self, *, tenant: str = "default") -> None:
        self.tenant = checked_tenant(tenant)
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
        kept = decode(redact_and_encode(event, default_of)[1])
        assert isinstance(kept, InboxEvent)
        self.events.append(kept)
        return Receipt(event_id=event.event_id, partition=0, offset=len(self.events) - 1)
