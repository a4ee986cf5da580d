"""What all processes have in common: they say when they are ready, and stop when asked."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aiokafka.errors import KafkaError

from tocsin.schemas.errors import TocsinError
from tocsin.streams.settings import Settings, SettingsInvalid


@dataclass(frozen=True, slots=True)
class Ready:
    """A process is ready: which one, and the base URL of its `/healthz`, `/readyz`, `/metrics` (and API)."""

    process: str
    url: str


@dataclass(frozen=True, slots=True)
class Recovering:
    """A process is not ready yet, but it got on since it last said so; `what` is for an operator."""

    process: str
    what: str


OnReady = Callable[[Ready | Recovering], None]
"""Called with `Ready` once; before it, any number of times with `Recovering`."""


class ServiceUnreachable(TocsinError):
    """Something that this process needs does not answer; says which and how to start it. Exit code 69."""

    exit_code = 69


def needed_bootstrap(settings: Settings) -> str:
    """The Kafka to use; raises ServiceUnreachable when none is set."""
    if settings.bootstrap is None:
        raise ServiceUnreachable(
            "TOCSIN_BOOTSTRAP is not set: give the address of Kafka (host:port), or start everything with `tocsin up`"
        )
    return settings.bootstrap


def check_host(settings: Settings) -> None:
    """Raises SettingsInvalid when this machine cannot listen on TOCSIN_HOST, which the error of a bind never names."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(settings.host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except OSError as error:
        raise SettingsInvalid([f"TOCSIN_HOST: cannot listen on {settings.host!r}: {error.strerror}"]) from None


def kafka_unreachable(bootstrap: str, error: KafkaError | OSError) -> ServiceUnreachable:
    return ServiceUnreachable(
        f"Kafka at {bootstrap} does not answer ({type(error).__name__}); "
        "start it (`tocsin broker`) or correct TOCSIN_BOOTSTRAP"
    )


def ignore_hangups() -> None:
    """SIGHUP does nothing from now on, also after the event loop: to those who send it, it means "read your rules", and
    must not end a process that does not listen for it yet, or no more. For the main thread."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextlib.contextmanager
def on_hangup(do: Callable[[], object]) -> Iterator[None]:
    """While the block runs, SIGHUP does this in the running event loop; then it is ignored. For the main thread."""
    loop = asyncio.get_running_loop()

    def ask(number: int, frame: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(do)

    # not the loop's own handlers: taking one of them away makes the signal deadly again, if only for a moment
    signal.signal(signal.SIGHUP, ask)
    try:
        yield
    finally:
        ignore_hangups()


def stop_on_signals() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set; a second signal of the same kind ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask(number: int) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask, number)
    return stop
