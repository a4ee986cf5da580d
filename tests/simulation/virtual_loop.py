"""An asyncio loop whose clock jumps: when nothing is ready, the time of the next timer is now.

The engine's own tasks run on it unchanged, so years of timers pass in minutes, and always in the same order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from heapq import heapify, heappop
from typing import Any, TypeVar

from tests.simulation.broken import Broken

START = 1_767_225_600_000_000
"""When every simulation begins: 2026-01-01, in microseconds."""

MOST_TURNS = 1_000_000
"""Turns of the loop without progress that mean there is none; the longest pause of a run of years has 70,000."""

CANCELLED_KEPT = 100
"""Cancelled timers that may stay in the heap, at most half of it."""

Result = TypeVar("Result")


class NoProgress(Broken):
    """Somebody waits for what can never happen, or is busy for ever."""


class VirtualLoop(asyncio.BaseEventLoop):
    """No sockets, no threads, no wall clock. Whoever runs on it says when there was `progress`; more than `most_turns`
    without any raise NoProgress, where a busy loop would go on for ever."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _timer_cancelled_count: int

    def __init__(self, most_turns: int = MOST_TURNS) -> None:
        super().__init__()
        self._now = 0.0
        self.most_turns, self._turns = most_turns, 0
        self._broken: Broken | None = None
        self.set_exception_handler(lambda loop, context: self._note(context))

    def _note(self, context: dict[str, Any]) -> None:
        """A promise that a callback found broken ends the run. Anything else may be a task that was killed, and which
        nobody awaits."""
        error = context.get("exception")
        if isinstance(error, Broken) and self._broken is None:
            self._broken = error

    def time(self) -> float:
        return self._now

    def micros(self) -> int:
        """The virtual time in microseconds since the epoch."""
        return START + int(self._now * 1_000_000)

    def progress(self) -> None:
        """Something was done: the turns are counted from here."""
        self._turns = 0

    def _run_once(self) -> None:
        """One turn: jump if nothing is ready, then run what is ready and due. asyncio's own adds a waiting time and the
        system clock's resolution to `now`; after 194 days both are less than the step of a float, and nothing is due
        any more. Here, the clock is set to the very time of the timer."""
        if self._broken is not None:
            broken, self._broken = self._broken, None
            raise broken
        self._count_turn()
        self._drop_cancelled()
        ready, scheduled = self._ready, self._scheduled
        if not ready:
            if not scheduled:
                raise NoProgress("no timer is set, nothing is ready")
            self._now = max(self._now, scheduled[0]._when)  # type: ignore[attr-defined]
        while scheduled and scheduled[0]._when <= self._now:  # type: ignore[attr-defined]
            timer = heappop(scheduled)
            timer._scheduled = False  # type: ignore[attr-defined]
            ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _count_turn(self) -> None:
        self._turns += 1
        if self._turns > self.most_turns:
            self._turns = 0
            raise NoProgress(f"no progress in {self.most_turns} turns of the loop, after {self._now / 86_400:.1f} days")

    def _drop_cancelled(self) -> None:
        scheduled = self._scheduled
        if self._timer_cancelled_count > max(CANCELLED_KEPT, len(scheduled) // 2):
            for timer in scheduled:
                timer._scheduled = not timer.cancelled()  # type: ignore[attr-defined]
            scheduled[:] = [timer for timer in scheduled if not timer.cancelled()]
            heapify(scheduled)
            self._timer_cancelled_count = 0
        while scheduled and scheduled[0]._cancelled:
            heappop(scheduled)._scheduled = False  # type: ignore[attr-defined]
            self._timer_cancelled_count -= 1

    def _write_to_self(self) -> None:
        """Nobody calls from another thread."""


def run_virtually(loop: VirtualLoop, work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end of `work`; what is still pending then is cancelled. Raises NoProgress."""
    try:
        return loop.run_until_complete(work)
    finally:
        rest = asyncio.all_tasks(loop)
        for task in sorted(rest, key=lambda task: task.get_name()):
            task.cancel()
        if rest:
            loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        loop.close()
