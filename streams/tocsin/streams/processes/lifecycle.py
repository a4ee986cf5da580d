"""What all processes have in common: the table of them, readiness, signals, work that a stop cancels."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar, cast

import structlog

from tocsin.connectors.kafka import Kafka
from tocsin.streams.engine.garbage import IN_REQUESTS, rare_garbage_collection
from tocsin.streams.processes.draining import drain
from tocsin.streams.processes.kafka import any_answers
from tocsin.streams.settings import Settings, SettingsInvalid
from tocsin.streams.telemetry.logs import set_up_logging

T = TypeVar("T")

_log = structlog.get_logger("tocsin")


@dataclass(frozen=True, slots=True)
class Ready:
    """A process is ready: which one, and the base URL of its `/healthz`, `/readyz`, `/metrics` (and API); of the last
    three only, when they have a port of their own, `probes` is the base URL."""

    process: str
    url: str
    probes: str | None = None

    def document(self) -> dict[str, object]:
        """As it is told to a program."""
        apart = {} if self.probes is None else {"probes": self.probes}
        return {"ready": True, "process": self.process, "url": self.url} | apart


@dataclass(frozen=True, slots=True)
class Recovering:
    """A process is not ready yet, but has made progress since it last reported; `what` is for an operator."""

    process: str
    what: str


OnReady = Callable[[Ready | Recovering], None]
"""Called with `Ready` once; before it, any number of times with `Recovering`."""

RunProcess = Callable[[Settings, asyncio.Event, OnReady], Awaitable[None]]

PROCESSES = {
    "worker": "tocsin.streams.processes.worker:run_worker_process",
    "dispatch": "tocsin.streams.processes.dispatch:run_dispatch_process",
    "project": "tocsin.streams.processes.project:run_project_process",
    "gateway": "tocsin.streams.processes.gateway:run_gateway_process",
}
"""Name of each process -> the coroutine function that runs it, imported when it is run."""


def run_process(name: str, settings: Settings, on_ready: OnReady) -> None:
    """Run until SIGINT or SIGTERM, then drain, for as long as Kafka answers. Raises what the process raises."""
    set_up_logging(settings.log_format, settings.log_level)
    module, _, function = PROCESSES[name].partition(":")
    run = cast(RunProcess, getattr(import_module(module), function))

    def announced(what: Ready | Recovering) -> None:
        if isinstance(what, Ready):
            rules = "none" if settings.rules is None else str(settings.rules)
            _log.info(
                "started", process=name, url=what.url, kafka=settings.bootstrap, prefix=settings.prefix, rules=rules
            )
        on_ready(what)

    async def until_stopped() -> None:
        # Two events: a process also stops by itself, when it must be started again, and then says why.
        asked, stop = stop_on_signals(), asyncio.Event()
        working = asyncio.ensure_future(run(settings, stop, announced))
        asking = asyncio.ensure_future(asked.wait())
        await asyncio.wait({working, asking}, return_when=asyncio.FIRST_COMPLETED)
        asking.cancel()
        if working.done():
            await working
        else:
            stop.set()
            await drain(working, lambda: any_answers(Kafka(settings.bootstrap or "", settings.kafka_security())))

    with rare_garbage_collection(IN_REQUESTS):
        asyncio.run(until_stopped())
    _log.info("stopped", process=name)


def check_host(settings: Settings) -> None:
    """Raises SettingsInvalid when this machine cannot listen on TOCSIN_HOST, which the error of a bind never names."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(settings.host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except OSError as error:
        raise SettingsInvalid([f"TOCSIN_HOST: cannot listen on {settings.host!r}: {error.strerror}"]) from None


def ignore_hangups() -> None:
    """SIGHUP does nothing from now on, also after the event loop has ended. Operators send it to have the rules file
    read again; it must not end a process that does not handle it yet, or no longer does. For the main thread."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextlib.contextmanager
def on_hangup(do: Callable[[], object]) -> Iterator[None]:
    """While the block runs, SIGHUP calls `do` in the running event loop; then it is ignored. For the main thread."""
    loop = asyncio.get_running_loop()

    def handle(number: int, frame: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(do)

    # not the loop's own handlers: removing one of them restores, for a moment, the default that ends the process
    signal.signal(signal.SIGHUP, handle)
    try:
        yield
    finally:
        ignore_hangups()


def stop_on_signals() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set; a second signal of the same kind ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def handle(number: int) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, handle, number)
    return stop


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` while the block runs, and cancel it when the block ends."""
    working = asyncio.ensure_future(work)
    try:
        yield
    finally:
        working.cancel()
        await asyncio.wait({working})


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> tuple[bool, T | None]:
    """(True, its result) when the work ended; (False, None) when `stop` was set before: then the work was cancelled.

    Raises what the work raises.
    """
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return True, await working
        return False, None
    finally:
        stopping.cancel()
        working.cancel()
        await asyncio.wait({working})
