"""An asyncio loop whose clock jumps: when nothing is ready, the time of the next timer is now.

The engine's own tasks run on it unchanged, so years of timers pass in minutes, and always in the same order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

START = 1_767_225_600_000_000
"""When every simulation begins: 2026-01-01, in microseconds."""

Result = TypeVar("Result")


class NothingLeft(Exception):
    """Somebody waits for what can never happen."""


class _Jump:
    """Stands where a selector would wait for sockets."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        if timeout is None:
            raise NothingLeft("no timer is set, nothing is ready")
        if timeout > 0:
            self._loop.pass_time(timeout)
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """No sockets, no threads, no wall clock."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = _Jump(self)
        self.set_exception_handler(lambda loop, context: None)  # tasks that are killed are never awaited

    def time(self) -> float:
        return self._now

    def micros(self) -> int:
        """The virtual time in microseconds since the epoch."""
        return START + int(self._now * 1_000_000)

    def pass_time(self, seconds: float) -> None:
        """Jump ahead."""
        self._now += seconds

    def _process_events(self, event_list: list[object]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody calls from another thread."""


def run_virtually(loop: VirtualLoop, work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end of `work`; what is still pending then is cancelled."""
    try:
        return loop.run_until_complete(work)
    finally:
        rest = asyncio.all_tasks(loop)
        for task in sorted(rest, key=lambda task: task.get_name()):
            task.cancel()
        if rest:
            loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        loop.close()
