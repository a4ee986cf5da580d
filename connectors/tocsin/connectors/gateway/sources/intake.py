"""Takes the messages of sources: bytes -> events -> stored; of what becomes nothing the log says why.

A message is answered once Kafka has acknowledged all of it. What is refused for want of Kafka the source sends again:
its events have the same ids then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.gateway.admission import caller_of, payer_of
from tocsin.connectors.gateway.beside import BesideTheLoop
from tocsin.connectors.gateway.body import read_body
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.context import request_id_of
from tocsin.connectors.gateway.flight import held_by
from tocsin.connectors.gateway.inbox import Inbox, handed_over
from tocsin.connectors.gateway.metrics import GatewayMetrics
from tocsin.connectors.gateway.problems import Refusal, refusals
from tocsin.connectors.gateway.rates import Payer, TenantRates
from tocsin.connectors.gateway.request import media_type_of, trace_of
from tocsin.connectors.gateway.sources.heard_lately import HeardLately, HeardOnce
from tocsin.connectors.gateway.sources.tried import Tried, Understood, answer_of, is_settled, is_tried
from tocsin.connectors.publish import InboxEvent, Origin
from tocsin.connectors.sources.port import Heard, Message, MessageSource
from tocsin.schemas.events import ProblemReported

log = logging.getLogger(__name__)

BECAME = 20
"""Of how many events of a message it is remembered what they were."""
READING = 1024
"""What reading a message counts in bytes, besides its own, when the work is weighed."""
MAX_TOPIC = 2048
"""Characters that are remembered of what a path says."""
UNREAD = "unreadable"
"""The kind of what no reader could take."""


class SourcePorts(Struct, frozen=True, kw_only=True):
    """What the intake works with; `wallets` names the tenant of each wallet of an agent with several."""

    inbox: Inbox
    rates: TenantRates
    counts: GatewayMetrics
    heard_lately: HeardLately
    wallets: Mapping[str, str] = {}


class SourceIntake:
    """Takes messages of any source."""

    def __init__(self, config: GatewayConfig, ports: SourcePorts) -> None:
        self._config, self._ports = config, ports
        self._beside = BesideTheLoop(config.deadline)
        self.heard_lately = ports.heard_lately

    async def take(self, request: Request, source: MessageSource, *, topic: str = "") -> list[Heard]:
        """Take the message of a request: what was heard, once all of it is stored. Raises Refusal."""
        ports, payer = self._ports, payer_of(request)
        media_type = media_type_of(request, source.media_types)
        ports.rates.admit(payer)
        config = msgspec.structs.replace(self._config, max_body=source.bodies * self._config.max_body)
        body = await read_body(request, config)
        ports.rates.charge_bytes(payer, len(body))
        message = self._message(request, source, body, topic, media_type)
        try:
            with refusals():
                found = await self._beside.do(len(body) + READING, source.read, message)
        except Refusal as refusal:
            if not is_tried(request):
                self._note_refused(message, source, refusal)
            raise
        heard = found if isinstance(found, list) else [found]
        if is_tried(request):
            raise Tried(answer_of(request, source, message, [_understood(message, each) for each in heard]))
        # room first: what is refused for want of it costs nobody anything
        held_by(request).take(documents=sum(len(each.events) for each in heard))
        self._charge(payer, heard)
        try:
            await self._store(source, heard)
        except Refusal as refusal:
            self._note(message, source, heard, refusal)
            raise
        self._note(message, source, heard)
        return heard

    def _message(self, request: Request, source: MessageSource, body: bytes, topic: str, media_type: str) -> Message:
        caller, found = caller_of(request), trace_of(request)
        settled = is_settled(request)
        return Message(
            body=body,
            origin=Origin(
                tenant=caller.tenant,
                media_type=media_type,
                traceparent=found.get("traceparent"),
                tracestate=found.get("tracestate"),
                request_id=request_id_of(request),
            ),
            headers=_once_each(request, source.headers),
            topic=topic,
            now=time.time_ns() // 1000,
            wallets={} if settled else self._ports.wallets,
        )

    def _charge(self, payer: Payer, heard: list[Heard]) -> None:
        """Count the events, each for its own tenant, and a message of which nothing is made as one. Raises Refusal
        before any is stored."""
        counted = Counter[str]()
        for each in heard:
            counted[each.tenant or payer.tenant] += len(each.events)
        self._ports.rates.charge_tenants(payer, +counted or {payer.tenant: 1})

    async def _store(self, source: MessageSource, heard: list[Heard]) -> None:
        """Store every event, in their order. All are waited for, whatever becomes of one: nothing is stored behind the
        back of whoever was answered."""
        events = chain.from_iterable(each.events for each in heard)
        storing = await handed_over(map(self._ports.inbox.store, events))
        for stored in await asyncio.gather(*storing, return_exceptions=True):
            if isinstance(stored, BaseException):
                raise stored
        whys = dict.fromkeys(why for each in heard for why in each.ignored)
        if whys:
            log.info("of a message of %s not all was taken: %s", source.name, "; ".join(whys))

    def _note(
        self, message: Message, source: MessageSource, heard: list[Heard], refusal: Refusal | None = None
    ) -> None:
        for each in heard:
            outcome = "unstored" if refusal else "taken" if each.events else "ignored"
            what = source.kind_of(each.what)
            self._ports.counts.count_source(source.name, what, outcome, each.count)
            became = tuple(map(_became, each.events[:BECAME]))
            once = _once(message, refusal, became=became, ignored=each.ignored, wallet=each.wallet)
            self.heard_lately.note(each.tenant or message.origin.tenant, source.name, what, once, each.count)

    def _note_refused(self, message: Message, source: MessageSource, refusal: Refusal) -> None:
        self._ports.counts.count_source(source.name, UNREAD, "refused")
        self.heard_lately.note(message.origin.tenant, source.name, UNREAD, _once(message, refusal))


def _once_each(request: Request, names: tuple[str, ...]) -> dict[str, str]:
    """The headers of these names. Raises Refusal for one that is there twice: nobody guesses which of them counts."""
    for name in names:
        if len(request.headers.getlist(name)) > 1:
            with refusals():
                raise Unreadable(UnreadableReason.WRONG_TYPE, expected=f"one header {name}")
    return {name: request.headers[name] for name in names if name in request.headers}


def _once(message: Message, refusal: Refusal | None, **more: Any) -> HeardOnce:
    return HeardOnce(
        at=message.now,
        topic=message.topic[:MAX_TOPIC],
        size=len(message.body),
        refused=None if refusal is None else _why(refusal),
        **more,
    )


def _understood(message: Message, heard: Heard) -> Understood:
    tenant = heard.tenant or message.origin.tenant
    return Understood(what=heard.what, tenant=tenant, became=tuple(map(_became, heard.events)), ignored=heard.ignored)


def _why(refusal: Refusal) -> str:
    said = refusal.document()
    return " ".join(str(said[name]) for name in ("title", "pointer", "expected") if name in said)


def _became(event: InboxEvent) -> str:
    if isinstance(event, ProblemReported):
        return f"problem {event.problem.code}"
    return str(event.kind.value)
