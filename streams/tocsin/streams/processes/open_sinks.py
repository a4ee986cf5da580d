"""The dispatcher's sinks, while the endpoints of the rules file change.

A changed endpoint gets a new sink as soon as all new sinks are open; its old one is closed when the attempts that it
has begun are over. An endpoint that is gone has no sink: what is still to be delivered there is tried again
(`endpoint_unknown`) until the endpoint is back, or the attempts are used up. One that a tenant made takes the attempts
of that tenant alone: what was meant for whoever had the name before ends in the dead letters, and is sent to nobody.
Not at its first attempt: the rules file may have taken the name, and a worker have read that sooner than this process.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from types import TracebackType

import structlog

from tocsin.connectors.sinks import Reason, Rejected, RetryLater, Sink, SinkOutcome, make_sink
from tocsin.schemas.events import DeliveryAttempt
from tocsin.streams.processes.sink_equipment import SinkEquipment
from tocsin.streams.rules.config import Endpoint, RuleBook

CLOSE_WITHIN = 60.0
"""Seconds that the attempts of an endpoint that is gone may still take."""

_log = structlog.get_logger("tocsin.dispatch")


class _InUse:
    """An open sink, and how many attempts it is making."""

    def __init__(self, endpoint: Endpoint, sink: Sink, tenant: str | None) -> None:
        self.endpoint, self.sink, self.tenant = endpoint, sink, tenant
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def __aenter__(self) -> _InUse:
        return self

    async def deliver(self, attempt: DeliveryAttempt) -> SinkOutcome:
        if self.tenant is not None and attempt.tenant != self.tenant:
            # A first attempt may be for an endpoint of the rules file that this process has not read of yet.
            answer = RetryLater if attempt.attempt == 1 else Rejected
            return answer(reason=Reason.OTHER_TENANT)
        self._running += 1
        self._idle.clear()
        try:
            return await self.sink.deliver(attempt)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.sink.__aexit__(kind, error, trace)

    async def close_when_idle(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), CLOSE_WITHIN)
        await self.sink.__aexit__(None, None, None)


class OpenSinks(Mapping[str, Sink]):
    """Every endpoint's sink by name, open inside `async with`; `change` follows the rules."""

    def __init__(self, book: RuleBook, equipment: SinkEquipment | None = None) -> None:
        """`equipment` is what each sink is given before it is opened."""
        self._book, self._equipment = book, equipment or SinkEquipment()
        self._open: dict[str, _InUse] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()

    @property
    def book(self) -> RuleBook:
        """The rules whose endpoints are open."""
        return self._book

    def __getitem__(self, name: str) -> Sink:
        return self._open[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._open)

    def __len__(self) -> int:
        return len(self._open)

    async def __aenter__(self) -> OpenSinks:
        """Open all of them. Raises SinkMisconfigured, or what a sink raises: then none stays open."""
        await self.change(self._book)
        return self

    async def change(self, book: RuleBook, made: Mapping[str, str] | None = None) -> None:
        """Have the sinks of this book's endpoints; those of endpoints that are the same stay as they are.

        All or nothing, and all at once: raises what a new sink raises, and then the sinks are those of before. But of
        the endpoints that were `made` while running (the tenant of each by name) one that does not open is left out
        alone, and logged.
        """
        async with self._changing:
            await self._change(book, made or {})

    async def _change(self, book: RuleBook, made: Mapping[str, str]) -> None:
        opened, failed = await self._open_new(book, made)
        wanted = book.endpoints.keys() - failed
        gone = [one for name, one in self._open.items() if name in opened or name not in wanted]
        kept = {name: one for name, one in self._open.items() if name in wanted}
        self._open, self._book = {**kept, **opened}, book
        for one in gone:
            self._retire(one)

    async def _open_new(self, book: RuleBook, made: Mapping[str, str]) -> tuple[dict[str, _InUse], set[str]]:
        opened: dict[str, _InUse] = {}
        failed: set[str] = set()
        try:
            for name, endpoint in book.endpoints.items():
                before, tenant = self._open.get(name), made.get(name)
                if before is not None and (before.endpoint, before.tenant) == (endpoint, tenant):
                    continue
                try:
                    sink = self._equipment.on(make_sink(endpoint.sink, endpoint.settings))
                    opened[name] = _InUse(endpoint, await sink.__aenter__(), tenant)
                except Exception as error:
                    if name not in made:
                        raise
                    failed.add(name)
                    _log.error("subscription has no sink", endpoint=name, error=type(error).__name__)
        except BaseException:
            for one in opened.values():
                with contextlib.suppress(Exception):  # what made opening fail may make closing fail
                    await one.sink.__aexit__(None, None, None)
            raise
        return opened, failed

    def _retire(self, sink: _InUse) -> None:
        _log.info("endpoint changed: its old sink ends", endpoint=sink.endpoint.name)
        closing = asyncio.create_task(sink.close_when_idle())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for closing in list(self._closing):
            closing.cancel()
        for sink in self._open.values():
            await sink.__aexit__(kind, error, trace)
        self._open.clear()
