"""The subscriber for plain threads: its loop runs in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from tocsin.connectors.subscribe.handling import Handler
from tocsin.connectors.subscribe.received import Received

Result = TypeVar("Result")


class Read(Protocol):
    """A Subscriber, which cannot be named here: it makes a SyncSubscriber of itself."""

    group: str

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def __anext__(self) -> Received: ...

    async def run(self, handler: Handler) -> None: ...

    def stop(self) -> None: ...

    def done(self) -> None: ...

    def lag(self) -> dict[tuple[str, int], int]: ...

    def trouble(self) -> str | None: ...

    def counts(self) -> Mapping[str, int]: ...


class SyncSubscriber:
    """`with Subscriber.sync(...) as events: for told in events: ...`; an event is done when the next one is asked for.
    The methods are those of Subscriber, may be called from any thread, and raise the same."""

    def __init__(self, make: Callable[[], Read]) -> None:
        """`make` makes the Subscriber; what it raises is raised here."""
        self._subscriber = make()
        self.group = self._subscriber.group
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tocsin-subscriber", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._call(partial(self._subscriber.__aexit__, kind, error, trace))
        finally:
            loop, thread = self._running()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            self._loop = self._thread = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Received:
        """The next event; by asking for it, the one before is done."""
        told = self._call(self._next)
        if told is None:
            raise StopIteration
        return told

    def run(self, handler: Handler) -> None:
        """As Subscriber.run; a plain handler runs in a thread that is not this one."""
        self._call(partial(self._subscriber.run, handler))

    def stop(self) -> None:
        """End `run`, or the iteration, when what the handlers have now is done."""
        self._running()[0].call_soon_threadsafe(self._subscriber.stop)

    def done(self) -> None:
        """The event in hand is done, although no other is asked for: before a `break`."""
        self._running()[0].call_soon_threadsafe(self._subscriber.done)

    def lag(self) -> dict[tuple[str, int], int]:
        """As Subscriber.lag."""
        return self._subscriber.lag()

    def trouble(self) -> str | None:
        """As Subscriber.trouble."""
        return self._subscriber.trouble()

    def counts(self) -> Mapping[str, int]:
        """As Subscriber.counts."""
        return self._subscriber.counts()

    async def _next(self) -> Received | None:
        try:
            return await self._subscriber.__anext__()
        except StopAsyncIteration:
            return None

    def _running(self) -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
        if self._loop is None or self._thread is None:
            raise RuntimeError("a subscriber works within its block: with Subscriber.sync(...) as events: ...")
        return self._loop, self._thread

    def _call(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        loop, _ = self._running()
        future: Future[Result] = asyncio.run_coroutine_threadsafe(work(), loop)
        try:
            return future.result()
        except BaseException:  # Ctrl-C while it waits: what is waited for in the loop is not wanted any more
            future.cancel()
            raise
