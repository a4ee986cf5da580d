"""One event and its handler: called, called again when it fails, and put aside when it keeps failing.

The handler is killed anywhere: the event is not done and comes again. Put aside and killed before the commit: it comes
again and is put aside twice, under the same event id.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from msgspec.structs import replace

from tocsin.connectors.subscribe.errors import DeadLetter, TooManyDeadLetters
from tocsin.connectors.subscribe.received import Received
from tocsin.connectors.subscribe.retries import Retries

log = logging.getLogger("tocsin.subscribe")

Handler = Callable[[Received], Any]
"""What is done with an event: an async function, or a plain one, which runs in a thread of its own."""

Bury = Callable[[str, str], Awaitable[None]]
"""Puts an event aside, for a reason and with a detail; returns when that is stored."""

HANDLER_FAILED, REFUSED = "handler_failed", "refused_by_handler"
"""The reasons of dead letters of handlers: it failed each time; it said that it never will handle this one."""
MOST_IN_A_ROW = 100
"""Events that may fail one after the other before the subscription ends: a bad release of a handler must not empty a
topic into `dead`."""


class NotDone(Exception):
    """Whoever had the event gave it back: it is not done, nor has it failed."""


class Handling:
    """Calls `handler`, at most `at_once` times at the same time; who waits for its next try does not count."""

    def __init__(
        self,
        handler: Handler,
        *,
        retries: Retries,
        at_once: int = 1,
        timeout: float | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`timeout`: seconds that one call of an async handler may take; longer is a failure."""
        self._handler, self._retries = handler, retries
        self._slots, self._timeout, self._sleep = asyncio.Semaphore(at_once), timeout, sleep
        self.busy: set[asyncio.Task[Any] | None] = set()
        """The tasks in which the handler runs now, or a dead letter is written."""
        self.handled = self.retried = self.dead = self._failed_in_a_row = 0

    def counts(self) -> dict[str, int]:
        """Events that were handled, calls that were tried again, events that were put aside."""
        return {"handled": self.handled, "retried": self.retried, "dead": self.dead}

    async def handle(self, told: Received, bury: Bury) -> None:
        """Returns when the event is done, or put aside. Raises TooManyDeadLetters, NotDone, and what `bury` raises."""
        attempt = 0
        while True:
            attempt += 1
            error = await self._call(replace(told, attempt=attempt))
            if error is None:
                self.handled += 1
                self._failed_in_a_row = 0
                return
            after = None if isinstance(error, DeadLetter) else self._retries.after(attempt)
            if after is None:
                await self._put_aside(told, error, attempt, bury)
                return
            self.retried += 1
            log.warning("%s %s: %s, again in %.1f s", told.kind, told.event_id, _said(error), after)
            await self._sleep(after)

    async def _call(self, told: Received) -> Exception | None:
        """What the handler raised. Raises NotDone, and CancelledError when it is we who are cancelled."""
        async with self._slots, self.not_given_up():
            try:
                async with asyncio.timeout(self._timeout):
                    if inspect.iscoroutinefunction(self._handler):
                        await self._handler(told)
                    else:
                        result = await asyncio.to_thread(self._handler, told)
                        if inspect.isawaitable(result):  # a method, a partial, an object that is called
                            await result
            except NotDone:
                raise
            except asyncio.CancelledError as error:
                if _is_cancelled():
                    raise
                return RuntimeError(f"the handler cancelled itself ({error!r})")
            except Exception as error:
                return error
        return None

    @contextlib.asynccontextmanager
    async def not_given_up(self) -> AsyncIterator[None]:
        """This task is let end when the subscription ends, or partitions go, as far as there is time."""
        task = asyncio.current_task()
        self.busy.add(task)
        try:
            yield
        finally:
            self.busy.discard(task)

    async def _put_aside(self, told: Received, error: Exception, attempts: int, bury: Bury) -> None:
        said = _said(error)
        if self._failed_in_a_row >= MOST_IN_A_ROW:
            raise TooManyDeadLetters(self._failed_in_a_row + 1, said)
        asked = isinstance(error, DeadLetter)
        detail = str(error) if asked else f"{attempts} calls, the last one: {said}"
        log.error("%s %s becomes a dead letter: %s", told.kind, told.event_id, detail, exc_info=error)
        async with self.not_given_up():
            await bury(REFUSED if asked else HANDLER_FAILED, detail)
        self.dead += 1
        self._failed_in_a_row += 0 if asked else 1


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _said(error: Exception) -> str:
    """An exception in a line; one whose text cannot be told is still an exception."""
    try:
        text = str(error)
    except Exception:
        text = "?"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
