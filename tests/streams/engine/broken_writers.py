"""Write orders with a bug: every simulation has to find each of them, or it proves nothing."""

from __future__ import annotations

from collections.abc import Callable

from tocsin.streams.engine.fold import Folded
from tocsin.streams.engine.partition import PartitionWriter


class SpeaksFirst(PartitionWriter):
    """The bug of every system that has no outbox: what was said is decided again after a crash."""

    async def write(self, folded: Folded) -> None:
        await self._log.produce(folded.outputs)
        await super().write(folded)


class ProvesNothing(PartitionWriter):
    """Speaks without a look at who owns the partition."""

    async def _prove_ownership(self, at: int | None, count: int) -> None:
        self.state.log_end = (at or self.state.log_end) + count


class ForgetsTheOutbox(PartitionWriter):
    """Does not say the last outbox again."""

    async def _replay(self, start: int, at: int, on_read: Callable[[], None]) -> None:
        await super()._replay(start, at, on_read)
        self.state.outbox = []


class LeavesShadows(PartitionWriter):
    """Does not rewrite what a void record shadows; only compaction makes that a loss."""

    async def _examine(self, start: int, end: int) -> None:
        await super()._examine(start, end)
        self.state.rewrite, self.state.needs_rewrite = set(), False

    async def _replay(self, start: int, at: int, on_read: Callable[[], None]) -> None:
        await super()._replay(start, at, on_read)
        self.state.rewrite, self.state.needs_rewrite = set(), False
