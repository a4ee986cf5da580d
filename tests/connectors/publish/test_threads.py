"""A publisher in plain threads, in forked workers, at the end of the interpreter: nothing hangs, nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Unpack

import msgspec
import pytest

from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.publish import (
    MemoryPublisher,
    NoRoom,
    Publisher,
    PublishUnconfirmed,
    Receipt,
    Spool,
    SpoolUnusable,
    problem,
)
from tocsin.connectors.publish.port import About, InboxEvent
from tocsin.connectors.publish.reporting import Report
from tocsin.connectors.publish.stats import Counts, PublisherStats
from tocsin.connectors.publish.threads import SyncPublisher

REPOSITORY = Path(__file__).parents[3]
NOBODY = "127.0.0.1:1"


class Slow(MemoryPublisher):
    """Sends nothing before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()

    async def send(self, event: InboxEvent) -> Receipt:
        await self.may.wait()
        return await super().send(event)

    def stats(self) -> PublisherStats:
        return PublisherStats.of(Counts(), 0, False, None)


def ids_in(folder: Path) -> list[str]:
    """The ids of all that is spooled, in order for each process."""
    spool, ids = Spool(folder), list[str]()
    spool.prepare()
    while records := spool.take(64 * 1024):
        ids += [msgspec.msgpack.decode(record)[0] for record in records]
        spool.ack(len(records))
    spool.close()
    return ids


