"""When the owner of a partition appends a tick: a timer is due, or none was read for long though timers wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tocsin.streams.engine.ports import LogUnavailable

HEARTBEAT = 30.0
"""Seconds without input after which the owner appends a tick although no timer is due."""

ASK_AGAIN = 1_000_000
"""Microseconds between two ticks that are asked for: the first may still be on its way to us."""


class Ticking:
    """The ticks of one partition. Without them a quiet night looks like an outage: while any timer is pending, a
    record comes at least every `heartbeat` microseconds, so longer silence is one (`fold.Limits.silence`).

    `clock` gives microseconds; it decides only when to ask, never what `now` is, and may be set back at any time.
    """

    def __init__(self, append: Callable[[], Awaitable[None]], clock: Callable[[], int], heartbeat: int) -> None:
        self._append = append
        self._clock = clock
        self._heartbeat = heartbeat
        self._asked_at = 0
        self._folded_at = 0
        self._appending = False

    def taken_over(self, folded_at: int) -> None:
        """The partition is ours from now on; its last record was of `folded_at`."""
        self._asked_at = 0
        self._folded_at = min(folded_at, self._clock())

    def folded(self, at: int) -> None:
        """A record of time `at` was folded: Kafka's time, which may run before or behind our clock."""
        self._folded_at = max(self._folded_at, min(at, self._clock()))

    def ask_again(self) -> None:
        """The last tick left timers over: the next need not wait."""
        self._asked_at = 0

    def is_due(self, head: int | None) -> bool:
        """Whether to append a tick now; `head` is the earliest timer, None without any."""
        if head is None or self._appending:
            return False
        now = self._clock()
        self._asked_at, self._folded_at = (at if at <= now else 0 for at in (self._asked_at, self._folded_at))
        if now - self._asked_at < ASK_AGAIN:
            return False
        return head <= now or now - self._folded_at >= self._heartbeat

    async def append(self) -> None:
        """Put a tick behind everything that was accepted so far; timers fire when it is read."""
        asked_at = self._asked_at = self._clock()
        self._appending = True
        try:
            await self._append()
            self._folded_at = max(self._folded_at, asked_at)
        except LogUnavailable:
            pass  # asked again after a second
        finally:
            self._appending = False
