"""Shows the first download: a bar on a terminal, a line every ten jars elsewhere. On stderr, always."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from tocsin.streams.up.broker.errors import BrokerUnavailable

LINE_EVERY = 10
STEP = "fetching Kafka's jars"


class DownloadBar:
    """A context manager; `of_file` is what jgo calls for each file (from several threads)."""

    def __init__(self, files: int, size: int, given_up: threading.Event) -> None:
        """`files` jars of `size` bytes are about to be downloaded, unless `given_up` gets set."""
        self._files = files
        self._size = size
        self._given_up = given_up
        self._done = 0
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(f"Kafka ({files} jars, once)", total=size)

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        else:
            self._say(f"Downloading Kafka: {self._files} jars, {self._size / 1e6:.0f} MB, once.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    @contextmanager
    def of_file(self, name: str, size: int) -> Iterator[Callable[[int], None]]:
        """Yields what is to be called with the number of bytes that came."""
        yield self._advance

    def done(self, name: str) -> None:
        """One jar is complete and verified."""
        with self._lock:
            self._done += 1
            if not self._bar and (self._done % LINE_EVERY == 0 or self._done == self._files):
                self._say(f"  {self._done}/{self._files} jars verified")

    def go_on(self) -> None:
        """Raises BrokerUnavailable if the download was given up meanwhile."""
        if self._given_up.is_set():
            raise BrokerUnavailable(STEP, "given up")

    def _advance(self, count: int) -> None:
        self.go_on()
        if self._bar:
            self._bar.advance(self._task, count)

    def _say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)
