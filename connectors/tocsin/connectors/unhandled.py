"""What nobody caught, by choice: `watch_unhandled()` once, after `sdk.init(...)`; `watch_loop(loop)` for asyncio.

Whatever stood there before is called as ever.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from types import TracebackType
from typing import Any

from tocsin.connectors import sdk

_WATCHED: list[bool] = []


def watch_unhandled() -> None:
    """From now on what ends the program, or one of its threads, is a problem; at the end of a program it has the time
    of `sdk.flush`."""
    if _WATCHED:
        return
    _WATCHED.append(True)
    program, threads = sys.excepthook, threading.excepthook

    def end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, Exception):
            sdk.capture(error)
        program(kind, error, trace)

    def end_thread(told: threading.ExceptHookArgs) -> None:
        if isinstance(told.exc_value, Exception):
            sdk.capture(told.exc_value)
        threads(told)

    sys.excepthook, threading.excepthook = end, end_thread


def watch_loop(loop: asyncio.AbstractEventLoop | None = None) -> None:
    """From now on errors of this loop that nobody awaits are problems (of the running loop, when none is given)."""
    watched = loop if loop is not None else asyncio.get_running_loop()
    before = watched.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, told: dict[str, Any]) -> None:
        error = told.get("exception")
        if isinstance(error, Exception):
            sdk.capture(error)
        loop.default_exception_handler(told) if before is None else before(loop, told)

    watched.set_exception_handler(handle)
