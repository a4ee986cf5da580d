"""What a command shows of long work: a status line on stderr while things start and stop, timed steps on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.status import Status

from tocsin.connectors.printable import clipped
from tocsin.streams.cli.output import show, show_error, show_json


class StatusLine:
    """A context manager; call `step` with a line for each step, or anything worth knowing."""

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

    def step(self, line: str) -> None:
        """One line with the seconds since the beginning; on a terminal the newest one spins."""
        text = f"{monotonic() - self._began:6.1f} s  {line}"
        if not self._status:
            show_error(text)
            return
        self._console.print(text)
        self._status.update(line)
        self._status.start()

    def done(self) -> None:
        """End the spinner: nothing is under way any more. Later steps are plain lines, and the cursor is back."""
        if self._status:
            self._status.stop()
            self._status = None


@contextmanager
def bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal's stderr while the block runs, nothing elsewhere; call what it gives with how many
    of `total` are done since the last call."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    with Progress(*_COLUMNS, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


class Step:
    """One step of the demo under way; call `done` or `missed` when it has ended."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ok = False
        self.detail = "it did not end"
        self.began = monotonic()
        self.took: float | None = None

    def done(self, detail: str, *, at: float | None = None) -> None:
        """It succeeded; `at` (monotonic) when the time that counts lies in the past."""
        self.ok, self.detail = True, detail
        self.took = (monotonic() if at is None else at) - self.began

    def missed(self, detail: str) -> None:
        """It failed."""
        self.ok, self.detail = False, detail


class Steps:
    """All steps of the demo; `failed` are the names of those that went wrong."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._began = monotonic()
        self.failed: list[str] = []

    @contextmanager
    def step(self, name: str, since: float | None = None) -> Iterator[Step]:
        """Times what is inside (from `since`, when it began earlier) and shows it. An exception is not caught."""
        step = Step(name)
        if since is not None:
            step.began = since
        try:
            yield step
        finally:
            self._show(step)

    def end(self, complete: bool) -> None:
        """The last line."""
        seconds = round(monotonic() - self._began, 1)
        if self._as_json:
            show_json({"ok": complete and not self.failed, "seconds": seconds, "failed": self.failed})
        elif not complete:
            show("interrupted")
        elif self.failed:
            show(f"FAILED after {seconds} s: {', '.join(self.failed)}")
        else:
            show(f"Every report arrived once, signed; {seconds} s in all, start and stop of Kafka included.")

    def _show(self, step: Step) -> None:
        took = monotonic() - step.began if step.took is None else step.took
        if not step.ok:
            self.failed.append(step.name)
        if self._as_json:
            show_json({"step": step.name, "ok": step.ok, "ms": round(took * 1000, 1), "detail": step.detail})
            return
        time = f"{took:7.1f} s " if took >= 10 else f"{took * 1000:7.0f} ms"
        show(f"{'ok' if step.ok else 'MISSING':7} {time}  {step.name:24} {clipped(step.detail, 160)}")
