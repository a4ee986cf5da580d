"""Why a partition stands still, and how it comes past the record that it stands at.

A record whose batch cannot be folded or written (`Unwritable`) is found by taking one at a time, and becomes a dead
letter. One that halts stays until it can be read or a person lets it go (engine/skips.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from tocsin.streams.engine.dead import Skip
from tocsin.streams.engine.fold import Folded
from tocsin.streams.engine.partition import PartitionWriter
from tocsin.streams.engine.phase import Trouble
from tocsin.streams.engine.ports import Unwritable
from tocsin.streams.engine.record import Record

AskedFor = Callable[[int], Awaitable[Skip | None]]
"""`Log.skip_asked`."""

CHANCES = 2
"""How often a record alone may fail before it is given up: once might be a whim of the machine."""
ASK_EVERY = 5
"""Waits for a schema between two looks whether a person has asked to let the record go."""


class Standstill:
    """What keeps one partition, from the first failure until its record is taken: also between two tries, and across
    recoveries."""

    def __init__(self, topic: str, partition: int) -> None:
        self._place, self._partition = f"{topic} {partition}", partition
        self.reason = ""
        self.offset: int | None = None
        self._asked: Skip | None = None
        self._marked: int | None = None
        self._waits = 0
        self._suspect_until = -1
        self._alone = (-1, 0)
        self._culprit: Skip | None = None

    def begin(self, reason: str, offset: int | None) -> None:
        """It stands still, at the record at `offset` if it is one."""
        if (reason, offset) != (self.reason, self.offset):
            self._waits = 0
        self.reason, self.offset = reason, offset

    def over(self) -> None:
        """It moved."""
        self.reason, self.offset = "", None

    def trouble(self) -> Trouble | None:
        """What an operator should know; None while it moves."""
        return Trouble(self._place, self.reason, self.offset) if self.reason else None

    def committable(self, at: int | None) -> tuple[int, str] | None:
        """What the group commits: `at` (None: not known now), or where the partition last stood, and its trouble."""
        self._marked = self._marked if at is None else at
        stands_at = self.offset if self._marked is None else self._marked
        trouble = self.trouble()
        return None if stands_at is None else (stands_at, "" if trouble is None else trouble.written())

    @contextmanager
    def marked_by(self, writer: PartitionWriter) -> Iterator[None]:
        """Around a take-over: also one that fails has read where the partition stood."""
        try:
            yield
        finally:
            mark = writer.state.mark
            self._marked = self._marked if mark is None else mark.offset + 1

    async def taken_over(self, skip_asked: AskedFor) -> None:
        """The partition was recovered: if it stands at a record, that may be let go now; else it moves again."""
        if self.offset is None:
            self.over()
        else:
            self._asked = await skip_asked(self._partition)

    async def ask_now_and_then(self, skip_asked: AskedFor) -> None:
        """Look, at every fifth wait, whether a person has asked to let the record go."""
        self._waits += 1
        if self._waits % ASK_EVERY == 1:
            self._asked = await skip_asked(self._partition)

    async def fold_and_write(self, writer: PartitionWriter, records: Sequence[Record]) -> Folded:
        """Steps 1 to 3 of the write order, with what is to be let go; when it is the records that cannot be folded or
        written, the one at fault is looked for. Raises as the writer does."""
        if records[0].offset <= self._suspect_until:
            records = records[:1]
        try:
            folded = writer.fold(records, self._skip_among(records))
            records = records[: folded.taken]
            if folded.taken:
                await writer.write(folded)
        except Unwritable as unwritable:
            self._failed(records, unwritable)
            raise
        return folded

    def _failed(self, records: Sequence[Record], unwritable: Unwritable) -> None:
        """These could not be folded or written for what is in them."""
        unwritable.sought = True
        if len(records) > 1:
            self._suspect_until = records[-1].offset
            return
        offset, times = records[0].offset, 1
        if self._alone[0] == offset:
            times += self._alone[1]
        self._alone = (offset, times)
        if times >= CHANCES:
            self._culprit = Skip(offset, f"it could not be folded or written down: {unwritable}", asked=False)

    def _skip_among(self, records: Sequence[Record]) -> Skip | None:
        """The one of these that is to be let go, if any."""
        first, last = records[0].offset, records[-1].offset
        return next((skip for skip in (self._asked, self._culprit) if skip and first <= skip.offset <= last), None)
