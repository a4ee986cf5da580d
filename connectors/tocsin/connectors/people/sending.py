"""The program that hands messages to Apprise: `python -m tocsin.connectors.people.sending`, started by `people.calls`.

Apprise is synchronous, its plug-ins do what they like, and no thread can be ended from outside. So each message is sent
by a fork of this process: it is killed when its time is up, has a bound of memory, starts no program, and connects to
public addresses only (but for messages that may go to any). The plug-ins are loaded once.

Standard input has frames: four bytes of length, then a Job in JSON. Standard output gets a line of JSON, a Sent, for
each, and one of number 0 when it is ready; shorter than what a pipe takes at once, so that lines do not mix. When its
input ends, which it does with who started it, it ends with all that it is sending.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from select import PIPE_BUF
from typing import Any, NoReturn

import msgspec
from msgspec import Struct

from tocsin.connectors.guard import is_public
from tocsin.connectors.people.addresses import apprise_of, made
from tocsin.connectors.people.letter import Letter

MAX_LINES, MAX_LINE = 6, 400
"""How much of what Apprise logged about a message is handed back: lines, and characters of each."""

MEMORY = 1024**3
"""Bytes of address space that one message may take: a service may answer without end."""

READY = 0
"""The number of what is said first."""

CUT_OFF = "cut off"
"""The fault of a message whose time was up."""

DIED = "died"
"""The fault of one whose process ended without a word: it may have been sent."""

_PROGRAMS = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.spawn"}
)
_DIALS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_INET = (socket.AF_INET, socket.AF_INET6)


class Job(Struct, frozen=True, kw_only=True):
    """One message to one address. `within` is in seconds; `private`: it may go to any address, not only public ones."""

    number: int
    url: str
    letter: Letter
    form: str
    within: float
    private: bool = False


class Sent(Struct, frozen=True, kw_only=True):
    """What became of a job. `ok`: Apprise says that the service took it. `refused`: an address was not public.
    `lines` are what Apprise logged at debug too, for the classification; `shown` its warnings, for the log."""

    number: int
    ok: bool = False
    refused: bool = False
    fault: str = ""
    lines: list[str] = []
    shown: list[str] = []


class NotThere(OSError):
    """A connection, or a program, that a message may not have."""


def send(job: Job) -> Sent:
    """Send it, in this process: no bound of time, no guard. Raises nothing but what ends a process."""
    logged = _Logged()
    logger = logging.getLogger("apprise")
    logger.addHandler(logged)
    logger.setLevel(logging.DEBUG)
    try:
        apprise = apprise_of(job.url)
        message = job.letter
        ok = bool(
            apprise.notify(body=message.body, title=message.title, notify_type=message.mood, body_format=job.form)
        )
        return Sent(number=job.number, ok=ok, lines=logged.of(logging.DEBUG), shown=logged.of(logging.WARNING))
    except Exception as error:
        return Sent(number=job.number, fault=type(error).__name__, lines=logged.of(logging.DEBUG))
    finally:
        logger.removeHandler(logged)


class _Logged(logging.Handler):
    """Keeps what is logged about a message."""

    def __init__(self) -> None:
        super().__init__()
        self._records: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            self._records.append((record.levelno, record.getMessage()[:MAX_LINE]))

    def of(self, level: int) -> list[str]:
        """The last lines of at least this level; the payloads, which hold the message itself, are left out."""
        lines = [text for at, text in self._records if at >= level and "payload" not in text.lower()]
        return lines[-MAX_LINES:]


class Guard:
    """An audit hook (PEP 578) that sees each connection before it is made, whichever library makes it. What a library
    in C connects by itself, without Python's sockets, it does not see."""

    def __init__(self, private: bool) -> None:
        """`private`: any address will do."""
        self._private = private
        self.refused = False

    def __call__(self, event: str, given: tuple[Any, ...]) -> None:
        """Raises NotThere for what may not be."""
        if event in _PROGRAMS:
            raise NotThere("a message starts no program")
        if event in _DIALS and not self._private and not self._may(given[0], given[1]):
            self.refused = True
            raise NotThere("the address is not public")

    def _may(self, dialled: Any, address: Any) -> bool:
        if address is None:
            return True  # of a socket that is connected: it was seen then
        return dialled.family in _INET and isinstance(address, tuple) and is_public(str(address[0]))


def _send_alone(job: Job) -> NoReturn:
    """In a fork: send it, write what became of it, and end."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, job.within)
        with contextlib.suppress(OSError, ValueError):  # where the system has no such bound, or a lower one
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        guard = Guard(job.private)
        sys.addaudithook(guard)
        sent = send(job)
        _write(msgspec.structs.replace(sent, refused=guard.refused))
    finally:
        os._exit(0)


def _write(sent: Sent) -> None:
    line = msgspec.json.encode(sent)
    while len(line) >= PIPE_BUF:
        sent = msgspec.structs.replace(sent, lines=sent.lines[1:], shown=sent.shown[1:])
        line = msgspec.json.encode(sent)
    os.write(1, line + b"\n")


class _Server:
    """Reads jobs, forks, and says so when a fork ended without a word."""

    def __init__(self) -> None:
        self._input = b""
        self._under_way: dict[int, int] = {}

    def run(self) -> None:
        """Until the input ends."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ, self._read)
            selector.register(reader, selectors.EVENT_READ, lambda: bool(os.read(reader, 512)))
            while True:
                for key, _ in selector.select():
                    ready: Callable[[], bool] = key.data
                    if not ready():
                        return
                self._reap()

    def _read(self) -> bool:
        data = os.read(0, 1 << 16)
        self._input += data
        for job in self._jobs():
            child = os.fork()
            if not child:
                _send_alone(job)
            self._under_way[child] = job.number
        return bool(data)

    def _jobs(self) -> Iterator[Job]:
        while len(self._input) >= 4:
            size = int.from_bytes(self._input[:4], "big")
            if len(self._input) < 4 + size:
                return
            frame, self._input = self._input[4 : 4 + size], self._input[4 + size :]
            yield msgspec.json.decode(frame, type=Job)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                number = self._under_way.pop(ended[0])
                late = os.WIFSIGNALED(ended[1]) and os.WTERMSIG(ended[1]) == signal.SIGALRM
                # of no effect when it has written what became of it
                _write(Sent(number=number, fault=CUT_OFF if late else DIED))


def main() -> None:
    """Serve until standard input ends. It has a process group of its own."""
    made("json://localhost")  # the plug-ins are loaded before the first fork
    _write(Sent(number=READY, ok=True))
    _Server().run()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
