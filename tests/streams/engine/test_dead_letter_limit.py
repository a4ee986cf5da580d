"""More dead letters than the limit allows: the partition halts, whatever the batches and however often it restarts."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.streams.engine.one_partition import NAMES, Partition, adds
from tests.streams.engine.simulated_log import Faults, SimulatedBroker, SimulatedLog
from tests.streams.engine.tally import Tally
from tests.streams.engine.tally_bus import PATIENCE, TallyBus, tally_bus
from tests.streams.engine.tallying import Tallying, reasons, sums
from tocsin.streams.engine.changelog import OWNER_HEADER
from tocsin.streams.engine.dead import DEAD_TOPIC, DeadLetterLimit, DeadLetterLimitReached, RecentDead
from tocsin.streams.engine.fold import Limits
from tocsin.streams.engine.partition import PartitionWriter
from tocsin.streams.engine.phase import DEAD_LETTER_LIMIT, Phase
from tocsin.streams.engine.record import TICK, Output, Record, Rows

GOOD, BAD = b'{"name": "a", "add": 1}', b"{"
THREE_OF_TEN = DeadLetterLimit(3, 10)


def allowed(bad: list[bool], limit: DeadLetterLimit) -> int:
    """How many records may be taken; counted anew at every record."""
    for offset, is_bad in enumerate(bad):
        if is_bad and sum(bad[max(0, offset - limit.of + 1) : offset + 1]) > limit.dead:
            return offset
    return len(bad)


@given(st.lists(st.booleans(), max_size=60), st.lists(st.integers(1, 9), min_size=60, max_size=60))
def test_where_it_halts_does_not_depend_on_batches_or_restarts(bad: list[bool], cuts: list[int]) -> None:
    records = [Record("in", 0, n, n, None, BAD if is_bad else GOOD) for n, is_bad in enumerate(bad)]
    tally, kept, at, dead = Tallying(dead_letters=THREE_OF_TEN), RecentDead(), 0, 0
    for cut in cuts:
        if at == len(records):
            break
        try:
            folded = tally.folder.fold(records[at : at + cut], at, kept)
        except DeadLetterLimitReached:
            break
        kept = RecentDead.decode(folded.recent_dead.encode())  # as a restart finds it
        at += folded.taken
        dead += sum(folded.dead.values())
        if folded.halt:
            break
    assert at == allowed(bad, THREE_OF_TEN)
    assert dead == sum(bad[:at])
    assert len(kept) == sum(bad[max(0, at - 10) : at])


def test_what_was_counted_survives_its_bytes_and_nothing_is_a_tombstone() -> None:
    recent = RecentDead([3, 4, 2**40])
    assert RecentDead.decode(recent.encode()).encode() == recent.encode()
    assert RecentDead().encode() is None
    assert len(RecentDead.decode(None)) == 0


def test_the_record_that_is_too_many_leaves_no_trace() -> None:
    tally, gap = Tallying(dead_letters=DeadLetterLimit(1, 10)), Limits().silence
    tally.fold({"name": "a", "add": 5, "alarm": 99 * gap})
    later = [(1, BAD), (2, GOOD), (3 * gap, b'{"name": "a", "raise": true}'), (3 * gap + 1, GOOD)]
    folded = tally.folder.fold([Record("in", 0, n, at, None, value) for n, (at, value) in enumerate(later)], 0)
    assert (folded.taken, folded.now, reasons(folded), sums(folded)) == (2, 2, ["not_json"], [("a", 6)])
    assert folded.halt is not None
    assert "in/0@2 (rule_raised: RuntimeError: a bug in a rule)" in str(folded.halt)
    assert tally.rows.get("a") == {"sum": 6, "last": ""}
    assert tally.rows.get("silence") is None
    with pytest.raises(DeadLetterLimitReached):
        tally.folder.fold([Record("in", 0, 2, 3 * gap, None, later[2][1])], folded.now, folded.recent_dead)
    assert tally.rows.get("a") == {"sum": 6, "last": ""}


def test_timers_that_fail_together_halt_before_they_are_lost() -> None:
    tally = Tallying(dead_letters=THREE_OF_TEN)
    tally.fold(*({"name": f"n{number}", "id": "broken", "alarm": 5} for number in range(4)), now=1)
    with pytest.raises(DeadLetterLimitReached):
        tally.fold(TICK, now=9)
    assert [tally.rows.due(f"n{number}") for number in range(4)] == [5, 5, 5, 5]
    assert tally.rows.timer_head() == 5


class Strict(Tally):
    """Every event is one that the rules refuse by decision: a dead letter that nothing is wrong with."""

    def fold(self, event: Any, rows: Rows, now: int, record: Record) -> Iterable[Output]:
        return [Output(DEAD_TOPIC, b"k", b"v")]


def test_dead_letters_that_rules_decide_do_not_count() -> None:
    tally = Tallying(Strict(), dead_letters=DeadLetterLimit(0, 10))
    folded = tally.fold(*({"name": "a"} for _ in range(20)))
    assert (folded.taken, folded.halt, len(folded.outputs), len(folded.recent_dead)) == (20, None, 20, 0)


class Repaired(Tally):
    """A release that can read what the one before could not."""

    def decode(self, record: Record) -> Any:
        return {"name": "repaired", "add": 1} if record.value == BAD else super().decode(record)


async def consume(partition: Partition, until: Callable[[], bool]) -> None:
    """A consumer: offers what comes next whenever the partition has room."""

    def offered() -> bool:
        at = partition.task.next_offset
        if partition.task.has_room() and at is not None:
            partition.offer(at, len(partition.broker.values("numbers")))
        return until()

    await partition.until(offered)


def dead(partition: Partition) -> int:
    return len(partition.broker.values("dead"))


async def test_a_restart_neither_forgets_the_count_nor_gets_as_many_again() -> None:
    first = Partition(dead_letters=THREE_OF_TEN)
    async with first:
        await first.running()
        first.feed(*adds(1, 2), *[BAD] * 8, *adds(4))
        await consume(first, lambda: len(first.seeks) >= 3)  # halted twice, and tries again
        assert first.task.halted == DEAD_LETTER_LIMIT
        assert "tocsin dead replay" in (first.task.note() or "")
        assert (first.sums(), dead(first)) == ([1, 3], 3)
    second = Partition(broker=first.broker, dead_letters=THREE_OF_TEN)
    async with second:
        await consume(second, lambda: len(second.seeks) >= 2)
        assert (second.task.halted, second.task.settled) == (DEAD_LETTER_LIMIT, True)
        assert (second.sums(), dead(second), second.seeks[-1]) == ([1, 3], 3, 5)
    third = Partition(Repaired(), first.broker, THREE_OF_TEN)
    async with third:
        await consume(third, lambda: third.task.mark_offset() == 11)
        assert (third.task.halted, third.task.phase, third.task.note()) == ("", Phase.RUNNING, None)
        assert (third.sums(), dead(third)) == ([1, 3, 1, 2, 3, 4, 5, 7], 3)


async def test_a_higher_limit_lets_it_go_on_and_the_count_ends_in_a_tombstone() -> None:
    first = Partition(dead_letters=THREE_OF_TEN)
    async with first:
        await first.running()
        first.feed(*[BAD] * 5)
        await consume(first, lambda: first.task.halted != "")
    second = Partition(broker=first.broker, dead_letters=DeadLetterLimit(9, 10))
    async with second:
        await consume(second, lambda: second.task.mark_offset() == 5)
        assert dead(second) == 5
        second.feed(*adds(*[1] * 12))
        await consume(second, lambda: second.task.mark_offset() == 17)
        counts = [r.value for r in second.broker.values("tally-changelog") if r.key == b"d"]
        assert counts[-1] is None
        second.feed(*adds(1))
        await consume(second, lambda: second.task.mark_offset() == 18)
    assert [r.value for r in second.broker.values("tally-changelog") if r.key == b"d"] == counts


async def test_an_input_made_again_is_counted_anew() -> None:
    async with Partition(dead_letters=THREE_OF_TEN) as partition:
        await partition.running()
        partition.feed(*[BAD] * 3)
        await consume(partition, lambda: partition.task.mark_offset() == 3)
        partition.broker.make_again("numbers")
        partition.feed(BAD)
        partition.offer(0, 1)
        await consume(partition, lambda: partition.task.mark_offset() == 1)
        assert partition.task.halted == ""


async def owners(bus: TallyBus) -> int:
    return sum(record.key == b"w" for record in await bus.records("tally-changelog"))


@pytest.mark.timeout(240)
async def test_on_kafka_a_killed_worker_goes_on_counting_where_it_was(bootstrap: str, prefix: str) -> None:
    async with tally_bus(bootstrap, prefix) as bus:

        async def taken_over(times: int) -> None:
            ends = time.monotonic() + PATIENCE
            while await owners(bus) < times:
                assert time.monotonic() < ends, "the worker does not try again"
                await asyncio.sleep(0.1)

        await bus.feed(5)
        for _ in range(20):
            await bus.producer.send_and_wait(prefix + "numbers", BAD)
        await bus.feed(5)
        first = await bus.start_worker(dead_letters=4)
        await bus.until_told(["e4"])
        await taken_over(3)  # it took over, halted, and halted again
        await bus.end(first, signal.SIGKILL)
        second = await bus.start_worker(dead_letters=4)
        await taken_over(await owners(bus) + 3)
        assert await bus.end(second) == 0
        assert [int(letter["__connect.errors.offset"]) for letter in await bus.dead()] == [5, 6, 7, 8]
        assert json.loads((await bus.records("numbers"))[25].value)["id"] == "e5", "the topic keeps all"
        last = await bus.start_worker(dead_letters=50)
        await bus.until_told(["e9"])
        assert await bus.end(last) == 0
        assert [int(letter["__connect.errors.offset"]) for letter in await bus.dead()] == list(range(5, 25))


async def test_a_void_count_of_an_earlier_owner_does_not_outlive_the_records_that_say_so() -> None:
    """Compaction takes the owner records first: what a late owner wrote must then be overwritten, count and all."""
    broker = SimulatedBroker(1)
    late, ours = b"A" * 16, b"B" * 16
    log = SimulatedLog(broker, Faults())
    for owner in (late, ours):
        await PartitionWriter(Tally(), NAMES, 0, log, owner).take_over()
    counted = [(b"d", RecentDead([1, 2, 3]).encode(), ((OWNER_HEADER, late),))]
    broker.land(NAMES.changelog, counted, 0)
    writer = PartitionWriter(Tally(), NAMES, 0, log, b"C" * 16)
    await writer.take_over()
    broker.topics[NAMES.changelog].records = [
        (record, at) for record, at in broker.topics[NAMES.changelog].records if record.key != b"w"
    ]
    after = PartitionWriter(Tally(), NAMES, 0, log, b"D" * 16)
    await after.take_over()
    assert len(after.state.recent_dead) == 0
