"""A publisher for plain threads: its loop runs in a thread of its own, which is started anew after a fork."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures.thread  # noqa: F401 - its pools are to end after us, so it must be there before
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from types import TracebackType
from typing import Protocol, Self, Unpack

from tocsin.connectors.publish.errors import NoRoom, PublishFailed, PublishUnconfirmed
from tocsin.connectors.publish.losses import Losses
from tocsin.connectors.publish.port import About, EventPublisher, InboxEvent, Receipt
from tocsin.connectors.publish.reporting import Report
from tocsin.connectors.publish.stats import PublisherStats
from tocsin.schemas.events import ProblemReported

log = logging.getLogger("tocsin.publish")

AT_EXIT = 5.0
"""Seconds that what was submitted has at the end of the interpreter, to be sent or spooled."""
AN_EVENT = 2048
"""About what an event takes in memory, in bytes, besides its texts."""
MAX_WAITING = 32 * 1024 * 1024


class Published(Protocol):
    """What is run in the thread: a Publisher or an HttpPublisher."""

    tenant: str

    async def __aenter__(self) -> EventPublisher: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def event_of(self, report: Report | InboxEvent, **about: Unpack[About]) -> InboxEvent: ...

    def stats(self) -> PublisherStats: ...


class _Running:
    """A publisher, its loop and their thread, in this process."""

    def __init__(self, publisher: Published) -> None:
        self.publisher = publisher
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.opened: EventPublisher
        self._stop = asyncio.Event()
        self._gate, self._closed = threading.RLock(), False
        self._ready: Future[None] = Future()
        self.thread = threading.Thread(target=self._run, name="tocsin-publisher", daemon=True)
        self.thread.start()
        self._ready.result()

    def send(self, event: InboxEvent, losses: Losses | None = None) -> Future[Receipt]:
        """Send it there. Raises PublishUnconfirmed when the thread has ended; the future does so when it ends first.
        What becomes of it, if it does not become safe, is noted before the future ends."""
        with self._gate:
            if self._closed:
                raise _closed_meanwhile(event)
            return asyncio.run_coroutine_threadsafe(self._send(event, losses), self.loop)

    async def _send(self, event: InboxEvent, losses: Losses | None) -> Receipt:
        try:
            return await self.opened.send(event)
        except (Exception, asyncio.CancelledError) as error:
            known = isinstance(error, PublishFailed) or not self._closed
            failed = error if known else _closed_meanwhile(event)
            if losses is not None and isinstance(failed, Exception):
                losses.note(failed)
            if known:
                raise
            raise failed from error

    def stop(self, patience: float | None) -> None:
        """Close the publisher, and end the thread. It is left alone when it has not ended after `patience` seconds."""
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self._stop.set)
            self.thread.join(patience)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._main())
        except BaseException as error:
            if self._ready.done():
                log.exception("the publisher's thread has ended")
            else:
                self._ready.set_exception(error)
        finally:
            self._shut()
            self.loop.run_until_complete(self._given_up())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()

    async def _main(self) -> None:
        async with self.publisher as self.opened:
            self._ready.set_result(None)
            await self._stop.wait()
            self._shut()
            await asyncio.sleep(0)  # what came before the gate was shut is begun

    def _shut(self) -> None:
        with self._gate:
            self._closed = True

    async def _given_up(self) -> None:
        """Whoever waits yet is told: its future would never be done."""
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


class SyncPublisher:
    """`with Publisher.sync(...) as p: p.publish(problem("e.p.xfer"))`. The methods may be called from any thread, and
    after a fork. Its thread starts with the block, or with the first event. At the end of the interpreter, what was
    submitted has a few seconds."""

    def __init__(self, make: Callable[[], Published], *, max_waiting: int = MAX_WAITING) -> None:
        """`make` makes the publisher; what it raises is raised here. `max_waiting`: about how many bytes of events may
        be submitted and not safe yet."""
        self._make = make
        self._made: Published | None = make()
        self.tenant = self._made.tenant
        self._max_waiting = max_waiting
        self._running: _Running | None = None
        self._begin()
        _PUBLISHERS.add(self)
        _register_exit()

    def _begin(self) -> None:
        self._lock = threading.RLock()  # a handler of signals, or a __del__, may publish in between
        self._starting = False
        self._waiting: dict[Future[Receipt], int] = {}
        self._bytes = 0
        self._done: deque[int] = deque()
        self._losses = Losses()

    def __enter__(self) -> Self:
        """Starts the thread. Raises SpoolUnusable."""
        self._started()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def publish(self, report: Report | InboxEvent, **about: Unpack[About]) -> Receipt:
        """Publish, and return when the event is safe: as Publisher.publish, and raises the same."""
        running = self._started()
        if threading.current_thread() is running.thread:
            raise RuntimeError("publish waits for this very thread: use submit here")
        event = running.publisher.event_of(report, **about)
        return running.send(event).result()

    def submit(self, report: Report | InboxEvent, **about: Unpack[About]) -> Future[Receipt]:
        """The same without waiting; the future ends as `publish` would. Raises what `Publisher.event_of` raises, and
        NoRoom when too much is not safe yet."""
        running = self._started()
        event = running.publisher.event_of(report, **about)
        size = _weight(event)
        with self._lock:
            if not self._has_room(size):
                raise NoRoom(event.event_id, "nothing was kept: too many events are not sent yet")
            future = running.send(event, self._losses)
            self._waiting[future] = size
            self._bytes += size
        future.add_done_callback(self._note_done)
        return future

    def start(self) -> None:
        """Start the thread now, and begin to send what is in the spool. Raises SpoolUnusable."""
        self._started()

    def event_of(self, report: Report | InboxEvent, **about: Unpack[About]) -> InboxEvent:
        """The event that would be published, with its id; it may be given to `publish` and `submit`. Raises as they
        do."""
        return self._started().publisher.event_of(report, **about)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was submitted is safe: True. False if it is not within `timeout` seconds, or if anything
        that was submitted since the last flush failed: refused, or neither sent nor kept (NoRoom)."""
        late = wait(list(self._waiting), timeout).not_done
        return self._losses.none_since() and not late

    def stats(self) -> PublisherStats:
        """As Publisher.stats."""
        running = self._running
        return (running.publisher if running is not None else self._publisher()).stats()

    def close(self, timeout: float | None = None) -> bool:
        """End: what was submitted is sent, or stays in the spool. False if anything that was submitted since the start
        failed, or was not safe in time; how much is logged. A later call starts it again."""
        with self._lock:
            running, self._running = self._running, None
        if running is None or running.pid != os.getpid():
            return True
        waiting = list(self._waiting)
        wait(waiting, timeout)
        running.stop(timeout)
        losses, self._losses = self._losses, Losses()
        return losses.none(sum(not future.done() for future in waiting))

    def after_fork(self) -> None:
        """In the child: what the parent has in hand is its own to send."""
        if self._running is not None:
            _LEFT_BEHIND.append(self._running)  # closing its loop would reach into the parent's
        self._running = None
        self._begin()

    def _started(self) -> _Running:
        running = self._running
        if running is not None:
            return running
        with self._lock:
            if self._running is None:
                if self._starting:  # by what a handler of signals, in this thread, came in between of
                    raise NoRoom("", "nothing was kept: the publisher is being started at this moment")
                self._starting = True
                try:
                    self._running = _Running(self._publisher())
                finally:
                    self._starting = False
                self._made = None
            return self._running

    def _publisher(self) -> Published:
        if self._made is None:
            self._made = self._make()
        return self._made

    def _has_room(self, size: int) -> bool:
        """Whether so many bytes more may wait. A handler of signals that submits in between makes the count wrong: it
        is made anew where it matters."""
        while self._done:
            self._bytes -= self._done.popleft()
        if not self._waiting or self._bytes + size > self._max_waiting:
            self._bytes = sum(list(self._waiting.values()))
        return not self._waiting or self._bytes + size <= self._max_waiting

    def _note_done(self, future: Future[Receipt]) -> None:
        """In the publisher's thread, which waits for no lock: whoever holds it may be waiting for this thread."""
        self._done.append(self._waiting.pop(future))


