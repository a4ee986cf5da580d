"""Iterating over events: each is handed over, and done when the next one is asked for."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from tocsin.connectors.subscribe.handling import Handler, NotDone
from tocsin.connectors.subscribe.received import Received


class HandOver:
    """A handler for who iterates: it returns when the event that it was given is done."""

    def __init__(self, start: Callable[[Callable[[Received], Awaitable[None]]], Awaitable[None]]) -> None:
        """`start(handler)` runs until there are no more events; it is called when the first one is asked for."""
        self._start = start
        self._offered: deque[tuple[Received, asyncio.Future[None]]] = deque()
        self._changed = asyncio.Event()
        self._in_hand: asyncio.Future[None] | None = None
        self._running: asyncio.Task[None] | None = None
        self._closed = False

    async def next(self) -> Received:
        """The next event; the one before is done. Raises StopAsyncIteration, and what ends the subscription. When it is
        cancelled no event is lost."""
        self.done()
        if self._running is None and not self._closed:
            self._running = asyncio.create_task(self._run())
            self._running.add_done_callback(lambda _: self._changed.set())
        while True:
            while self._offered:
                told, ticket = self._offered.popleft()
                if not ticket.done():  # else its partition went to another process, which has it now
                    self._in_hand = ticket
                    return told
            if self._running is None or self._running.done():
                if self._running is not None:
                    self._running.result()
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()

    def done(self) -> None:
        """The event in hand is done."""
        ticket, self._in_hand = self._in_hand, None
        if ticket is not None and not ticket.done():
            ticket.set_result(None)

    async def close(self) -> None:
        """The event in hand is not done, and comes again. Returns when what calls the handler has ended (it was asked
        to); raises nothing: who iterates has seen it."""
        self._closed = True
        for ticket in (self._in_hand, *(ticket for _, ticket in self._offered)):
            if ticket is not None and not ticket.done():
                ticket.set_exception(NotDone())
        self._in_hand = None
        self._offered.clear()
        if self._running is not None:
            await asyncio.wait([self._running])
            if not self._running.cancelled():
                self._running.exception()

    async def _run(self) -> None:
        await self._start(self._hand_over)

    async def _hand_over(self, told: Received) -> None:
        if self._closed:
            raise NotDone
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._offered.append((told, ticket))
        self._changed.set()
        await ticket


class Iterated(ABC):
    """Whoever has `run` and `stop` and is iterated over too, as an async context manager; one of them at a time."""

    _iterating: HandOver | None = None

    @abstractmethod
    async def run(self, handler: Handler) -> None:
        """Call `handler` for each event until `stop`."""

    @abstractmethod
    def stop(self) -> None:
        """End `run`, or the iteration, when what is in hand is done."""

    async def __aenter__(self) -> Self:
        """Opens nothing: that comes when it is iterated over or run."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop. The event in hand of an iteration is not done, and comes again."""
        self.stop()
        if self._iterating is not None:
            await self._iterating.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Received:
        """The next event; by asking for it, the one before is done."""
        if self._iterating is None:
            self._iterating = HandOver(self.run)
        return await self._iterating.next()

    def done(self) -> None:
        """The event in hand of the iteration is done, although no other is asked for: before a `break`."""
        if self._iterating is not None:
            self._iterating.done()
