"""Step 1 of the write order: records into changed rows and outputs, in memory, without any await."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tocsin.connectors.kafka import refusal_of
from tocsin.streams.engine.dead import (
    BATCH_UNREADABLE,
    DEAD_TOPIC,
    SKIPPED,
    UNWRITABLE_RECORD,
    DeadLetterLimit,
    DeadLetterLimitReached,
    RecentDead,
    Skip,
    dead_headers,
    dead_letter,
)
from tocsin.streams.engine.mark import Mark
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.record import TICK, Halt, NotYetReadable, Output, Record, Refused, RuleSet
from tocsin.streams.engine.rows import RowStore

HOPS_HEADER = "tocsin-hops"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one batch may hold, and how long a partition may be silent (microseconds, in Kafka's time).

    Bytes are of the changelog record batch; one event may use up to `event_bytes`.
    """

    records: int = 1000
    batch_bytes: int = 1_000_000
    event_bytes: int = 2_800_000
    output_bytes: int = 1_200_000
    timers_per_tick: int = 500
    silence: int = 60_000_000


@dataclass(slots=True)
class Folded:
    """The outcome of folding: how many records were taken, what to produce, where the input then stands."""

    taken: int = 0
    outputs: list[OutboxRecord] = field(default_factory=list)
    mark: Mark | None = None
    now: int = 0
    waits_for: str | None = None
    more_timers: bool = False
    halt: Halt | None = None
    recent_dead: RecentDead = field(default_factory=RecentDead)
    dead: dict[str, int] = field(default_factory=dict)
    forwarded: int = 0
    output_bytes: int = 0
    decisions: list[object] = field(default_factory=list)

    def add(self, outputs: Sequence[OutboxRecord], size: int) -> None:
        self.outputs.extend(outputs)
        self.output_bytes += size


