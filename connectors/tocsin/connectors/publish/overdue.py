"""Ends requests that take too long. A time-out of a socket begins anew with each byte: a server that sends one now and
then would hold a thread for ever, and with it the end of the interpreter."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator

IDLE = 5.0
"""Seconds after which the thread that looks ends, when there is nothing to look at."""
NEVER = float("inf")


class Overdue:
    """Looks after connections, from a thread of its own that is there while there are requests."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: dict[http.client.HTTPConnection, float] = {}
        self._changed = threading.Condition()
        self._looking = False

    @contextlib.contextmanager
    def watch(self, connection: http.client.HTTPConnection) -> Iterator[None]:
        """A request over it: when it has not ended in time, nothing more is heard of the other side. Raises
        TimeoutError then, whatever was heard: half an answer may look like a whole one."""
        with self._changed:
            self._until[connection] = time.monotonic() + self._seconds
            self._changed.notify()
            if not self._looking:
                self._looking = True
                threading.Thread(target=self._look, name="tocsin-overdue", daemon=True).start()
        try:
            yield
        finally:
            with self._changed:
                late = self._until.pop(connection) == NEVER
            if late:
                raise TimeoutError("the answer did not come to an end in time")

    def _look(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                for late in [one for one, until in self._until.items() if until <= now]:
                    self._until[late] = NEVER
                    _hang_up(late)
                rest = min([*self._until.values(), now + IDLE]) - now
                self._changed.wait(max(rest, 0.01))
                if not self._until:
                    self._looking = False
                    return


def _hang_up(connection: http.client.HTTPConnection) -> None:
    """Whoever reads from it reads its end. Over TLS, too: without the last words that it would want to say."""
    sock = connection.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
