"""The sink that tells DIDComm peers: each message is packed for its peer and posted to a service of its DID document.

At least once: a repeat carries the same message, with the same id; its envelope is another one. It opens nothing: what
a peer answers in the same connection is not read (docs/didcomm.md#sending-to-peers).
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from aiohttp.abc import AbstractResolver
from msgspec import Struct
from msgspec.structs import replace

from tocsin.connectors.didcomm.config import PackerConfig
from tocsin.connectors.didcomm.packer import open_packer
from tocsin.connectors.didcomm.port import (
    Envelope,
    MessageUnfit,
    NoKey,
    Packer,
    Packing,
    Service,
    Unresolvable,
)
from tocsin.connectors.didcomm.whose import NotTheirs, speaker
from tocsin.connectors.egress.answers import Answer
from tocsin.connectors.egress.proxy import ProxyRefused
from tocsin.connectors.egress.transport import NotOpen, Transport
from tocsin.connectors.http_outcomes import of_error
from tocsin.connectors.printable import clipped
from tocsin.connectors.sinks.base import Delivered, Reason, Rejected, RetryLater, SinkMisconfigured, SinkOutcome
from tocsin.connectors.sinks.didcomm.choosing import (
    OLD_V1_MEDIA_TYPE,
    Message,
    Way,
    Ways,
    beginning_with,
    message_of,
    packing_of,
    ways_of,
)
from tocsin.connectors.sinks.didcomm.classifying import (
    is_stale,
    of_answer,
    of_no_way,
    of_unsent,
    was_not_taken,
)
from tocsin.connectors.sinks.didcomm.config import DidcommConfig, check, packer_config
from tocsin.connectors.sinks.didcomm.learned import Learned
from tocsin.schemas.events import DeliveryAttempt

log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")


class _Telling(Struct, frozen=True):
    """One message for one peer."""

    attempt: DeliveryAttempt
    peer: str
    said_by: str | None
    message: Message
    packing: Packing


class DidcommSink:
    """Posts messages to peers; see the module. `bus_keys` is how the bus opens its own, for an endpoint that
    names none, and `tenants` whose alone each of those is, by its name."""

    Config = DidcommConfig
    tells_peers = "always"

    def __init__(
        self,
        config: DidcommConfig,
        *,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
        name_servers: AbstractResolver | None = None,
    ) -> None:
        """Raises SinkMisconfigured. `now` gives microseconds since the epoch, `name_servers` looks names up."""
        check(config)
        self.bus_keys: PackerConfig | None = None
        self.tenants: Mapping[str, str] = {}
        try:
            self._transport = Transport(config, name_servers, "tocsin-didcomm")
        except ProxyRefused as refused:
            raise SinkMisconfigured("didcomm", "proxy", str(refused)) from None
        self._config, self._now, self._name_servers = config, now, name_servers
        self._learned = Learned()
        self._opened = AsyncExitStack()
        self._packer: Packer | None = None

    async def __aenter__(self) -> Self:
        """Open keys and connections. Raises KeysUnusable, and SinkMisconfigured when it has no keys."""
        keys = packer_config(self._config, self.bus_keys)
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(self._transport)
            self._packer = await opened.enter_async_context(open_packer(keys, self._name_servers))
            self._opened = opened.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._packer = None
        await self._opened.aclose()

    async def deliver(self, attempt: DeliveryAttempt) -> SinkOutcome:
        """Pack and post it once, and classify what came back; raises nothing but CancelledError."""
        packer = self._packer
        if packer is None:
            return RetryLater(reason=Reason.SINK_FAILED)
        try:
            message = message_of(attempt.body)
            packing = packing_of(message, self._config.packing)
        except ValueError:
            return Rejected(reason=Reason.UNACCEPTABLE)
        if not attempt.peer:
            return Rejected(reason=Reason.NO_PEER)
        try:
            said_by = self._speaker(packer, attempt, packing)
        except NotTheirs as error:
            log.warning("delivery %s, not sent: %s", clipped(attempt.delivery_id, 100), clipped(str(error), 300))
            return Rejected(reason=Reason.OTHER_TENANT)
        try:
            # Looking up, packing and every post have the time of one attempt together.
            async with asyncio.timeout(self._config.timeout):
                return await self._tell(packer, _Telling(attempt, attempt.peer, said_by, message, packing))
        except TimeoutError:
            self._learned.doubt(attempt.peer)
            return RetryLater(reason=Reason.TIMEOUT)
        except (Unresolvable, NoKey, MessageUnfit) as error:
            log.warning("delivery %s, not sent: %s", clipped(attempt.delivery_id, 100), clipped(str(error), 300))
            return of_unsent(error, attempt.peer)
        except Exception as error:  # of a library; what it says may hold the message
            log.error("endpoint %s: the message could not be sent (%s)", clipped(attempt.endpoint, 100), type(error))
            return RetryLater(reason=Reason.SINK_FAILED)

    def _speaker(self, packer: Packer, attempt: DeliveryAttempt, packing: Packing) -> str | None:
        """Which of ours says it. Raises NotTheirs: whoever tells of a connection could name any of our DIDs."""
        if packing in (Packing.ANONCRYPT, Packing.V1_ANONCRYPT):
            return None
        config = self._config
        if config.keys is not None or (attempt.own is None and config.own is not None):  # the operator said which
            return attempt.own or config.own
        return speaker(attempt.own, attempt.tenant, packer.own, self.tenants)

    async def _tell(self, packer: Packer, telling: _Telling) -> SinkOutcome:
        peer = telling.peer
        found = await self._ways(packer, peer, telling.message.version)
        ways = beginning_with(found.ways, self._learned.begin_with(peer))
        outcome: SinkOutcome = of_no_way(found.why_none, peer)
        for number, way in enumerate(ways):
            # What is said before it is tried holds if this one hangs until the attempt's time is over.
            self._learned.next_time(peer, str(ways[(number + 1) % len(ways)].url))
            outcome = await self._post(packer, telling, way)
            if isinstance(outcome, Delivered):
                self._learned.next_time(peer, None if way is found.ways[0] else str(way.url))
            if not was_not_taken(outcome):
                break
        if is_stale(outcome):
            self._learned.doubt(peer)
        return outcome

    async def _ways(self, packer: Packer, peer: str, version: int) -> Ways:
        config = self._config
        services: Sequence[Service] = ()
        if config.url is not None:
            services = (Service(uri=config.url, to=peer, version=2 if version == 2 else 1),)
        elif peer.startswith("did:"):
            services = await packer.reach(peer, refresh=self._learned.doubts(peer))
        return ways_of(services, version, private=config.allow_private)

    async def _post(self, packer: Packer, telling: _Telling, way: Way) -> SinkOutcome:
        attempt, of_v1 = telling.attempt, telling.message.version == 1
        to = way.service.recipient_keys if of_v1 and way.service.recipient_keys else telling.peer
        packed = await packer.pack(telling.message.document, to, telling.said_by, telling.packing)
        envelope = await packer.forward(packed, way.service)
        try:
            answer = await self._send(way, envelope, attempt.event_id, of_v1)
        except NotOpen:
            return RetryLater(reason=Reason.SINK_FAILED)
        except asyncio.CancelledError:  # the time of the attempt is over, or the dispatcher ends: it may have arrived
            _log(attempt, way, packed, envelope, RetryLater(reason=Reason.TIMEOUT))
            raise
        except Exception as error:
            outcome: SinkOutcome = of_error(error)
        else:
            outcome = of_answer(answer.status, answer.headers.get("Retry-After"), self._now())
        outcome = replace(outcome, message_sha256=packed.sha256)
        _log(attempt, way, packed, envelope, outcome)
        return outcome

    async def _send(self, way: Way, envelope: Envelope, request_id: str, of_v1: bool) -> Answer:
        """The answer; to a version 1 message under the media type that this address takes, which is remembered."""
        url, types = str(way.url), [envelope.media_type]
        if of_v1:
            types.append(OLD_V1_MEDIA_TYPE)
        if self._learned.takes_old(url):
            types.reverse()
        headers = {"x-request-id": request_id} if _REQUEST_ID.fullmatch(request_id) else {}
        for media_type in types:
            headers["content-type"] = media_type
            answer = await self._transport.send("POST", way.url, headers, envelope.content)
            if answer.status != 415:
                break
        if of_v1 and 200 <= answer.status < 300:
            self._learned.note_old(url, media_type == OLD_V1_MEDIA_TYPE)
        return answer


def _log(attempt: DeliveryAttempt, way: Way, packed: Envelope, envelope: Envelope, outcome: SinkOutcome) -> None:
    """What an operator, and the peer's, find the message by in their logs: never what it says."""
    how = "delivered" if isinstance(outcome, Delivered) else outcome.reason.value
    around = "" if envelope.sha256 == packed.sha256 else f" in {envelope.sha256}"
    log.info(
        "delivery %s, attempt %d: envelope %s%s, request %s, to %s: %s (%s)",
        clipped(attempt.delivery_id, 100), attempt.attempt, packed.sha256, around, clipped(attempt.event_id, 100),
        way.url.origin(), how, outcome.status,
    )  # fmt: skip


__all__ = ["DidcommConfig", "DidcommSink"]
