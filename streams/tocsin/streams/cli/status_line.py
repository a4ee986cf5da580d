"""What is going on while things start and stop: a spinner on a terminal, lines with their time elsewhere. On stderr."""

from __future__ import annotations

import sys
from time import monotonic
from typing import Self

from rich.console import Console
from rich.status import Status

from tocsin.streams.cli.showing import tell


class StatusLine:
    """A context manager; `say` is a step, or something worth knowing."""

    def __init__(self) -> None:
        self._began = monotonic()
        self._status: Status | None = None
        self._console = Console(stderr=True, highlight=False, markup=False)

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._status = self._console.status("")
        return self

    def __exit__(self, *error: object) -> None:
        self.done()

    def say(self, line: str) -> None:
        """One line with the seconds since the beginning; on a terminal the newest one spins."""
        text = f"{monotonic() - self._began:6.1f} s  {line}"
        if not self._status:
            tell(text)
            return
        self._console.print(text)
        self._status.update(line)
        self._status.start()

    def done(self) -> None:
        """Nothing is under way any more: the spinner goes."""
        if self._status:
            self._status.stop()