def script(code: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a program of its own said, that publishes to a Kafka which is not there."""
    head = """
import asyncio, os, sys, threading
from tocsin.connectors.publish import Publisher, Spool, problem
def publisher(**settings):
    return Publisher.sync("127.0.0.1:1", spool=Spool(sys.argv[1]), **{"deadline": 1.0} | settings)
"""
    command = [sys.executable, "-W", "error", "-c", head + code, str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=100, check=False)


def test_many_threads_and_each_event_once(tmp_path: Path) -> None:
    with Publisher.sync(NOBODY, spool=Spool(tmp_path), deadline=1) as publisher, ThreadPoolExecutor(8) as threads:
        receipts = list(threads.map(lambda number: publisher.publish(problem(f"e.p.n{number}")), range(200)))
        assert all(receipt.spooled for receipt in receipts)
        stats = publisher.stats()
        assert (stats.counts.spooled, stats.away, stats.waiting > 0) == (200, True, True)
    assert sorted(ids_in(tmp_path)) == sorted(receipt.event_id for receipt in receipts)


def test_one_thread_keeps_its_order(tmp_path: Path) -> None:
    with Publisher.sync(NOBODY, spool=Spool(tmp_path), deadline=1) as publisher:
        for number in range(100):
            publisher.submit(problem("e.p.x"), event_id=f"e{number}")
        assert publisher.flush(60)
    assert ids_in(tmp_path) == [f"e{number}" for number in range(100)]


def test_what_a_caller_gets_wrong_is_said_in_its_own_thread(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tenant"):
        Publisher.sync(NOBODY, tenant="a b")
    (tmp_path / "file").touch()
    with pytest.raises(SpoolUnusable):
        Publisher.sync(NOBODY, spool=Spool(tmp_path / "file")).__enter__()
    with Publisher.sync(NOBODY, spool=Spool(tmp_path / "spool"), deadline=1) as publisher:
        for call in (publisher.publish, publisher.submit):
            with pytest.raises(Unreadable):
                call(b"{")
            with pytest.raises(TypeError, match="idempotency"):
                call(problem("e.p.x"), idempotency="k")  # type: ignore[call-arg]


def test_what_is_submitted_is_bounded_and_nobody_waits() -> None:
    slow = Slow()
    publisher = SyncPublisher(lambda: slow, max_waiting=10_000)
    with publisher:
        first = publisher.submit(problem("e.p.x"))
        for _ in range(3):
            publisher.submit(problem("e.p.x"))
        with pytest.raises(NoRoom):
            publisher.submit(problem("e.p.x", text="x" * 3000))
        assert not publisher.flush(0.01)
        assert not first.done()
        running = publisher._running
        assert running is not None
        running.loop.call_soon_threadsafe(slow.may.set)
        assert publisher.flush(60)
        assert publisher.submit(problem("e.p.x", text="x" * 3000)).result(60)
    assert len(slow.events) == 5


def test_what_is_lost_is_never_called_safe_and_its_number_is_said(caplog: pytest.LogCaptureFixture) -> None:
    full = MemoryPublisher()
    publisher = SyncPublisher(lambda: full)  # type: ignore[arg-type, return-value]
    full.failures.extend(NoRoom(str(number), "the disk is full") for number in range(454))
    for _ in range(500):
        publisher.submit(problem("e.p.x"))
    assert not publisher.flush(60)
    assert publisher.flush(60), "since then nothing was lost"
    full.failures.append(PublishUnconfirmed("late"))
    publisher.submit(problem("e.p.x"))
    assert not publisher.close(60)
    said = [record.getMessage() for record in caplog.records if record.name == "tocsin.publish"]
    assert [line.split()[0] for line in said] == ["454", "455"]
    assert "the disk is full" in said[0]
    publisher.submit(problem("e.p.x"))
    assert publisher.flush(60)
    assert publisher.close(60), "it began anew"
    assert len(full.events) == 47


def test_it_does_not_wait_for_its_own_thread() -> None:
    slow = Slow()
    with SyncPublisher(lambda: slow) as publisher:
        running = publisher._running
        assert running is not None
        refused: list[str] = []
        asked = threading.Event()

        def ask() -> None:
            try:
                publisher.publish(problem("e.p.x"))
            except RuntimeError as error:
                refused.append(str(error))
            asked.set()

        running.loop.call_soon_threadsafe(ask)
        assert asked.wait(60)
        assert "use submit" in refused[0]


class Together(MemoryPublisher):
    """Makes each event when all are there."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self.there = threading.Barrier(threads)

    def event_of(self, report: Report | InboxEvent, **about: Unpack[About]) -> InboxEvent:
        self.there.wait(60)
        return super().event_of(report, **about)

    def stats(self) -> PublisherStats:
        return PublisherStats.of(Counts(), 0, False, None)


def test_whoever_publishes_while_it_is_closed_has_a_receipt_or_is_told() -> None:
    """Never a wait without end, never an error of the loop."""

    def publish(publisher: SyncPublisher) -> Receipt | BaseException:
        try:
            return publisher.publish(problem("e.p.x"))
        except BaseException as error:
            return error

    told: list[Receipt | BaseException] = []
    for _ in range(30):
        made = Together(5)
        with ThreadPoolExecutor(4) as threads, SyncPublisher(lambda made=made: made) as publisher:  # type: ignore[misc]
            publishing = [threads.submit(publish, publisher) for _ in range(4)]
            made.there.wait(60)
            publisher.close()
            told += [one.result(30) for one in publishing]
    assert len(told) == 120
    assert all(isinstance(one, Receipt | PublishUnconfirmed) for one in told), told


@pytest.mark.parametrize("when", ["it waits", "after the thread has ended"])
def test_who_comes_too_late_is_told(when: str) -> None:
    slow = Slow()
    publisher = SyncPublisher(lambda: slow)
    with publisher:
        running, event = publisher._running, publisher.event_of(problem("e.p.x"))
        assert running is not None
        if when == "it waits":
            future = running.send(event)
            running.stop(60)
            with pytest.raises(PublishUnconfirmed, match=f"closed meanwhile.*{event.event_id}"):
                future.result(60)
        else:
            running.stop(60)
            with pytest.raises(PublishUnconfirmed, match="closed meanwhile"):
                publisher.publish(event)
    assert slow.events == []


# a program, and how many events it published; each prints nothing and ends by itself
PROGRAMS: dict[str, tuple[str, int]] = {
    "ends without closing": (
        """
p = publisher()
for number in range(50):
    p.submit(problem("e.p.x"))
""",
        50,
    ),
    "ends by an exception": (
        """
p = publisher()
p.submit(problem("e.p.x"))
sys.excepthook = lambda *error: None
raise SystemExit(0)
""",
        1,
    ),
    "asyncio.run twice": (
        """
async def main():
    async with Publisher("127.0.0.1:1", spool=Spool(sys.argv[1]), deadline=1.0) as p:
        await p.publish(problem("e.p.x"))
asyncio.run(main())
asyncio.run(main())
""",
        2,
    ),
    "a publisher that outlives two loops": (
        """
p = publisher()
async def main():
    p.submit(problem("e.p.x"))
    await asyncio.to_thread(p.publish, problem("e.p.x"))
asyncio.run(main())
asyncio.run(main())
""",
        4,
    ),
    "forks, with the thread running": (
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
p = publisher()
p.publish(problem("e.p.parent"))
children = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        p.publish(problem("e.p.child"))
        p.submit(problem("e.p.child"))
        p.close()
        os._exit(0)
    children.append(pid)
assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
p.publish(problem("e.p.parent"))
""",
        10,
    ),
    "multiprocessing": (
        """
import multiprocessing, warnings
warnings.simplefilter("ignore", DeprecationWarning)
p = publisher()
p.publish(problem("e.p.parent"))
def work():
    p.publish(problem("e.p.child"))
children = [multiprocessing.get_context("fork").Process(target=work) for _ in range(3)]
[child.start() for child in children]
[child.join() for child in children]
assert [child.exitcode for child in children] == [0] * 3
""",
        4,
    ),
    "closes twice and goes on": (
        """
p = publisher()
p.publish(problem("e.p.x"))
p.close()
p.close()
p.publish(problem("e.p.x"))
""",
        2,
    ),
}


@pytest.mark.parametrize(("code", "count"), PROGRAMS.values(), ids=list(PROGRAMS))
def test_a_program_that(code: str, count: int, tmp_path: Path) -> None:
    done = script(code, folder=tmp_path / "spool")
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr
    ids = ids_in(tmp_path / "spool")
    assert len(ids) == len(set(ids)) == count


GUNICORN = """
from tocsin.connectors.publish import Publisher, Spool, problem
import os
publisher = Publisher.sync("127.0.0.1:1", spool=Spool(os.environ["SPOOL"]), deadline=1.0)
print(publisher.publish(problem("e.p.master")).event_id, flush=True)  # with its thread, before the workers are forked

def app(environ, start_response):
    receipt = publisher.publish(problem("e.p.request"))
    publisher.submit(problem("e.p.request.later"), event_id=receipt.event_id + "-later")
    start_response("200 OK", [("content-type", "text/plain"), ("connection", "close")])
    return [f"{os.getpid()} {receipt.event_id}".encode()]
"""


def test_forked_workers_of_gunicorn(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(GUNICORN)
    environment = {**os.environ, "SPOOL": str(tmp_path / "spool"), "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "gunicorn", "--preload", "-w", "3", "-b", "127.0.0.1:0", "service:app"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        ids = [server.stdout.readline().strip()]
        address = next(line for line in server.stderr if "Listening at" in line).split()[-2]
        workers: set[str] = set()
        while len(workers) < 2:
            with urllib.request.urlopen(address, timeout=60) as answer:
                worker, event_id = answer.read().decode().split()
            workers.add(worker)
            ids += [event_id, f"{event_id}-later"]
        server.send_signal(signal.SIGTERM)
        said = server.communicate(timeout=60)[1]
    assert server.returncode == 0
    assert "Traceback" not in said
    assert sorted(ids_in(tmp_path / "spool")) == sorted(ids)
