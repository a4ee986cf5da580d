"""What a process knows of the last outbox that it produced, so that recovering again does not repeat it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tocsin.streams.engine.mark import Mark
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.ports import Log, LogUnavailable


@dataclass(slots=True)
class Spoken:
    """The last outbox that was produced, by the mark that it was written with, and what of it Kafka is not known to
    have (`unsaid`). It outlives the writer: a partition that halts, or cannot write, is recovered twice a minute, and
    each time its last outputs stand in the changelog."""

    mark: Mark | None = None
    outbox: list[OutboxRecord] = field(default_factory=list)
    unsaid: Sequence[OutboxRecord] = ()

    def left_of(self, mark: Mark | None, outbox: list[OutboxRecord]) -> Sequence[OutboxRecord]:
        """What is still to be produced of an outbox that was folded or read back."""
        return self.unsaid if (mark, outbox) == (self.mark, self.outbox) else outbox

    async def produce(self, log: Log, mark: Mark | None, outbox: list[OutboxRecord]) -> None:
        """Produce what is left of it, and keep in mind what Kafka acknowledged. Raises LogUnavailable."""
        left = self.left_of(mark, outbox)
        self.mark, self.outbox, self.unsaid = mark, outbox, left
        try:
            await log.produce(left)
        except LogUnavailable as failure:
            if failure.unsaid is not None:
                self.unsaid = failure.unsaid
            raise
        self.unsaid = ()
