"""Iterating over events: each is handed over, and done when the next one is asked for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from tocsin.connectors.subscribe.handling import NotDone
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
