"""What goes through the spool, what goes directly, and in which order it is sent at last."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tocsin.connectors.publish import backlog as module
from tocsin.connectors.publish.backlog import Backlog
from tocsin.connectors.publish.errors import KafkaAway, NoRoom, NotAllowed, PublishRefused, PublishUnconfirmed
from tocsin.connectors.publish.spool import Spool
from tocsin.connectors.publish.stats import Counts


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.01)


class Bus:
    """The other side: it is there or away, and refuses what it is told to."""

    def __init__(self) -> None:
        self.there = True
        self.took: list[bytes] = []
        self.tried = 0
        self.refuses: dict[bytes, Exception] = {}

    async def reach(self) -> None:
        self.tried += 1
        if not self.there:
            raise KafkaAway("")

    async def send(self, record: bytes) -> None:
        await self.reach()
        if record in self.refuses:
            raise self.refuses[record]
        self.took.append(record)


@asynccontextmanager
async def backlog_in(folder: Path, bus: Bus, counts: Counts | None = None) -> AsyncIterator[Backlog]:
    backlog = Backlog(Spool(folder), bus.send, bus.reach, counts or Counts())
    backlog.start()
    try:
        yield backlog
    finally:
        await backlog.close(5)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_nothing_goes_directly_before_the_bus_was_reached(tmp_path: Path) -> None:
    bus = Bus()
    async with backlog_in(tmp_path, bus) as backlog:
        assert backlog.holds
        await until(lambda: not backlog.holds)
        assert bus.took == []


async def test_an_outage_in_order(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bus, counts = Bus(), Counts()
    bus.there = False
    async with backlog_in(tmp_path, bus, counts) as backlog:
        records = [b"%d" % number * 500 for number in range(100)]
        for number, record in enumerate(records):
            assert backlog.put(f"e{number}", record).spooled
        await until(lambda: bus.tried > 3 and counts.failed > 0)
        assert (bus.took, backlog.away) == ([], True)
        bus.there = True
        await until(lambda: not backlog.holds)
        assert (counts.spooled, counts.drained) == (100, 100)
    assert bus.took == records
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 2, "once that it is away, once that it is back"


async def test_an_outage_in_the_middle_sends_nothing_before_what_was_not_taken(tmp_path: Path) -> None:
    bus = Bus()
    bus.refuses = {b"3": KafkaAway("e3"), b"7": RuntimeError("a fault of ours")}
    async with backlog_in(tmp_path, bus) as backlog:
        for number in range(10):
            backlog.put(f"e{number}", b"%d" % number)
        await until(lambda: bus.took.count(b"9") > 2)
        bus.refuses = {}
        await until(lambda: not backlog.holds)
    assert list(dict.fromkeys(bus.took)) != sorted(set(bus.took)), "what stood behind was sent early, and"
    assert [record for record in bus.took if record == b"0"] == [b"0"], "what is taken is not sent again"
    last = [len(bus.took) - 1 - bus.took[::-1].index(b"%d" % number) for number in range(10)]
    assert last == sorted(last), "again in order"


async def test_what_will_never_be_taken_stops_nothing_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bus, counts = Bus(), Counts()
    bus.refuses = {b"1": PublishRefused("e1", "too large"), b"2": ValueError("no event of a spool")}
    async with backlog_in(tmp_path, bus, counts) as backlog:
        for number in range(4):
            backlog.put(f"e{number}", b"%d" % number)
        await until(lambda: not backlog.holds)
    assert (bus.took, counts.refused, counts.drained) == ([b"0", b"3"], 2, 2)
    assert "event e1: too large" in caplog.text


async def test_a_right_that_is_missing_is_waited_for(tmp_path: Path) -> None:
    bus, counts = Bus(), Counts()
    bus.refuses = {b"0": NotAllowed("e0", "no right to write")}
    async with backlog_in(tmp_path, bus, counts) as backlog:
        backlog.put("e0", b"0")
        await until(lambda: counts.failed > 2)
        assert (bus.took, counts.refused, backlog.holds) == ([], 0, True)
        bus.refuses = {}
        await until(lambda: bus.took)


async def test_the_log_names_the_address_and_the_reason_and_again_when_it_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bus = Bus()
    reasons = [NotAllowed("e0", "it answers 401"), KafkaAway("e0", "k:1"), OSError("no such host")]
    backlog = Backlog(Spool(tmp_path), bus.send, bus.reach, Counts(), address="https://bus")
    backlog.start()
    backlog.put("e0", b"0")
    for reason in reasons:
        bus.refuses = {b"0": reason}
        tried = bus.tried
        await until(lambda tried=tried: bus.tried > tried + 3)  # type: ignore[misc]
    bus.refuses = {}
    await until(lambda: not backlog.holds)
    await backlog.close(5)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [line for line in said if not line.startswith("https://bus ")] == []
    assert [
        [word for word in ("401", "check the API key", "is Kafka there", "no such host", "again") if word in line]
        for line in said
    ] == [["401", "check the API key"], ["is Kafka there"], ["no such host"], ["again"]]


async def test_what_is_left_at_the_end_is_sent_by_the_next(tmp_path: Path) -> None:
    bus = Bus()
    bus.there = False
    async with backlog_in(tmp_path, bus) as backlog:
        backlog.put("e0", b"0")
    bus.there = True
    async with backlog_in(tmp_path, bus) as backlog:
        backlog.put("e1", b"1")
    assert bus.took == [b"0", b"1"], "and what is put just before the end is tried once"


async def test_a_full_spool_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    bus = Bus()
    bus.there = False
    backlog = Backlog(Spool(tmp_path, max_bytes=64 * 1024), bus.send, bus.reach, Counts())
    backlog.start()
    backlog.put("e0", b"0" * 40_000)
    with pytest.raises(NoRoom, match=r"nothing was kept: .*publish again with the same event id") as refusal:
        backlog.put("e1", b"1" * 40_000)
    assert refusal.value.event_id == "e1"
    bus.there = True
    await until(lambda: not backlog.holds)
    backlog.put("e1", b"1" * 40_000)
    await backlog.close(5)
    assert [record[:1] for record in bus.took] == [b"0", b"1"]


async def test_what_the_disk_does_not_confirm_is_not_called_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(handle: int) -> None:
        raise OSError(errno.EIO, "no disk")

    backlog = Backlog(Spool(tmp_path, sync="always"), Bus().send, Bus().reach, Counts())
    monkeypatch.setattr(os, "fdatasync", failed)
    assert backlog.put("1", b"one").spooled
    with pytest.raises(PublishUnconfirmed, match="the disk did not confirm"):
        await backlog.safe("1")
    backlog.spool.close()


async def test_nothing_overtakes_the_last_of_the_spool(tmp_path: Path) -> None:
    """What sends in order has all of it in hand; of batches: `test_posting.py`."""
    sent, answered = asyncio.Event(), asyncio.Event()

    async def send(record: bytes) -> None:
        sent.set()
        await answered.wait()

    backlog = Backlog(Spool(tmp_path), send, Bus().reach, Counts())
    backlog.start()
    try:
        await until(lambda: not backlog.holds)
        for number in range(3):
            backlog.put(str(number), b"record")
        await sent.wait()
        assert not backlog.holds
        answered.set()
        await until(lambda: not backlog.spool.state.waiting and not backlog.holds)
    finally:
        answered.set()
        await backlog.close(5)


async def test_what_was_taken_early_is_sent_once_where_that_is_asked_for(tmp_path: Path) -> None:
    bus, counts = Bus(), Counts()
    bus.refuses = {b"3": KafkaAway("e3"), b"7": RuntimeError("a fault of ours")}
    backlog = Backlog(Spool(tmp_path), bus.send, bus.reach, counts, each_once=True)
    backlog.start()
    for number in range(10):
        backlog.put(f"e{number}", b"%d" % number)
    await until(lambda: bus.tried > 30)
    assert sorted(bus.took) == [b"%d" % number for number in range(10) if number not in (3, 7)], "each once"
    assert backlog.away
    bus.refuses = {}
    await until(lambda: not backlog.holds)
    await backlog.close(5)
    assert sorted(bus.took) == [b"%d" % number for number in range(10)]
    assert (counts.drained, backlog.spool.state.waiting) == (10, 0)
