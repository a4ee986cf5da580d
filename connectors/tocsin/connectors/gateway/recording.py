"""A publisher over the inbox: for libraries that publish, at work inside the gateway."""

from __future__ import annotations

import msgspec

from tocsin.connectors.gateway.inbox import Inbox
from tocsin.connectors.publish import EventPublisher, InboxEvent, Receipt
from tocsin.schemas.events import ProblemReported


class InboxPublisher(EventPublisher):
    """Publishes for one tenant and trace, with the limits and counts of whatever comes in. Raises Refusal."""

    def __init__(
        self, inbox: Inbox, tenant: str, traceparent: str | None = None, tracestate: str | None = None
    ) -> None:
        self.tenant = tenant
        self._inbox = inbox
        self._trace = {"traceparent": traceparent, "tracestate": tracestate}

    async def send(self, event: InboxEvent) -> Receipt:
        if isinstance(event, ProblemReported):
            event = msgspec.structs.replace(event, **self._trace)
        await self._inbox.store(event)
        return Receipt(event_id=event.event_id, partition=-1, offset=-1)  # the inbox does not tell where