def _closed_meanwhile(event: InboxEvent) -> PublishUnconfirmed:
    said = f"the publisher was closed meanwhile: publish again with the same event id ({event.event_id})"
    return PublishUnconfirmed(event.event_id, said)


def _weight(event: InboxEvent) -> int:
    if not isinstance(event, ProblemReported):
        return AN_EVENT
    return (
        AN_EVENT + len(event.raw) + len(event.problem.text or "") + sum(len(one.value) for one in event.problem.items)
    )


_PUBLISHERS: weakref.WeakSet[SyncPublisher] = weakref.WeakSet()
_LEFT_BEHIND: list[_Running] = []


def _after_fork() -> None:
    for publisher in list(_PUBLISHERS):
        publisher.after_fork()


def _close_all() -> None:
    for publisher in list(_PUBLISHERS):
        publisher.close(AT_EXIT)


def _register_exit() -> None:
    """Once. Before the pools of threads are shut down, if Python lets us: names are looked up in one of them. And at
    the very end: threads that are waited for only then may have published meanwhile, which the spool takes."""
    if not _EXITS:
        _EXITS.append(None)
        atexit.register(_close_all)
        if before := getattr(threading, "_register_atexit", None):
            before(_close_all)


_EXITS: list[None] = []

os.register_at_fork(after_in_child=_after_fork)
