"""The publisher for services that cannot reach Kafka: events to the gateway, safe before `publish` returns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

import msgspec

from tocsin.connectors.publish.backlog import Backlog
from tocsin.connectors.publish.batches import BATCH
from tocsin.connectors.publish.bounds import Room
from tocsin.connectors.publish.errors import GatewayAway, NoRoom, PublishFailed
from tocsin.connectors.publish.port import About, EventPublisher, InboxEvent, Receipt, WhenFull
from tocsin.connectors.publish.posting import Posting
from tocsin.connectors.publish.reporting import Report, checked_tenant
from tocsin.connectors.publish.requests import PublishRequest, failure_of, key_of, request_of, spooled_request
from tocsin.connectors.publish.spool import Spool
from tocsin.connectors.publish.stats import Counts, PublisherStats
from tocsin.connectors.publish.wire import LONGEST_ANSWER, LONGEST_TO_A_BATCH, NO_ANSWER, NOT_IN_TIME, Answer, Gateway
from tocsin.connectors.redaction import Redactions, default_of
from tocsin.schemas.events import ProblemReported
from tocsin.schemas.ids import idempotent_id

if TYPE_CHECKING:
    from tocsin.connectors.publish.threads import SyncPublisher


class HttpPublisher(EventPublisher):
    """Publishes by `POST /v1/problems` and `/v1/activity` of a gateway, and by `/v1/batch` what comes while a request
    is under way; the interface is that of Publisher, but that a receipt has no place in Kafka, and that commands have
    routes of their own.

    Each event has an idempotency key, so that one that is sent again counts once; its event id follows from the key.
    """

    def __init__(
        self,
        url: str,
        *,
        tenant: str = "default",
        api_key: str | None = None,
        deadline: float = 10.0,
        spool: Spool | None = None,
        spool_after: float = 1.0,
        when_full: WhenFull = "block",
        max_in_flight: int = 8 * 1024 * 1024,
        connections: int = 4,
        ca_file: str | None = None,
        redactions: Redactions = default_of,
    ) -> None:
        """`url`: the gateway's, such as `https://bus.example.org`. `api_key`: the tenant's, sent over https, or to this
        machine. `deadline`, `spool`, `spool_after`, `when_full`, `max_in_flight`, `redactions`: as of Publisher; the
        spool is `Spool(folder, kind="http")`. `connections`: requests at the same time, of several tenants, or to a
        gateway that takes no batches. `ca_file`: authorities to trust
        instead of the system's, as PEM. Raises ValueError."""
        self.tenant = checked_tenant(tenant)
        self._gateway = Gateway(url, api_key=api_key, timeout=deadline, ca_file=ca_file, connections=connections)
        self._deadline, self._patience = deadline, min(spool_after, deadline)
        self._redactions, self._when_full = redactions, when_full
        self._room = Room(max_in_flight)
        self._connections = connections
        self._pool: ThreadPoolExecutor | None = None
        self._counts = Counts()
        self._away = True
        self._backlog: Backlog | None = None
        if spool is not None:
            if spool.kind != "http":
                raise ValueError('a spool of an HttpPublisher is made as Spool(folder, kind="http")')
            send, reach, there = self._send_spooled, self._reach_soon, self._gateway.url
            self._backlog = Backlog(spool, send, reach, self._counts, address=there, each_once=True)
        keep = None if spool is None else self._keep
        self._posting = Posting(self._ask, self._gateway.url, at_once=connections, keep=keep)

    @classmethod
    def sync(cls, url: str, **settings: Any) -> SyncPublisher:
        """The same for plain threads: `with HttpPublisher.sync(...) as p: p.publish(...)`; `settings` as above."""
        from tocsin.connectors.publish.threads import SyncPublisher

        return SyncPublisher(lambda: cls(url, **settings))

    async def __aenter__(self) -> Self:
        """Opens nothing but the spool. Raises SpoolUnusable."""
        if self._backlog is not None:
            self._backlog.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._posting.settle(self._deadline)
        if self._backlog is not None:
            await self._backlog.close(self._deadline)
        await self._posting.close(0)
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        self._gateway.close()

    def stats(self) -> PublisherStats:
        """What it has done, and what it has in hand."""
        backlog = self._backlog
        away = self._away if backlog is None else backlog.away
        return PublisherStats.of(self._counts, self._room.used, away, None if backlog is None else backlog.spool)

    def event_of(self, report: Report | InboxEvent, **about: Unpack[About]) -> InboxEvent:
        """The event that `publish` would send, under the id that the gateway gives it by its key."""
        event = super().event_of(report, **about)
        if not isinstance(event, ProblemReported):
            return event
        key = key_of(event)
        event_id = idempotent_id(event.tenant, key)
        return msgspec.structs.replace(event, event_id=event_id, idempotency_key=key)

    async def check(self, patience: float | None = None) -> None:
        """Reach the gateway within `patience` seconds (default: the deadline), and hear that it is ready. Raises
        GatewayAway."""
        answer = await self._exchange(self._gateway.probe, self._deadline if patience is None else patience)
        if answer.status in (NO_ANSWER, NOT_IN_TIME):
            raise failure_of(answer, "", self._gateway.url) or GatewayAway("", self._gateway.url, answer.said)
        if answer.status >= 500:
            raise GatewayAway("", self._gateway.url, f"answers {answer.status}", answer.retry_after)

    async def send(self, event: InboxEvent) -> Receipt:
        """Keep the event safe; returns once the gateway has taken it, or the spool. Raises Unencodable, PublishRefused
        or PublishUnconfirmed (also GatewayAway, NoRoom), the latter about at the deadline."""
        try:
            request = request_of(event, self._redactions)
            receipt = await (self._send_now(request) if self._backlog is None else self._send_or_spool(request))
        except PublishFailed as failed:
            self._counts.note_failure(failed)
            raise
        if not receipt.spooled:
            self._counts.sent += 1
        return receipt

    async def _send_now(self, request: PublishRequest) -> Receipt:
        """Again and again until the deadline, at least as far apart as the gateway asks."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._deadline
        await self._enter(request, until)
        try:
            return await self._posting.send(request, until - loop.time())
        finally:
            self._room.leave(len(request.body))

    async def _send_or_spool(self, request: PublishRequest) -> Receipt:
        """Directly while the gateway answers and there is room; else into the spool."""
        backlog = self._backlog
        assert backlog is not None
        if not backlog.holds and self._room.try_enter(len(request.body)):
            try:
                receipt = await self._posting.send(request, self._patience)
            finally:
                self._room.leave(len(request.body))
        else:
            receipt = backlog.put(request.event_id, spooled_request(request))
        if receipt.spooled:
            await backlog.safe(request.event_id)
        return receipt

    def _keep(self, request: PublishRequest, failed: PublishFailed) -> Receipt:
        """In the spool, since it came to nothing. Raises NoRoom."""
        backlog = self._backlog
        assert backlog is not None
        if not backlog.away:
            self._counts.note_error(failed)  # of all that were sent together, once
        backlog.note_away(failed)
        return backlog.put(request.event_id, spooled_request(request))

    async def _send_spooled(self, spooled: bytes) -> None:
        """Raises a PublishFailed, or ValueError for what is no request of ours."""
        await self._posting.send(PublishRequest.read(spooled), self._deadline, spooled=True)
        self._counts.sent += 1

    async def _reach_soon(self) -> None:
        await self.check()

    async def _enter(self, request: PublishRequest, until: float) -> None:
        size = len(request.body)
        if self._room.try_enter(size):
            return
        if self._when_full == "refuse":
            raise NoRoom(request.event_id, "nothing was sent: as much as may be is on its way to the gateway already")
        try:
            async with asyncio.timeout_at(until):
                await self._room.enter(size)
        except TimeoutError:
            raise GatewayAway(request.event_id, self._gateway.url, "does not take more at this time") from None

    async def _ask(self, path: str, headers: dict[str, str], body: bytes, patience: float) -> Answer:
        """One attempt."""
        longest = LONGEST_TO_A_BATCH if path == BATCH else LONGEST_ANSWER
        return await self._exchange(partial(self._gateway.post, path, headers, body, longest), patience)

    async def _exchange(self, ask: Callable[[], Answer], patience: float) -> Answer:
        """The answer, or why there is none."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._connections, "tocsin-http")
        try:
            asking: Awaitable[Answer] = asyncio.get_running_loop().run_in_executor(self._pool, ask)
            answer = await asyncio.wait_for(asking, max(patience, 0.001))
        except TimeoutError:
            answer = Answer(NOT_IN_TIME)
        except (OSError, RuntimeError) as error:  # the latter when the interpreter ends, and starts no more threads
            answer = Answer(NO_ANSWER, f"cannot be reached ({error}): is it there, and is that its address?")
        self._away = answer.status in (NO_ANSWER, NOT_IN_TIME) or answer.status >= 500
        return answer
