"""The life of one partition in this worker: take over, serve, recover after failures, halt alone.

One asyncio task per partition, one batch at a time, partitions concurrent (docs/architecture.md#ownership).
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Sequence
from time import monotonic

import structlog

from tocsin.streams.engine.audit import Auditor, TimerCensus
from tocsin.streams.engine.fold import Folded
from tocsin.streams.engine.input_loss import refuse_loss, verify_input
from tocsin.streams.engine.partition import PartitionState, PartitionWriter
from tocsin.streams.engine.phase import UNREADABLE_YET, Phase, Trouble
from tocsin.streams.engine.ports import Log, LogUnavailable
from tocsin.streams.engine.record import Halt, Record, RuleSet
from tocsin.streams.engine.setbacks import Setback, Setbacks, setback_of
from tocsin.streams.engine.standstill import Standstill
from tocsin.streams.engine.ticking import HEARTBEAT, Ticking
from tocsin.streams.engine.waiting import Waiting

_log = structlog.get_logger("tocsin.engine")

DELIVERY_GRACE = 5.0
"""Seconds that a record may take from Kafka to our queue when nothing else is to do."""

IDLE_CHECK = 30.0
"""Seconds without input after which the changelog and the mark are looked at; far below min.compaction.lag.ms."""


class PartitionTask:
    """Runs the write order for one partition until stopped. No exception leaves it.

    `seek(offset)` tells the consumer where to read; it is called after each take-over. `clock` gives microseconds
    and decides only when to ask for a tick, never what `now` is.
    """

    def __init__(
        self,
        rules: RuleSet,
        partition: int,
        log: Log,
        writer: Callable[[bytes], PartitionWriter],
        seek: Callable[[int], None],
        clock: Callable[[], int],
        *,
        on_written: Callable[[int, Folded], None] = lambda partition, folded: None,
        setbacks: Setbacks | None = None,
        retry_delay: float = 1.0,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self.partition = partition
        self.phase = Phase.TAKING_OVER
        self.reason = ""
        self._still = Standstill(rules.input_topic, partition)
        self.agent = rules.name
        self.next_offset: int | None = None
        self.moved_at = monotonic()
        self.stalled = False
        self.settled = False  # True once the first take-over is done or needs a person: the worker may be ready
        self._rules, self._kafka, self._new_writer = rules, log, writer
        self._seek, self._clock, self._on_written = seek, clock, on_written
        self._retry_delay = retry_delay
        self._waiting = Waiting()
        self._wake = asyncio.Event()
        self._stopping = False
        self._ticking = Ticking(
            lambda: log.produce_tick(partition, rules.tick(partition, clock())), clock, int(heartbeat * 1e6)
        )
        self._auditor: Auditor | None = None
        self._doubt, self._expected = False, 0
        self._setbacks = setbacks or Setbacks(retry_delay)
        self._writer: PartitionWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._log = _log.bind(agent=rules.name, partition=partition)

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"{self._rules.name}/{self.partition}")

    async def stop(self, within: float) -> None:
        """Finish the batch at hand and rest, or give up after `within` seconds; the next owner recovers either way."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            _, pending = await asyncio.wait({self._task}, timeout=within)
            for task in pending:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._let_go()
        self.phase = Phase.STOPPED

    def note(self) -> str | None:
        """What an operator should know of it, and what helps; None while it runs."""
        trouble = self.trouble()
        return self.phase.note(self.reason) if trouble is None else trouble.note()

    def trouble(self) -> Trouble | None:
        """Why it halted or waits, until that is over: not only between two tries."""
        return self._still.trouble()

    @property
    def halted(self) -> str:
        """The reason of it, or nothing."""
        return self._still.reason

    def moved(self) -> None:
        """Something was done, or nothing is to do: what is not called for long has stalled (engine/watchdog.py)."""
        self.moved_at = monotonic()

    def has_room(self) -> bool:
        """Whether another batch may be offered."""
        return self.phase is Phase.RUNNING and not self._waiting.is_full() and not self._stopping

    def offer(self, records: Sequence[Record]) -> None:
        """Queue a batch, fetched after the last seek; one that comes before it is taken over is read again."""
        if self.next_offset is None or not records or self._stopping:
            return
        fresh = [record for record in records if record.offset >= self.next_offset]
        if not fresh:
            # Offsets that went back: read twice around a rebalance, or the topic was made again.
            self._doubt = True
            self._wake.set()
            return
        self._waiting.put(fresh)
        self.next_offset = fresh[-1].offset + 1
        self._wake.set()

    def mark_offset(self) -> int | None:
        """The offset after the last record that is folded and written down; None while it is not known."""
        writer = self._writer
        if writer is None or writer.state.mark is None:
            return None
        return writer.state.mark.offset + 1

    def committable(self) -> tuple[int, str] | None:
        """For lag tools and operators: where it stands, also while it is set back, and why it stands still."""
        return self._still.committable(self.mark_offset())

    def row(self, key: str) -> object | None:
        """The row of this key, if the partition is held and has it."""
        return self._writer.state.rows.get(key) if self._writer else None

    def state(self) -> PartitionState | None:
        """What is in memory of the partition, if it is held."""
        return self._writer.state if self._writer else None

    def tick_is_due(self) -> bool:
        """Whether the owner should append a tick now: a timer is due, or no record came for long while one waits."""
        running = self._writer if self.phase is Phase.RUNNING else None
        return running is not None and self._ticking.is_due(running.state.rows.timer_head())

    async def append_tick(self) -> None:
        """Put a tick behind everything that was accepted so far; a tick that Kafka does not take is asked for again."""
        await self._ticking.append()

    def audit(self) -> int:
        """One step of the auditor; how many lost timers it put back, once it is through with a round."""
        found = self._auditor.step(self._clock()) if self._auditor else None
        if found is None:
            return 0
        if found.overdue or found.repaired:
            self._log.error("timers overdue", overdue=found.overdue, put_back=found.repaired, pending=found.pending)
        return found.repaired

    def timers(self) -> TimerCensus:
        """What the auditor's last whole round found."""
        return self._auditor.last if self._auditor else TimerCensus()

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self._take_over()
                await self._serve()
            except Exception as error:
                self._set_back(setback_of(error))
            if not self._stopping:
                await self._pause(self._setbacks.patience(self.phase is Phase.HALTED))

    def _set_back(self, why: Setback) -> None:
        """Throw the partition's memory away: after a failed write nobody knows what of it is in the log."""
        self.phase, self.reason = why.phase, why.reason
        again = (why.reason, why.offset) == (self._still.reason, self._still.offset)
        if why.phase is Phase.HALTED:
            self.settled = True
            self._still.begin(why.reason, why.offset)
        self._setbacks.failed()
        self._let_go()
        self._waiting.clear()
        log = self._log.warning if why.phase is not Phase.HALTED else self._log.debug if again else self._log.error
        log("partition set back", phase=why.phase, reason=why.reason, detail=why.detail, exc_info=why.unexpected)

    def _let_go(self) -> None:
        """The rows of an owner that was are large, and nobody may hold them."""
        if self._writer is not None:
            self._rules.released(self._writer.state.rows)
        self._writer, self._auditor, self.next_offset = None, None, None

    async def _take_over(self) -> None:
        self.phase = Phase.TAKING_OVER
        writer = self._new_writer(uuid.uuid4().bytes)
        with self._setbacks.recovery(lambda: writer.state.log_end > 0), self._still.marked_by(writer):
            verdict = await writer.take_over(self.moved if self._setbacks.reading_is_progress else lambda: None)
        if verdict.input_changed:
            self._log.error("input changed", standing=verdict.standing, lost=verdict.lost, position=verdict.position)
        await self._still.taken_over(self._kafka.skip_asked)
        self._writer, self.next_offset = writer, verdict.position
        self._auditor = Auditor(writer.state.rows, self._rules.counted)
        self._waiting.clear()
        self._ticking.taken_over(writer.state.now)
        self._expected = verdict.position
        self._seek(verdict.position)
        self.phase, self.reason, self.settled = Phase.RUNNING, "", True
        self.moved()
        if writer.reported is not None:
            self._on_written(self.partition, writer.reported)

    async def _serve(self) -> None:
        writer = self._writer
        assert writer is not None
        while not self._stopping:
            if not self._waiting:
                await self._idle(writer)
                continue
            records = self._waiting.take()
            if records[0].offset != self._expected:
                await verify_input(writer)
                await refuse_loss(writer, self._expected, records[0].offset)
            self._expected = records[-1].offset + 1
            try:
                while records and not self._stopping:
                    records = await self._take(writer, records)
            except Halt:
                await writer.rest()  # or the next owner would produce the last outputs again
                raise
        await writer.rest()

    async def _take(self, writer: PartitionWriter, records: Sequence[Record]) -> Sequence[Record]:
        folded = await self._still.fold_and_write(writer, records)
        if folded.taken:
            self.moved()
            self._ticking.folded(folded.now)
            self._setbacks.over()
            self._still.over()
            self._on_written(self.partition, folded)
        if folded.halt is not None:
            raise folded.halt
        if folded.more_timers:
            self._ticking.ask_again()
        if folded.waits_for is not None:
            await self._wait_for_schema(records[folded.taken].offset, folded.waits_for)
        elif self.phase is Phase.WAITING:
            self.phase, self.reason = Phase.RUNNING, ""
        return records[folded.taken :]

    async def _wait_for_schema(self, offset: int, detail: str) -> None:
        if self.phase is not Phase.WAITING:
            self._log.error("partition waits for a schema", detail=detail, offset=offset)
        self.phase, self.reason = Phase.WAITING, UNREADABLE_YET
        self._still.begin(UNREADABLE_YET, offset)
        await self._still.ask_now_and_then(self._kafka.skip_asked)
        await self._pause(self._retry_delay)

    async def _idle(self, writer: PartitionWriter) -> None:
        if self._doubt:
            self._doubt = False
            await verify_input(writer)
            return
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_CHECK):  # wait_for makes a task each time
                await self._wake.wait()
            return
        await writer.watch_changelog()
        await writer.rest()  # or whoever owns it next says the last outputs again, however long they are past
        await verify_input(writer)
        if await writer.unread(self._expected) is None:
            self._still.over()  # retention took what it halted for
            return
        await self._pause(DELIVERY_GRACE)
        if not self._waiting and not self._stopping:
            raise LogUnavailable(f"input from offset {self._expected} does not reach us")

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        if not self._stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), seconds)
