"""Kill -9 at every named place and at random moments: nothing missing, nothing invented, every repeat byte for byte.

Two workers and a dispatcher, a few thousand events. The seed is printed; `TOCSIN_TEST_SEED` replays a run's faults.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from itertools import chain
from pathlib import Path

import pytest
from bus import Bus, Child
from judging import agents, judge, read_topic, rows_differ
from receiver import Receiver, rules_for

from tocsin.connectors.publish import Publisher, problem
from tocsin.streams.rulesfile import load_rulebook

WORKER_PLACES = (
    "batch_folded:9",
    "changelog_written:7",
    "ownership_checked:8",
    "outputs_half_written:9",
    "outputs_written:6",
    "owner_written:2",
    "rows_recovered:1",
    "outbox_spoken_again:2",
    "mark_checked:1",
)
DISPATCHER_PLACES = ("attempt_read:40", "sink_answered:60", "outcome_written:50", "attempt_committed:5")
EVENTS = 3600
THREADS = 60
DRAIN_WITHIN = 150.0


async def keep_alive(bus: Bus, name: str, places: list[str], stop: asyncio.Event, born: list[Child]) -> list[str]:
    """Start a process with one failpoint after another, whenever it has died; at the end one without.

    Returns the failpoints that were never reached because the time was up.
    """
    left = list(places)
    while True:
        child = await bus.start(name, failpoint=left.pop(0) if left and not stop.is_set() else None)
        born.append(child)
        ended = asyncio.create_task(child.process.wait())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if stop.is_set() and not ended.done():
            # From here on nobody dies: a failpoint that never struck would strike in the drain.
            await child.kill()
        if stop.is_set():
            born.append(await bus.start(name))
            return left


async def kill_at_random(born: list[Child], seed: random.Random, stop: asyncio.Event) -> int:
    """SIGKILL one of the processes every few seconds."""
    kills = 0
    while not stop.is_set():
        await asyncio.sleep(seed.uniform(9.0, 16.0))
        living = [child for child in born if child.alive()]
        if living and not stop.is_set():
            seed.choice(living).signal(signal.SIGKILL)
            kills += 1
    return kills


async def publish(bootstrap: str, prefix: str, seed: random.Random, events: int, seconds: float) -> set[str]:
    """Publish `events` reports over `seconds`, in order within each thread; the ids that Kafka acknowledged."""
    accepted: set[str] = set()

    async def one_thread(publisher: Publisher, thread: int, count: int) -> None:
        for number in range(count):
            report = problem("e.p.xfer.cant-use-endpoint", text=f"report {number}", thread_id=f"thread-{thread}")
            receipt = await publisher.publish(report, tenant=f"tenant-{thread % 7}")
            accepted.add(receipt.event_id)
            await asyncio.sleep(seconds / count * (0.5 + seed.random()))

    async with Publisher(bootstrap, prefix=prefix, deadline=30.0) as publisher:
        await asyncio.gather(*(one_thread(publisher, thread, events // THREADS) for thread in range(THREADS)))
    return accepted


async def drained(receiver: Receiver, accepted: set[str], within: float) -> None:
    """Until everything that was accepted has arrived, or nothing has come for a long time."""
    deadline = time.monotonic() + within
    while len(receiver.delivered()) < len(accepted) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.5)


@pytest.mark.timeout(420)
async def test_nothing_is_lost_when_workers_and_dispatchers_are_killed(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    seed_number = int(os.environ.get("TOCSIN_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
    print(f"seed {seed_number}")
    seed = random.Random(seed_number)
    worker_places = list(WORKER_PLACES)
    seed.shuffle(worker_places)
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.environment["TOCSIN_SESSION_TIMEOUT"] = "6"
        bus.rules(rules_for(receiver.url))
        stop = asyncio.Event()
        born: list[list[Child]] = [[], [], []]
        keepers = [
            asyncio.create_task(keep_alive(bus, "worker", worker_places[::2], stop, born[0])),
            asyncio.create_task(keep_alive(bus, "worker", worker_places[1::2], stop, born[1])),
            asyncio.create_task(keep_alive(bus, "dispatch", list(DISPATCHER_PLACES), stop, born[2])),
        ]
        killing = asyncio.create_task(kill_at_random(born[1], seed, stop))
        accepted = await publish(bootstrap, prefix, seed, EVENTS, 90.0)
        stop.set()
        untried = list(chain.from_iterable(await asyncio.gather(*keepers)))
        kills = await killing
        await drained(receiver, accepted, DRAIN_WITHIN)
        for child in chain.from_iterable(born):
            if child.alive():
                child.signal(signal.SIGTERM)
        await asyncio.gather(*(child.process.wait() for child in chain.from_iterable(born)))
        verdict = judge(await read_topic(bootstrap, f"{prefix}inbox"), receiver, "owner", accepted)
        deaths = sum(len(children) for children in born) - 3
        print(f"deaths {deaths} ({kills} at random), delivered {verdict.delivered}, repeats {verdict.repeats}")
        assert untried == [], "the run was too short for every failpoint"
        assert verdict.missing == []
        assert verdict.spurious == []
        assert verdict.changed == []
        assert verdict.inverted == []
        assert receiver.refused == []
        for agent in agents(load_rulebook(tmp_path / "rules.yaml"), prefix):
            assert await rows_differ(bootstrap, prefix, agent) == []


@pytest.mark.timeout(240)
async def test_a_worker_that_was_stopped_past_its_session_and_wakes_up_changes_nothing(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.environment["TOCSIN_SESSION_TIMEOUT"] = "6"
        bus.rules(rules_for(receiver.url))
        first, second = await bus.start("worker"), await bus.start("worker")
        await bus.start("dispatch")
        await asyncio.gather(first.ready(), second.ready())
        publishing = asyncio.create_task(publish(bootstrap, prefix, random.Random(4), 1200, 40.0))
        await asyncio.sleep(5.0)
        first.signal(signal.SIGSTOP)
        await asyncio.sleep(18.0)
        first.signal(signal.SIGCONT)
        accepted = await publishing
        await drained(receiver, accepted, 60.0)
        for child in bus.children:
            child.signal(signal.SIGTERM)
        await asyncio.gather(*(child.process.wait() for child in bus.children))
        verdict = judge(await read_topic(bootstrap, f"{prefix}inbox"), receiver, "owner", accepted)
        print(f"delivered {verdict.delivered}, repeats {verdict.repeats}")
        assert (verdict.missing, verdict.spurious, verdict.changed, verdict.inverted) == ([], [], [], [])
        for agent in agents(load_rulebook(tmp_path / "rules.yaml"), prefix):
            assert await rows_differ(bootstrap, prefix, agent) == []
