"""SIGINT and SIGTERM while a process still imports its parts, which takes seconds. This imports next to nothing."""

from __future__ import annotations

import os
import signal


def end_at_once() -> None:
    """SIGINT and SIGTERM end the process with exit code 0 from now on, until it has handlers of its own
    (`lifecycle.stop_on_signals`). For the main thread, before anything was begun: nothing is drained or closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)


def _end(number: int, frame: object) -> None:
    # Not SystemExit: raised in the middle of an import, it may be swallowed or shown as a fault of that module.
    os._exit(0)