class Folder:
    """Folds batches of one partition. Pure but for the rows that it is given: no I/O, no clock.

    `partition_for` says where a key belongs (None: unknown), so that a record which a foreign client hashed
    otherwise is forwarded once, to the partition that holds its key.
    """

    def __init__(
        self,
        rules: RuleSet,
        rows: RowStore,
        partition: int,
        limits: Limits,
        partition_for: Callable[[bytes], int | None],
        dead_letters: DeadLetterLimit | None = None,
    ) -> None:
        self._rules = rules
        self._rows = rows
        self._partition = partition
        self._limits = limits
        self._partition_for = partition_for
        self._dead_letters = dead_letters or DeadLetterLimit()

    def fold(
        self, records: Sequence[Record], now: int, recent_dead: RecentDead | None = None, skip: Skip | None = None
    ) -> Folded:
        """Fold records until they are used up or the batch is full; `now` is the time of the last record before.

        A record that halts (one dead letter too many, a row that a newer release wrote) is not taken: the batch ends
        before it and says so (`halt`), or Halt is raised when it is the first. The record of `skip` becomes a dead
        letter without being read.
        """
        recent_dead = recent_dead or RecentDead()
        try:
            return self._fold(records, now, recent_dead.copy(), skip)
        except Halt as halt:
            # Nothing may remain of the record, of its timers or of the silence that it ended: without it, all again.
            self._rows.undo_batch()
            if not halt.taken:
                raise
            folded = self._fold(records[: halt.taken], now, recent_dead.copy(), skip)
            folded.halt = halt
            return folded

    def _fold(self, records: Sequence[Record], now: int, recent_dead: RecentDead, skip: Skip | None) -> Folded:
        folded = Folded(now=now, recent_dead=recent_dead)
        self._rows.begin_batch()
        try:
            self._fold_all(records[: self._limits.records], folded, skip)
        except Halt as halt:
            halt.taken, halt.offset = folded.taken, records[folded.taken].offset
            raise
        if folded.taken:
            folded.mark = Mark.of(records[folded.taken - 1])
            recent_dead.forget(folded.mark.offset, self._dead_letters)
        return folded

    def _fold_all(self, records: Sequence[Record], folded: Folded, skip: Skip | None) -> None:
        for record in records:
            try:
                event = skip if skip is not None and skip.means(record) else self._decode(record)
            except NotYetReadable as newer:
                folded.waits_for = str(newer)
                break
            if event is TICK and folded.taken:
                # It begins a batch: how many timers it fires must not depend on how the input was cut before it.
                break
            self._move_on(record, folded)
            self._fold_one(event, record, folded)
            folded.taken += 1
            if self._full(folded):
                break

    def _decode(self, record: Record) -> Any:
        """The event, or why there is none: that too is folded, once it is sure that this record is taken."""
        try:
            return self._rules.decode(record)
        except Refused as refused:
            why = None if record.value else refusal_of(record.headers)
            return refused if why is None else Refused(BATCH_UNREADABLE, why)
        except (NotYetReadable, Halt):
            raise
        except Exception as error:
            return Refused("decoder_raised", type(error).__name__)

    def _move_on(self, record: Record, folded: Folded) -> None:
        """Time goes on to this record. It never goes back: Kafka's clock may, when another broker takes over.

        The owner's heartbeat is half of `silence`, so more than that is an outage, and the rules are told.
        """
        since = folded.now
        if record.timestamp <= since:
            return
        folded.now = record.timestamp
        if not since or folded.now - since <= self._limits.silence or self._rows.timer_head() is None:
            return
        failure = self._attempt(folded, lambda: self._rules.resumed(self._rows, since, record.timestamp))
        if failure is not None:
            reason, detail = failure
            self._count_dead(folded, record, reason, detail)
            headers = dead_headers(record.topic, record.partition, record.offset, "silence", reason, detail)
            self._emit(folded, Output(DEAD_TOPIC, None, None, headers))

    def _fold_one(self, event: Any, record: Record, folded: Folded) -> None:
        if isinstance(event, Refused):
            self._dead_letter(folded, record, "decode", event.reason, event.detail)
            return
        if isinstance(event, Skip):
            self._let_go(event, record, folded)
            return
        if event is TICK:
            self._fire_due(record, folded)
            return
        try:
            forwarded = self._forward(event, record, folded)
        except Halt:
            raise
        except Exception as error:
            self._dead_letter(folded, record, "forward", "partition_key_raised", type(error).__name__)
            return
        if not forwarded:
            self._apply(record, folded, lambda: self._rules.fold(event, self._rows, folded.now, record), "fold")

    def _let_go(self, skip: Skip, record: Record, folded: Folded) -> None:
        if skip.asked:  # then it is never one too many
            folded.dead[SKIPPED] = folded.dead.get(SKIPPED, 0) + 1
            self._emit(folded, dead_letter(record, "skip", SKIPPED, skip.why))
        else:
            self._dead_letter(folded, record, "write", UNWRITABLE_RECORD, skip.why)

    def _forward(self, event: object, record: Record, folded: Folded) -> bool:
        key = self._rules.partition_key(event)
        home = None if key is None else self._partition_for(key)
        if home is None or home == self._partition or any(name == HOPS_HEADER for name, _ in record.headers):
            return False
        output = Output(self._rules.input_topic, key, record.value, (*record.headers, (HOPS_HEADER, b"1")))
        if OutboxRecord.of(output, folded.now).size() > self._limits.output_bytes:
            # With one more header it may not fit its own topic, and then nothing behind it would ever be produced.
            self._dead_letter(folded, record, "forward", "misplaced_and_too_large")
            return True
        self._emit(folded, output)
        folded.forwarded += 1
        return True

    def _fire_due(self, record: Record, folded: Folded) -> None:
        fired = 0
        while fired < self._limits.timers_per_tick and not self._full(folded):
            key = self._rows.take_due(folded.now)
            if key is None:
                return
            if self._rows.is_deleted(key):
                self._rows.purge(key)
                continue
            self._fire(key, record, folded)
            fired += 1
        folded.more_timers = True

    def _full(self, folded: Folded) -> bool:
        return self._rows.size_changed + folded.output_bytes >= self._limits.batch_bytes

    def _fire(self, key: str, record: Record, folded: Folded) -> None:
        def fire() -> list[Output]:
            outputs = list(self._rules.fire(key, self._rows, folded.now))
            if self._rows.due(key) is not None and (self._rows.due(key) or 0) <= folded.now:
                raise ValueError("the rule left the timer due: it would fire for ever")
            return outputs

        failure = self._attempt(folded, fire)
        if failure is not None:
            reason, detail = failure
            self._count_dead(folded, record, reason, detail)
            self._rows.begin_event(folded.now)
            row = self._rows.fail_timer(key)
            if len(row) > self._limits.output_bytes:
                row = b""  # it stays in the changelog; twice in one batch it may not fit
            self._emit(folded, dead_letter(record, "timer", reason, detail, key=key.encode(), value=row))

    def _apply(self, record: Record, folded: Folded, rule: Callable[[], Iterable[Output]], stage: str) -> None:
        failure = self._attempt(folded, rule)
        if failure is not None:
            self._dead_letter(folded, record, stage, *failure)

    def _attempt(self, folded: Folded, rule: Callable[[], Iterable[Output]]) -> tuple[str, str] | None:
        """Run a rule as one event; on failure nothing of it remains, and the reason is returned."""
        self._rows.begin_event(folded.now)
        try:
            returned = list(rule())
            outputs = [OutboxRecord.of(output, folded.now) for output in returned]
        except Halt:
            raise
        except Refused as refused:
            self._rows.undo_event()
            return refused.reason, refused.detail
        except Exception as error:
            self._rows.undo_event()
            return "rule_raised", f"{type(error).__name__}: {error}"
        sizes = [output.size() for output in outputs]
        size = sum(sizes)
        if size > self._limits.output_bytes and max(sizes) > self._limits.output_bytes:
            self._rows.undo_event()
            return "output_too_large", f"{max(sizes)} bytes"
        if size + self._rows.event_size() > self._limits.event_bytes:
            self._rows.undo_event()
            return "event_too_large", f"{size + self._rows.event_size()} bytes"
        if outputs:
            folded.add(outputs, size)
            folded.decisions += [output.decision for output in returned if output.decision is not None]
        return None

    def _dead_letter(self, folded: Folded, record: Record, stage: str, reason: str, detail: str = "") -> None:
        self._count_dead(folded, record, reason, detail)
        self._emit(folded, dead_letter(record, stage, reason, detail))

    def _count_dead(self, folded: Folded, record: Record, reason: str, detail: str) -> None:
        if not folded.recent_dead.add(record.offset, self._dead_letters):
            raise DeadLetterLimitReached(self._dead_letters, record, reason, detail)
        folded.dead[reason] = folded.dead.get(reason, 0) + 1

    def _emit(self, folded: Folded, output: Output) -> None:
        record = OutboxRecord.of(output, folded.now)
        folded.add([record], record.size())
