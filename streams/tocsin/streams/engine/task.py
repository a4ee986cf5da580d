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
from tocsin.streams.engine.dead import DeadLetterLimitReached
from tocsin.streams.engine.fold import Folded
from tocsin.streams.engine.partition import PartitionWriter, Superseded
from tocsin.streams.engine.phase import DEAD_LETTER_LIMIT, HELP, Phase
from tocsin.streams.engine.ports import Log, LogUnavailable
from tocsin.streams.engine.record import Halt, Record, RuleSet
from tocsin.streams.engine.setbacks import Setbacks
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
        retry_delay: float = 1.0,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self.partition = partition
        self.phase = Phase.TAKING_OVER
        self.reason = ""
        self.halted = ""  # the reason of the last halt, until it is over: not only between two tries
        self.agent = rules.name
        self.next_offset: int | None = None
        self.epoch = 0
        self.moved_at = monotonic()
        self.stalled = False
        self.settled = False  # True once the first take-over is done or needs a person: the worker may be ready
        self._rules, self._kafka, self._new_writer = rules, log, writer
        self._seek, self._clock, self._on_written = seek, clock, on_written
        self._retry_delay = retry_delay
        self._waiting = Waiting()
        self._wake = asyncio.Event()
        self._stopping = False
        self._ticking = Ticking(self._produce_tick, clock, int(heartbeat * 1e6))
        self._auditor: Auditor | None = None
        self._doubt = False
        self._expected = 0
        self._setbacks = Setbacks(retry_delay)
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
        self.phase = Phase.STOPPED

    def note(self) -> str | None:
        """What an operator should know of it, and what helps; None while it runs."""
        if self.halted:
            helps = HELP.get(self.halted)
            return f"{Phase.HALTED}: {self.halted}" + (f" ({helps})" if helps else "")
        if self.phase is Phase.RUNNING:
            return None
        return f"{self.phase}: {self.reason}" if self.reason else str(self.phase)

    def moved(self) -> None:
        """Something was done, or nothing is to do: what is not called for long has stalled (engine/watchdog.py)."""
        self.moved_at = monotonic()

    def has_room(self) -> bool:
        """Whether another batch may be offered."""
        return self.phase is Phase.RUNNING and not self._waiting.is_full() and not self._stopping

    def resume_at(self) -> int | None:
        """Where the consumer must read on after a rebalance; batches fetched before it are void from now on."""
        self.epoch += 1
        return self.next_offset

    def offer(self, records: Sequence[Record], epoch: int) -> None:
        """Queue a batch; one that was fetched before the last seek is dropped, the consumer reads it again."""
        if epoch != self.epoch or self.next_offset is None or not records or self._stopping:
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
        """The offset after the last record that is folded and written down, for lag tools."""
        writer = self._writer
        if writer is None or writer.state.mark is None:
            return None
        return writer.state.mark.offset + 1

    def rows_held(self) -> int:
        return len(self._writer.state.rows) if self._writer else 0

    def tick_is_due(self) -> bool:
        """Whether the owner should append a tick now: a timer is due, or no record came for long while one waits."""
        if self.phase is not Phase.RUNNING or self._writer is None:
            return False
        return self._ticking.is_due(self._writer.state.rows.timer_head())

    async def append_tick(self) -> None:
        """Put a tick behind everything that was accepted so far; a tick that Kafka does not take is asked for again."""
        await self._ticking.append()

    async def _produce_tick(self) -> None:
        await self._kafka.produce_tick(self.partition, self._rules.tick(self.partition, self._clock()))

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
            except Superseded as superseded:
                self._set_back(Phase.TAKING_OVER, "superseded", str(superseded))
            except LogUnavailable as unavailable:
                self._set_back(Phase.TAKING_OVER, "kafka_unavailable", str(unavailable))
            except DeadLetterLimitReached as reached:
                self._set_back(Phase.HALTED, DEAD_LETTER_LIMIT, str(reached))
            except Halt as halt:
                self._set_back(Phase.HALTED, "needs_a_person", f"{type(halt).__name__}: {halt}")
            except Exception as error:
                self._set_back(Phase.HALTED, "unexpected", f"{type(error).__name__}: {error}", exc_info=True)
            if not self._stopping:
                await self._pause(self._setbacks.patience(self.phase is Phase.HALTED))

    def _set_back(self, phase: Phase, reason: str, detail: str, *, exc_info: bool = False) -> None:
        """Throw the partition's memory away: after a failed write nobody knows what of it is in the log."""
        self.phase, self.reason = phase, reason
        if phase is Phase.HALTED:
            self.halted, self.settled = reason, True
        self._setbacks.failed()
        self._writer, self._auditor, self.next_offset = None, None, None
        self.epoch += 1
        self._waiting.clear()
        log = self._log.error if phase is Phase.HALTED else self._log.warning
        log("partition set back", phase=phase, reason=reason, detail=detail, exc_info=exc_info)

    async def _take_over(self) -> None:
        self.phase = Phase.TAKING_OVER
        writer = self._new_writer(uuid.uuid4().bytes)
        with self._setbacks.recovery(lambda: writer.state.log_end > 0):
            verdict = await writer.take_over(self.moved if self._setbacks.reading_is_progress else lambda: None)
        if verdict.input_changed:
            self._log.error("input changed", standing=verdict.standing, lost=verdict.lost, position=verdict.position)
        self._writer, self.next_offset = writer, verdict.position
        self._auditor = Auditor(writer.state.rows)
        self._waiting.clear()
        self._ticking.taken_over(writer.state.now)
        self._expected = verdict.position
        self.epoch += 1
        self._seek(verdict.position)
        self.phase, self.reason, self.settled = Phase.RUNNING, "", True
        if self.halted != DEAD_LETTER_LIMIT:  # that one is over when its record is taken
            self.halted = ""
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
                await self._verify_input(writer)
                await self._refuse_loss(writer, records[0].offset)
            self._expected = records[-1].offset + 1
            try:
                while records and not self._stopping:
                    records = await self._take(writer, records)
            except DeadLetterLimitReached:
                await writer.rest()  # or each further try would produce the last outputs again
                raise
        await writer.rest()

    async def _take(self, writer: PartitionWriter, records: Sequence[Record]) -> Sequence[Record]:
        folded = writer.fold(records)
        if folded.taken:
            await writer.write(folded)
            self.moved()
            self._ticking.folded(folded.now)
            self._setbacks.over()
            self.halted = ""
            self._on_written(self.partition, folded)
        if folded.halt is not None:
            raise folded.halt
        if folded.more_timers:
            self._ticking.ask_again()
        if folded.waits_for is not None:
            if self.phase is not Phase.WAITING:
                self._log.error("partition waits for a schema", detail=folded.waits_for)
            self.phase, self.reason = Phase.WAITING, "schema_not_known_yet"
            await self._pause(self._retry_delay)
        elif self.phase is Phase.WAITING:
            self.phase, self.reason = Phase.RUNNING, ""
        return records[folded.taken :]

    async def _idle(self, writer: PartitionWriter) -> None:
        if self._doubt:
            self._doubt = False
            await self._verify_input(writer)
            return
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), IDLE_CHECK)
            return
        await writer.watch_changelog()
        await self._verify_input(writer)
        if await writer.unread(self._expected) is None:
            self.halted = ""  # retention took what it halted for
            return
        await self._pause(DELIVERY_GRACE)
        if not self._waiting and not self._stopping:
            raise LogUnavailable(f"input from offset {self._expected} does not reach us")

    async def _refuse_loss(self, writer: PartitionWriter, until: int) -> None:
        """Nothing may lie between what we folded and `until`: whatever lost it on its way to us, it is read again."""
        found = await writer.unread(self._expected, until)
        if found is not None:
            raise LogUnavailable(f"the records from offset {found} to {until} did not reach us")

    async def _verify_input(self, writer: PartitionWriter) -> None:
        """Is it still the topic that we read? A hole in the offsets may be harmless (transaction markers) or a loss."""
        verdict = await writer.check_mark()
        if verdict.input_changed:
            raise LogUnavailable(f"the input changed under us: {verdict.standing}")

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        if self._stopping:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
