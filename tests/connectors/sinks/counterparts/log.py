"""The other side of the sink `log`: who reads standard output, or does not."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self

from tocsin.connectors.sinks import Reason, Sink
from tocsin.connectors.sinks.log import LogConfig, LogSink
from tocsin.schemas.events import DeliveryAttempt


class Pipe:
    """A pipe, and a thread that reads it as a terminal would."""

    kind = "log"
    settings: Mapping[str, Any] = {"form": "json"}
    secrets: Sequence[str] = ()
    failures: Mapping[str, Reason] = {"away": Reason.SINK_FAILED, "hangs": Reason.TIMEOUT}
    never: Mapping[str, str] = {"delivery id": "a line is for people and has the id of the event"}

    async def __aenter__(self) -> Self:
        self._read = b""
        self._reading, self.writing = os.pipe()
        self._start()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._end()
        with contextlib.suppress(OSError):
            os.close(self._reading)
        os.close(self.writing)

    def sink(self) -> Sink:
        return LogSink(LogConfig(form="json"), self.writing, patience=0.3)

    async def turn(self, failure: str | None) -> None:
        self._renew()
        if failure == "hangs":
            os.set_blocking(self.writing, False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(self.writing, b" " * 512)
            os.set_blocking(self.writing, True)
        elif failure == "away":
            os.close(self._reading)
        else:
            self._start()

    def _renew(self) -> None:
        """Another pipe at the same descriptor, as when a terminal is back."""
        self._end()
        with contextlib.suppress(OSError):
            os.close(self._reading)
        self._reading, again = os.pipe()
        os.dup2(again, self.writing)
        os.close(again)

    def taken(self) -> Sequence[Hashable]:
        self._end()
        self._start()
        return [line.strip().decode() for line in self._read.splitlines()]

    def form(self, attempt: DeliveryAttempt) -> Hashable:
        return json.dumps(json.loads(attempt.body))

    def _start(self) -> None:
        self._until, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._follow, args=(self._reading, self._until))
        self._thread.start()

    def _follow(self, reading: int, until: int) -> None:
        import select

        while True:
            ready = select.select([reading, until], [], [])[0]
            if reading in ready:
                self._read += os.read(reading, 65536)
            elif until in ready:
                return

    def _end(self) -> None:
        if self._thread.is_alive():
            os.close(self._stop)
            self._thread.join()
            os.close(self._until)
