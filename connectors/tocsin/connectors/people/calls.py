"""Messages on their way to Apprise: the one process that sends them for all sinks (`people.sending`).

A message ends within its time, whatever its plug-in does. A process that ends takes what it was sending with it: those
messages may have arrived or not, and are tried again; the next one starts it anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from weakref import WeakKeyDictionary

import msgspec

from tocsin.connectors.http_outcomes import of_status
from tocsin.connectors.outcomes import Delivered, Reason, RetryLater, SinkOutcome
from tocsin.connectors.people.letter import Letter
from tocsin.connectors.people.sending import CUT_OFF, READY, Job, Sent

log = logging.getLogger(__name__)

AT_ONCE = 64
"""Messages that are sent at a time, of all endpoints; each has a fork, and none has more than its time."""

READY_WITHIN = 30.0
"""Seconds that the process may take to load Apprise's plug-ins; usually it takes one."""

ROOM_WITHIN = 15.0
"""Seconds in which there must be room for a message, before its own time begins."""

GRACE = 3.0
"""Seconds after a message's time in which the process must have said so; then it is ended itself."""

_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "PYTHONPATH")
"""What the process sees of ours: no proxies, no settings, no secrets, and no home with a .netrc in it."""

_STATUS = re.compile(r"\berror=(\d{3})\b")
_FAULTS: tuple[tuple[re.Pattern[str], Reason], ...] = tuple(
    (re.compile(said, re.IGNORECASE), reason)
    for said, reason in (
        (r"certificate|\bssl\b|tls", Reason.TLS_FAILED),
        (r"timed out|timeout", Reason.TIMEOUT),
        (r"name or service not known|failed to resolve|getaddrinfo|name resolution|nodename", Reason.DNS_FAILED),
        (r"\(?\b53[0-9]\b|authentication", Reason.AUTH_ERROR),
        (r"refused|unreachable|no route", Reason.CONNECT_FAILED),
        (r"reset by peer|closed|broken pipe|aborted|disconnected", Reason.CONNECTION_LOST),
        (r"\b5[0-9][0-9],? ", Reason.CLIENT_ERROR),
    )
)
"""What Apprise's log says of an exception, the first that fits. It has no codes; mail servers answer 530 to 539 when
they do not let one in, and other 5xx when they do not want a message or its recipient."""


def outcome_of(sent: Sent | None, now: int) -> SinkOutcome:
    """What a message's end means for its delivery; `now` in microseconds. None: the process ended, nobody knows. A
    status of HTTP counts as for webhooks (docs/reliability.md#webhooks); what fits nothing is tried again."""
    if sent is None:
        return RetryLater(reason=Reason.SINK_FAILED)
    if sent.ok:
        return Delivered()
    if sent.refused:
        return RetryLater(reason=Reason.ADDRESS_REFUSED)
    if sent.fault == CUT_OFF:
        return RetryLater(reason=Reason.TIMEOUT)
    said = "\n".join(sent.lines)
    statuses = [int(status) for status in _STATUS.findall(said)]
    if statuses and not 200 <= statuses[-1] < 300:
        return of_status(statuses[-1], None, now)
    return RetryLater(reason=next((reason for fault, reason in _FAULTS if fault.search(said)), Reason.SINK_FAILED))


class Calls:
    """The process, started when it is first needed. Use `shared`."""

    def __init__(self) -> None:
        self.users = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[asyncio.subprocess.Process] | None = None
        self._room = asyncio.Semaphore(AT_ONCE)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Sent | None]] = {}

    async def send(self, url: str, letter: Letter, form: str, *, within: float, private: bool) -> Sent | None:
        """What became of a message, within so many seconds from when there is room for it; None when the process ended
        meanwhile. Raises TimeoutError when there was no room for it, or the process did not get ready; OSError when
        none can be started."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(ROOM_WITHIN):
            await self._room.acquire()
        number = next(self._numbers)
        try:
            process = await self._running()
            job = Job(number=number, url=url, letter=letter, form=form, within=within, private=private)
            frame = msgspec.json.encode(job)
            answer: asyncio.Future[Sent | None] = loop.create_future()
            self._waiting[number] = answer
            assert process.stdin is not None
            process.stdin.write(len(frame).to_bytes(4, "big") + frame)
            try:
                async with asyncio.timeout(within + GRACE):
                    return await answer
            except TimeoutError:
                self._kill(process)
                return Sent(number=number, fault=CUT_OFF)
        finally:
            self._waiting.pop(number, None)
            self._room.release()

    async def _running(self) -> asyncio.subprocess.Process:
        """The process, ready. One start is for all who wait for it: if it hangs, they wait once, not one after another.
        Raises TimeoutError, OSError."""
        if self._starting is None or (self._starting.done() and self._process is None):
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody may wait
        return await asyncio.shield(self._starting)

    async def _start(self) -> asyncio.subprocess.Process:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # not from the current folder, whatever lies there
            "-m",
            "tocsin.connectors.people.sending",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # a traceback may quote an address
            start_new_session=True,  # it is ended as a group; Ctrl-C is for us, who drain
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | {"HOME": os.devnull},
        )
        self._waiting[READY] = ready = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(process))
        try:
            async with asyncio.timeout(READY_WITHIN):
                await asyncio.shield(ready)
        except TimeoutError:
            self._kill(process)
            await asyncio.shield(self._reading)  # it is gone before another is started
            raise
        finally:
            self._waiting.pop(READY, None)
        if self._process is None:
            raise OSError("the process ended before it was ready")
        return process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with contextlib.suppress(ValueError, msgspec.DecodeError):  # what is no line of ours ends it
            while line := await process.stdout.readline():
                sent = msgspec.json.decode(line, type=Sent)
                answer = self._waiting.get(sent.number)
                if answer is not None and not answer.done():
                    answer.set_result(sent)
        self._kill(process)
        code = await process.wait()
        if self._process is process:
            self._process = None
        if self._waiting:
            log.warning("the process that sends messages ended (%d); %d are tried again", code, len(self._waiting))
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(None)

    def _kill(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    async def close(self) -> None:
        """End the process; messages that are under way are cut off with it."""
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait([self._starting])
        process, reading = self._process, self._reading
        if process is None or reading is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(GRACE):
                await asyncio.shield(reading)
        except TimeoutError:
            self._kill(process)
            await reading


_CALLS: WeakKeyDictionary[asyncio.AbstractEventLoop, Calls] = WeakKeyDictionary()


@contextlib.asynccontextmanager
async def shared() -> AsyncIterator[Calls]:
    """The calls of this event loop, one process for all who use them at the same time; ended with the last of them."""
    calls = _CALLS.setdefault(asyncio.get_running_loop(), Calls())
    calls.users += 1
    try:
        yield calls
    finally:
        calls.users -= 1
        if not calls.users:
            await calls.close()
