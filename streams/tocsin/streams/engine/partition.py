"""The write order of one partition: decide once, produce at least once (docs/architecture.md#write-order).

1. fold records into rows and outputs, in memory; 2. append rows, mark and outbox as ONE record batch to the
changelog; 3. produce the outbox's bytes; 4. only then the next batch. A process killed anywhere between these
steps is continued by the next owner from the changelog alone: what is in it was decided, what is not was not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from time import time_ns

from tocsin.streams.engine.changelog import (
    Replay,
    batch_entries,
    is_owner_record,
    owner_entry,
    owner_of,
    recent_dead_entry,
    row_key,
)
from tocsin.streams.engine.dead import DEAD_TOPIC, DeadLetterLimit, RecentDead, Skip, dead_headers
from tocsin.streams.engine.fold import Folded, Folder, Limits
from tocsin.streams.engine.mark import Mark, Standing, Verdict, judge
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.ports import Log, LogUnavailable, Unwritable
from tocsin.streams.engine.record import Halt, Output, Record, RuleSet
from tocsin.streams.engine.rows import RowStore
from tocsin.streams.engine.spoken import Spoken

REWRITE_ROOM = 3_900_000
"""Bytes of a changelog batch up to which rows are rewritten; below the largest batch with what the estimate misses."""


class Superseded(Exception):
    """Another owner wrote to our changelog partition: nothing more may be produced from this memory."""


@dataclass(frozen=True, slots=True)
class Names:
    """The topic names of one rule set, with the deployment's prefix."""

    input: str
    changelog: str


@dataclass(slots=True)
class PartitionState:
    """What one owner holds in memory of one partition; thrown away after any failed or cancelled write."""

    owner: bytes
    rows: RowStore
    log_end: int = 0
    mark: Mark | None = None
    outbox: list[OutboxRecord] = field(default_factory=list)
    recent_dead: RecentDead = field(default_factory=RecentDead)
    rewrite: set[str] = field(default_factory=set)
    now: int = 0
    needs_rewrite: bool = False
    changelog_cut: bool = False


