"""The three duties when a message cannot be dealt with: logged, recorded, answered as the table says; within bounds.

Whoever reaches the gateway can make troubles, so only so many a minute are recorded and answered; all are counted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from tocsin.connectors.dialects import Unwritable, write_document
from tocsin.connectors.dialects.message_types import is_report
from tocsin.connectors.didcomm.port import Envelope, MessageUnfit, NoKey, Packer, Packing, Unresolvable
from tocsin.connectors.gateway.didcomm.config import OPERATORS, DidcommConfig
from tocsin.connectors.gateway.didcomm.events import Arrival, Traced
from tocsin.connectors.gateway.inbox import Inbox
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.gateway.rates import Payer, Rate, TenantRates
from tocsin.connectors.gateway.recording import InboxPublisher
from tocsin.connectors.mediation import Context, Handled, Mediation
from tocsin.connectors.mediation.handling import MAX_KEPT_MESSAGE
from tocsin.schemas.ids import new_event_id

log = logging.getLogger(__name__)

OF_TENANT, OF_ALL = Rate(0.5, 30), Rate(2, 120)
"""How many troubles are recorded and answered: 30 a minute of each tenant, 120 of all, at one gateway."""
LEFT_TO = "not by the gateway: a route with the sink didcomm may"


class Troubles:
    """Deals with troubles, as far as there is room."""

    def __init__(
        self, config: DidcommConfig, packer: Packer, inbox: Inbox, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config, self._packer, self._inbox = config, packer, inbox
        self._of_tenant = TenantRates(OF_TENANT, Rate(0, 0), clock)
        self._of_all = TenantRates(OF_ALL, Rate(0, 0), clock)

    async def with_stranger(
        self, scenario: str, content: bytes, traced: Traced, *, seen_type: str = "", **values: str
    ) -> Envelope | None:
        """Deal with bytes of which nothing is proven; what may be answered in the same exchange. `seen_type` is the
        type of a message that everybody can read: a report is not answered with a report."""
        context = Context(values=values, message_type=seen_type if is_report(seen_type) else None)
        handled = await self._handle(scenario, OPERATORS, context, content, traced)
        if handled is None or handled.document is None:
            return None
        signed = await self._packed({"id": new_event_id()} | handled.document, [], None, Packing.SIGNED)
        # nobody sends us a little to have a lot sent on
        return signed if signed is not None and len(signed.content) <= len(content) else None

    async def with_peer(self, scenario: str, content: bytes, arrival: Arrival, **values: str) -> Envelope | None:
        """Deal with a genuine message; what is to be answered in the same exchange."""
        message = arrival.message
        context = Context(
            message_type=message.type,
            message_id=message.id,
            thread_id=message.thread_id,
            sender=arrival.sender,
            own=arrival.own,
            return_route=message.return_route,
            values=values,
        )
        handled = await self._handle(scenario, arrival.tenant, context, content, arrival.traced)
        if handled is None or handled.document is None or not handled.decision.synchronous:
            return None
        # synchronous by the table or not: without a return route there is nobody who reads the answer
        if not message.wants_answer_here or handled.problem is None:
            return None
        if arrival.unpacked.how.version == 2:
            return await self.answer({"id": new_event_id()} | handled.document, arrival)
        try:
            return await self.answer({"@id": new_event_id()} | write_document(handled.problem, "aries-1.0"), arrival)
        except Unwritable:
            return None

    async def answer(self, document: dict[str, Any], arrival: Arrival) -> Envelope | None:
        """The document, packed for who sent the message, under the identity that it was sent to."""
        unpacked = arrival.unpacked
        if unpacked.how.version == 1:
            return await self._packed(document, arrival.sender, arrival.own, Packing.V1_AUTHCRYPT)
        to, own = arrival.sender, arrival.own
        if unpacked.sender_key and unpacked.recipient_key and not unpacked.how.signed:
            to, own = unpacked.sender_key, unpacked.recipient_key  # as the peer itself names them
        return await self._packed(document, to, own, Packing.AUTHCRYPT)

    async def _packed(
        self, document: dict[str, Any], to: str | list[str], own: str | None, packing: Packing
    ) -> Envelope | None:
        try:
            return await self._packer.pack(document, to, own, packing)
        except (Unresolvable, NoKey, MessageUnfit) as error:
            log.warning("an answer was not packed: %s", error)
            return None

    async def _handle(
        self, scenario: str, tenant: str, context: Context, content: bytes, traced: Traced
    ) -> Handled | None:
        if not self._has_room(tenant):
            return None
        config = self._config
        mediation = Mediation(
            config.table,
            InboxPublisher(self._inbox, tenant, traced.traceparent, traced.tracestate),
            column=config.column,
            escalate_to=config.escalate_to,
            service="tocsin:didcomm",
            left_to=LEFT_TO,
            # what everybody can read is not kept: as base64 nobody would find the secrets in it
            keep=MAX_KEPT_MESSAGE if b'"ciphertext"' in content else 0,
        )
        return await mediation.handle(scenario, context, encrypted=content, request_id=traced.request_id)

    def _has_room(self, tenant: str) -> bool:
        try:
            self._of_tenant.charge_documents(Payer(tenant), 1)
            self._of_all.charge_documents(Payer(""), 1)
        except Refusal:
            return False
        return True
