"""What becomes of an envelope: opened, checked, published or refused, and answered when an answer is wanted here.

A report is published before it is answered, and remembered as seen only then: who is killed in between sends it again,
and it is one event. A problem report is never answered with anything.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.didcomm.port import Envelope, Packer, Unpackable, Unpacked, Unresolvable
from tocsin.connectors.didcomm.whose import own_of
from tocsin.connectors.gateway.didcomm import checks, replies
from tocsin.connectors.gateway.didcomm.config import DidcommConfig
from tocsin.connectors.gateway.didcomm.events import Arrival, Traced, activity_of, report_of
from tocsin.connectors.gateway.didcomm.message import Kind, read_message
from tocsin.connectors.gateway.didcomm.outcomes import Outcome, outcome_of
from tocsin.connectors.gateway.didcomm.shape import Kind as ShapeKind
from tocsin.connectors.gateway.didcomm.shape import shape_of
from tocsin.connectors.gateway.didcomm.troubles import Troubles
from tocsin.connectors.gateway.inbox import Inbox
from tocsin.connectors.gateway.metrics import GatewayMetrics
from tocsin.connectors.gateway.problems import TOO_LARGE, TOO_MANY_RECIPIENTS, Refusal
from tocsin.connectors.gateway.rates import NO_LIMIT, Payer, TenantRates
from tocsin.connectors.publish import InboxEvent, NothingToPublish
from tocsin.connectors.seen import MemorySeenIds, SeenIds

log = logging.getLogger(__name__)

DAY = 86_400.0
MOST_SEEN = 50_000
"""How many envelopes are known again, the latest, for a day; beyond that the ids of their events still are the same."""


_UNPROVEN = {Outcome.NOT_FOR_US: checks.WRONG_RECIPIENT, Outcome.STRANGER: checks.STRANGER}
"""Scenarios of those who are answered as if nothing were proven; else D7."""


class Taken(Struct, frozen=True, kw_only=True):
    """What became of one envelope. `version` is None for what did not open; `again`: its sender's DID could not be
    looked up, so that it may open later."""

    outcome: Outcome
    sha256: str
    version: int | None = None
    reply: Envelope | None = None
    event_id: str | None = None
    again: bool = False

    @property
    def genuine(self) -> bool:
        """Whether it opened, and its sender is proven."""
        return self.version is not None


class Receiver:
    """Takes envelopes, from whatever transport."""

    def __init__(
        self,
        config: DidcommConfig,
        packer: Packer,
        inbox: Inbox,
        rates: TenantRates,
        counts: GatewayMetrics,
        *,
        seen: SeenIds | None = None,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._config, self._packer, self._inbox, self._rates, self._counts = config, packer, inbox, rates, counts
        self._envelopes = TenantRates(config.envelopes, NO_LIMIT)
        self._each_peer = TenantRates(config.each_peer, NO_LIMIT)
        self._all_peers = TenantRates(config.all_peers, NO_LIMIT)
        self._seen = seen or MemorySeenIds(within=DAY, most=MOST_SEEN)
        self._now = now
        self._troubles = Troubles(config, packer, inbox)

    @property
    def delay(self) -> tuple[float, float]:
        """When what was not taken is answered."""
        return self._config.delay

    def count_round(self, result: str) -> None:
        """Count a round of fetching at a mediator."""
        self._counts.count_pickup(result)

    def admit(self) -> None:
        """Raises Refusal when no more envelopes are opened for now: to be asked before one is read."""
        self._envelopes.charge_documents(Payer(""), 1)

    async def take(self, content: bytes, traced: Traced, *, exchange: bool = True) -> Taken:
        """Deal with one envelope; without an `exchange` in which an answer could go back there is none. Raises Refusal:
        what is no envelope, too much at once, or Kafka away; then nothing is kept of it, and it may be sent again."""
        digest = hashlib.sha256(content).hexdigest()
        try:
            taken = await self._take(content, digest, traced, exchange)
        except Refusal as refusal:
            refusal.more.setdefault("message_sha256", digest)
            raise
        self._counts.count_didcomm(taken.outcome.value)
        log.info(
            "didcomm: %s [request_id=%s msg_sha256=%s]%s",
            taken.outcome.value, traced.request_id, digest, f" event {taken.event_id}" if taken.event_id else "",
            extra={"request_id": traced.request_id, "msg_sha256": digest},
        )  # fmt: skip
        return taken

    async def _take(self, content: bytes, digest: str, traced: Traced, exchange: bool) -> Taken:
        try:
            shape = shape_of(content)
        except Refusal as refusal:
            await self._shapeless(refusal, content, traced)
            raise
        if shape.kind is ShapeKind.PLAINTEXT:
            return await self._unproven(content, digest, traced, Outcome.PLAINTEXT, shape.type)
        if shape.kind is ShapeKind.SIGNED and own_of(self._packer.own, *shape.to) is None:
            # anybody can send on what is only signed, so it must be for us; and no DID is looked up for others
            return await self._unproven(content, digest, traced, Outcome.NOT_FOR_US, shape.type)
        try:
            unpacked = await self._packer.unpack(content)
        except (Unpackable, Unresolvable) as error:
            scenario = checks.scenario_of(error)
            reply = await self._troubles.with_stranger(scenario, content, traced, reason=str(error.reason))
            again = isinstance(error, Unresolvable) and error.retry
            return Taken(outcome=outcome_of(error), sha256=digest, reply=reply, again=again)
        return await self._opened(content, digest, traced, unpacked, exchange)

    async def _shapeless(self, refusal: Refusal, content: bytes, traced: Traced) -> None:
        """Note what is refused for its bytes alone."""
        limit = refusal.kind in (TOO_LARGE, TOO_MANY_RECIPIENTS) or refusal.more.get("reason") == "too_deep"
        self._counts.count_didcomm((Outcome.LIMIT if limit else Outcome.BROKEN).value)
        reason = str(refusal.more.get("reason", refusal.kind.name))
        scenario = checks.BEYOND_LIMITS if limit else checks.NO_ENVELOPE
        await self._troubles.with_stranger(scenario, content, traced, reason=reason)

    async def _unproven(self, content: bytes, digest: str, traced: Traced, outcome: Outcome, claimed: str) -> Taken:
        scenario = _UNPROVEN.get(outcome, checks.UNAUTHENTICATED)
        # what we alone could read must not show by another answer that we could
        seen_type = "" if outcome in (Outcome.ANONYMOUS, Outcome.STRANGER) else claimed
        claimed = "".join(each for each in claimed[:100] if each.isprintable())
        reply = await self._troubles.with_stranger(
            scenario, content, traced, seen_type=seen_type, claimed=claimed, reason=outcome.value
        )
        return Taken(outcome=outcome, sha256=digest, reply=reply)

    async def _opened(self, content: bytes, digest: str, traced: Traced, unpacked: Unpacked, exchange: bool) -> Taken:
        message, now = read_message(unpacked.message, unpacked.how.version), self._now()
        message = message if exchange else msgspec.structs.replace(message, return_route=None)
        own = own_of(self._packer.own, unpacked.recipient, *message.to)
        against = checks.scenario_against(unpacked, message, now)
        if against == checks.UNAUTHENTICATED or unpacked.sender is None or own is None:
            return await self._unproven(content, digest, traced, Outcome.ANONYMOUS, message.type)
        address = unpacked.recipient or own.did or ""
        connection = self._config.connection_of(address, unpacked.sender)
        if connection is None and not self._config.strangers:
            return await self._unproven(content, digest, traced, Outcome.STRANGER, message.type)
        arrival = Arrival(
            unpacked=unpacked,
            message=message,
            tenant=self._config.tenant_of(own),
            own=address,
            sender=unpacked.sender,
            connection=connection,
            traced=traced,
        )
        payer = Payer(arrival.tenant)
        self._each_peer.charge_documents(Payer(f"{arrival.tenant} {arrival.sender}"), 1)
        self._all_peers.charge_documents(payer, 1)
        self._rates.charge_bytes(payer, len(content))
        self._rates.charge_documents(payer, 1)
        if self._seen.knows(digest):
            return await self._replayed(content, arrival)
        if against is not None:
            outcome = Outcome.EXPIRED if against == checks.EXPIRED else Outcome.AHEAD
            taken = await self._refused(against, outcome, content, arrival)
        else:
            taken = await self._dealt_with(content, arrival)
        self._seen.is_new(digest)
        return taken

    async def _dealt_with(self, content: bytes, arrival: Arrival) -> Taken:
        message = arrival.message
        match message.kind:
            case Kind.REPORT:
                return await self._report(content, arrival)
            case Kind.QUIET:
                return _taken(arrival, Outcome.QUIET)
            case Kind.PING | Kind.QUERY:
                return await self._answered(arrival)
            case _ if self._config.activity:
                return await self._stored(activity_of(arrival), Outcome.ACTIVITY, arrival)
            case Kind.OTHER_VERSION:
                return await self._refused(
                    checks.OTHER_VERSION, Outcome.OTHER_VERSION, content, arrival,
                    supported_versions=message.supported_versions,
                )  # fmt: skip
            case _:
                return await self._refused(checks.UNSUPPORTED, Outcome.UNSUPPORTED, content, arrival)

    async def _report(self, content: bytes, arrival: Arrival) -> Taken:
        try:
            event = report_of(arrival)
        except NothingToPublish:
            return _taken(arrival, Outcome.QUIET)
        except Unreadable as error:
            return await self._refused(
                checks.UNREADABLE, Outcome.UNREADABLE, content, arrival, reason=str(error), error_text=str(error)
            )
        return await self._stored(event, Outcome.REPORTED, arrival)

    async def _stored(self, event: InboxEvent, outcome: Outcome, arrival: Arrival) -> Taken:
        await self._inbox.store(event)
        return _taken(arrival, outcome, event_id=event.event_id)

    async def _answered(self, arrival: Arrival) -> Taken:
        """A ping, or a question: answered where that costs nothing, in the same exchange."""
        message, unpacked = arrival.message, arrival.unpacked
        if not message.wants_answer_here:
            return _taken(arrival, Outcome.QUIET)
        say = replies.pong if message.kind is Kind.PING else replies.disclosure
        document = say(unpacked.message, unpacked.how.version, message.thread_id or message.id)
        reply = None if document is None else await self._troubles.answer(document, arrival)
        return _taken(arrival, Outcome.QUIET if reply is None else Outcome.ANSWERED, reply=reply)

    async def _replayed(self, content: bytes, arrival: Arrival) -> Taken:
        """The same bytes once more. Most senders repeat what they were not answered in time, so a report is taken for
        sent as before; what asks for an answer gets that of the table, which is not the first one."""
        if arrival.message.kind in (Kind.REPORT, Kind.QUIET) or not arrival.message.wants_answer_here:
            return _taken(arrival, Outcome.REPLAYED)
        return await self._refused(checks.REPLAYED, Outcome.REPLAYED, content, arrival)

    async def _refused(self, scenario: str, outcome: Outcome, content: bytes, arrival: Arrival, **values: str) -> Taken:
        reply = await self._troubles.with_peer(scenario, content, arrival, **values)
        return _taken(arrival, outcome, reply=reply)


def _taken(arrival: Arrival, outcome: Outcome, *, reply: Envelope | None = None, event_id: str | None = None) -> Taken:
    unpacked = arrival.unpacked
    return Taken(outcome=outcome, sha256=unpacked.sha256, version=unpacked.how.version, reply=reply, event_id=event_id)