class PartitionWriter:
    """Owns one partition: takes it over, then writes batch after batch. Not concurrent: one call at a time.

    Raises `Superseded`, `LogUnavailable` or `Unwritable`; after any the object must not be used again.
    """

    def __init__(
        self,
        rules: RuleSet,
        names: Names,
        partition: int,
        log: Log,
        owner: bytes,
        *,
        limits: Limits | None = None,
        dead_letters: DeadLetterLimit | None = None,
        spoken: Spoken | None = None,
        failpoint: Callable[[str], None] = lambda place: None,
    ) -> None:
        self._spoken = Spoken() if spoken is None else spoken
        self._names = names
        self._partition = partition
        self._log = log
        self._failpoint = failpoint
        self.reported: Folded | None = None
        """What the take-over itself wrote down and produced: dead letters about records that are lost."""
        rows = RowStore(rules.encode_row, rules.decode_row, rules.row_version, rules.per_scope)
        self.state = PartitionState(owner, rows)
        self._folder = Folder(
            rules, rows, partition, limits or Limits(), lambda key: log.partition_for(names.input, key), dead_letters
        )

    async def take_over(self, on_read: Callable[[], None] = lambda: None) -> Verdict:
        """Become the owner: append the owner record, read the changelog up to it, produce the last outbox again,
        compare the input with the mark. Returns where to read on. `on_read` is called for each record read.
        """
        state = self.state
        start, _ = await self._log.bounds(self._names.changelog, self._partition)
        at = await self._append([owner_entry(state.owner)])
        self._failpoint("owner_written")
        if at is None:
            raise LogUnavailable("Kafka did not tell the offset of our owner record")
        await self._replay(start, at, on_read)
        self._failpoint("rows_recovered")
        if state.needs_rewrite:
            # First of all: whatever keeps the outputs from being produced must not let compaction make a shadow a loss.
            state.rows.begin_batch()
            left = list(self._spoken.left_of(state.mark, state.outbox))
            await self.write(Folded(outputs=left, mark=state.mark, now=state.now))
        else:
            await self._spoken.produce(self._log, state.mark, state.outbox)
        self._failpoint("outbox_spoken_again")
        verdict = await self.check_mark()
        self._failpoint("mark_checked")
        await self._settle(verdict)
        return verdict

    async def _replay(self, start: int, at: int, on_read: Callable[[], None]) -> None:
        state = self.state
        replay = Replay(state.rows)
        async for record in self._log.read(self._names.changelog, self._partition, start, at + 1):
            replay.read(record)
            on_read()
        if replay.owner != state.owner:
            raise LogUnavailable("the changelog does not end with our owner record")
        state.mark, state.outbox, state.recent_dead = replay.mark, replay.outbox, replay.recent_dead
        state.rows.start()
        state.rewrite = replay.void_keys
        state.needs_rewrite = replay.void_records > 0
        state.log_end = at + 1
        state.now = replay.mark.timestamp if replay.mark else 0

    async def check_mark(self) -> Verdict:
        """Compare the input topic with the mark: is it the topic that we read, and does it still hold what follows?"""
        mark = self.state.mark
        start, end = await self._log.bounds(self._names.input, self._partition)
        at_mark = None
        if mark is not None and start <= mark.offset < end:
            at_mark = await self._log.record_at(self._names.input, self._partition, mark.offset)
        return judge(mark, start, end, at_mark)

    async def _settle(self, verdict: Verdict) -> None:
        """Write down what the take-over found, so that it is reported once and not again at the next restart."""
        state = self.state
        report = self._report(verdict)
        if verdict.standing in (Standing.RECREATED, Standing.TRUNCATED):
            state.mark = None
        elif verdict.lost:
            state.mark = Mark(verdict.position - 1, state.now, 0)
        if report:
            folded = Folded(outputs=report, mark=state.mark, now=state.now, dead={verdict.reason: len(report)})
            state.rows.begin_batch()
            await self.write(folded)
            self.reported = folded
        await self._rewrite_rest()

    async def _rewrite_rest(self) -> None:
        """Batch after batch, until no void record shadows a row."""
        while self.state.needs_rewrite:
            self.state.rows.begin_batch()
            await self.write(Folded(mark=self.state.mark, now=self.state.now))

    async def unread(self, start: int, until: int | None = None) -> int | None:
        """The offset of the first input record from `start` up to `until` (the end, when None), or None."""
        if until is None:
            _, until = await self._log.bounds(self._names.input, self._partition)
        async with aclosing(self._log.read(self._names.input, self._partition, start, until)) as records:
            async for record in records:
                return record.offset
        return None

    def _report(self, verdict: Verdict) -> list[OutboxRecord]:
        if verdict.standing is Standing.SAME or (verdict.standing is Standing.FRESH and not verdict.lost):
            return []
        mark = self.state.mark
        offset = mark.offset if mark else -1
        detail = f"standing={verdict.standing} lost={verdict.lost} mark={offset} reading_on_at={verdict.position}"
        headers = dead_headers(self._names.input, self._partition, offset, "input", verdict.reason, detail)
        # Without a mark there is no time yet, and Kafka would delete a record of 1970 at once.
        return [OutboxRecord.of(Output(DEAD_TOPIC, None, None, headers), self.state.now or time_ns() // 1000)]

    def fold(self, records: Sequence[Record], skip: Skip | None = None) -> Folded:
        """Step 1; no await, so it is whole or not at all as far as this process is concerned."""
        try:
            folded = self._folder.fold(records, self.state.now, self.state.recent_dead, skip)
        except Halt:
            raise
        except Exception as error:
            raise Unwritable(f"{type(error).__name__}: {error}") from error
        self._failpoint("batch_folded")
        return folded

    async def write(self, folded: Folded) -> None:
        """Steps 2 and 3: the record batch, proof that we still own the partition, then the outputs."""
        state = self.state
        mark = folded.mark or state.mark
        again = self._rewritten_now(folded)
        try:
            entries = batch_entries(state.rows, again, mark, folded.outputs)
        except Exception as error:
            raise Unwritable(f"{type(error).__name__}: {error}") from error
        recent_dead = folded.recent_dead if folded.taken else state.recent_dead
        if mark is None:
            recent_dead = RecentDead()  # the input begins anew, and its offsets with it
        if recent_dead or state.recent_dead or state.needs_rewrite:
            # Also when there is none: a void one of an earlier owner must not outlive the owner records that say so.
            entries.append(recent_dead_entry(recent_dead))
        at = await self._append(entries)
        self._failpoint("changelog_written")
        state.rewrite -= again
        state.needs_rewrite = bool(state.rewrite)
        await self._prove_ownership(at, len(entries))
        self._failpoint("ownership_checked")
        await self._spoken.produce(self._log, mark, folded.outputs)
        self._failpoint("outputs_written")
        state.mark, state.now, state.outbox = mark, folded.now, folded.outputs
        state.recent_dead = recent_dead
        if state.changelog_cut:
            state.changelog_cut = False
            await self._rewrite_rest()

    def _rewritten_now(self, folded: Folded) -> set[str]:
        """As many of the shadowed rows as this batch has room for."""
        state = self.state
        if not state.rewrite:
            return set()
        room = REWRITE_ROOM - state.rows.size_changed - sum(output.size() for output in folded.outputs)
        chosen = set()
        for key in state.rewrite:
            room -= len(key.encode()) + len(state.rows.encoded(key) or b"") + 64
            if room < 0:
                break
            chosen.add(key)
        return chosen

    async def watch_changelog(self) -> None:
        """Look for foreign records since our last write, and rewrite what they would shadow; call it when idle."""
        state = self.state
        _, end = await self._log.bounds(self._names.changelog, self._partition)
        if end > state.log_end:
            await self._examine(state.log_end, end)
            state.log_end = end
        await self._rewrite_rest()

    async def rest(self) -> None:
        """Before a clean stop or a halt, and when nothing comes: an empty outbox, so that the next owner has nothing to
        produce twice."""
        if self.state.outbox:
            self.state.rows.begin_batch()
            await self.write(Folded(mark=self.state.mark, now=self.state.now))

    async def _append(self, entries: Sequence) -> int | None:  # type: ignore[type-arg]
        return await self._log.append(self._names.changelog, self._partition, self.state.owner, entries)

    async def _prove_ownership(self, at: int | None, count: int) -> None:
        """Our batch landed right behind our last one: nobody wrote between, so nobody took over before it.

        Only when it did not, the records between are read. This replaces a consumer that tails the changelog
        (streams/decisions/0002).
        """
        state = self.state
        if at == state.log_end:
            state.log_end = at + count
            return
        start = state.log_end
        if at is not None and at < start:
            start = await self._keep_what_was_cut()
        if at is None or at < state.log_end:
            _, end = await self._log.bounds(self._names.changelog, self._partition)
        else:
            end = at + count
        await self._examine(start, end)
        state.log_end = end

    async def _keep_what_was_cut(self) -> int:
        """The changelog was made again or cut off under us: only this memory still has the rows, so all are written."""
        state = self.state
        await self._append([owner_entry(state.owner)])
        state.rewrite = {key for key, _ in state.rows.items()}
        state.needs_rewrite = state.changelog_cut = True
        start, _ = await self._log.bounds(self._names.changelog, self._partition)
        return start

    async def _examine(self, start: int, end: int) -> None:
        state = self.state
        async with aclosing(self._log.read(self._names.changelog, self._partition, start, end)) as records:
            async for record in records:
                owner = owner_of(record)
                if owner == state.owner:
                    continue
                if is_owner_record(record) and owner is not None:
                    raise Superseded(f"offset {record.offset} of {self._names.changelog}/{self._partition}")
                state.needs_rewrite = True
                key = row_key(record)
                if key is not None:
                    state.rewrite.add(key)
