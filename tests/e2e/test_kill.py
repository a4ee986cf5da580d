"""Kill -9 at every named place and at random moments: nothing missing, nothing invented, every repeat byte for byte.

Two workers and a dispatcher, a few thousand events. The seed is printed; `TOCSIN_TEST_SEED` replays a run's faults.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import deque
from itertools import chain
from pathlib import Path

import pytest

from tests.harness.bus import Bus, Child
from tests.harness.judging import agents, judge, read_topic, rows_differ
from tests.harness.receiver import Receiver, rules_for
from tocsin.connectors.publish import Publisher, problem
from tocsin.streams.engine.failpoints import DISPATCHER_FAILPOINTS, ENGINE_FAILPOINTS
from tocsin.streams.rulesfile import load_rulebook

NTH = {
    "batch_folded": 9,
    "changelog_written": 7,
    "ownership_checked": 8,
    "outputs_half_written": 9,
    "outputs_written": 6,
    "owner_written": 2,
    "outbox_spoken_again": 2,
    "attempt_read": 40,
    "sink_answered": 60,
    "outcome_written": 50,
    "attempt_committed": 5,
}
"""How often a place is passed before it strikes; once, where nothing is said."""
PLACES = ENGINE_FAILPOINTS + DISPATCHER_FAILPOINTS
EVENTS = 2400
ROUND = 60.0
"""Seconds in which EVENTS are published; round after round, until every failpoint has struck."""
MOST_ROUNDS = 12
THREADS = 60
PATIENCE = 20.0
"""Seconds after it got ready at which a process is killed although its failpoint did not strike: another one may reach
it. Not after its start, which takes long on a busy machine."""
QUIET = 150.0
"""Seconds in which nothing came, after which nothing more is expected."""


def refuse_some(before: int, delivery_id: str) -> int:
    """503 the first time for one delivery in twenty: its retry needs a tick."""
    return 503 if before == 0 and int(delivery_id[:2], 16) < 13 else 200


async def keep_alive(
    bus: Bus, name: str, places: deque[str], trace: Path, stop: asyncio.Event, born: list[Child]
) -> None:
    """Start a process with one failpoint after another, whenever it has died; at the end one without.

    A failpoint whose process died before it struck goes back to `places`, which several may share.
    """
    while not stop.is_set():
        place = places.popleft() if places else None
        child = await bus.start(name, failpoint=place and f"{place}:{NTH.get(place, 1)}")
        born.append(child)
        readying, ready_at = asyncio.create_task(child.ready()), 0.0
        while child.alive() and not stop.is_set():
            if child.url and not ready_at:
                ready_at = time.monotonic()
            if ready_at and time.monotonic() > ready_at + PATIENCE and (place or places):
                break
            await asyncio.sleep(0.1)
        # Also at the end: from then on nobody dies, and a failpoint that never struck would strike in the drain.
        await child.kill()
        await asyncio.gather(readying, return_exceptions=True)
        if place and not (trace / place).exists():
            places.append(place)
    born.append(await bus.start(name))


async def kill_at_random(born: list[list[Child]], seed: random.Random, stop: asyncio.Event) -> int:
    """SIGKILL one of all the processes that are ready, every few seconds."""
    kills = 0
    while not stop.is_set():
        await asyncio.sleep(seed.uniform(9.0, 16.0))
        living = [child for child in chain.from_iterable(born) if child.alive() and child.url]
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


async def drained(receiver: Receiver, accepted: set[str], quiet: float) -> None:
    """Until everything that was accepted has arrived, or nothing has come for `quiet` seconds."""
    arrived, last = 0, time.monotonic()
    while len(receiver.delivered()) < len(accepted) and time.monotonic() < last + quiet:
        if len(receiver.delivered()) > arrived:
            arrived, last = len(receiver.delivered()), time.monotonic()
        await asyncio.sleep(0.5)


@pytest.mark.timeout(1500)
async def test_nothing_is_lost_when_workers_and_dispatchers_are_killed(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    seed_number = int(os.environ.get("TOCSIN_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
    print(f"seed {seed_number}")
    seed = random.Random(seed_number)
    worker_places = deque(seed.sample(ENGINE_FAILPOINTS, len(ENGINE_FAILPOINTS)))
    dispatcher_places = deque(DISPATCHER_FAILPOINTS)
    trace = tmp_path / "struck"
    trace.mkdir()
    async with Receiver(refuse_some) as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.environment |= {"TOCSIN_SESSION_TIMEOUT": "6", "TOCSIN_FAILPOINT_TRACE": str(trace)}
        bus.rules(rules_for(receiver.url))
        stop = asyncio.Event()
        born: list[list[Child]] = [[], [], []]
        keepers = [
            asyncio.create_task(keep_alive(bus, "worker", worker_places, trace, stop, born[0])),
            asyncio.create_task(keep_alive(bus, "worker", worker_places, trace, stop, born[1])),
            asyncio.create_task(keep_alive(bus, "dispatch", dispatcher_places, trace, stop, born[2])),
        ]
        killing = asyncio.create_task(kill_at_random(born, seed, stop))
        accepted: set[str] = set()
        for _ in range(MOST_ROUNDS):
            accepted |= await publish(bootstrap, prefix, seed, EVENTS, ROUND)
            if len(list(trace.iterdir())) == len(PLACES):
                break
        stop.set()
        await asyncio.gather(*keepers)
        kills = await killing
        await drained(receiver, accepted, QUIET)
        for child in chain.from_iterable(born):
            if child.alive():
                child.signal(signal.SIGTERM)
        await asyncio.gather(*(child.process.wait() for child in chain.from_iterable(born)))
        verdict = judge(await read_topic(bootstrap, f"{prefix}inbox"), receiver, "owner", accepted)
        deaths = sum(len(children) for children in born) - 3
        print(f"deaths {deaths} ({kills} at random), delivered {verdict.delivered}, repeats {verdict.repeats}")
        assert {place.name for place in trace.iterdir()} == set(PLACES), "not every failpoint has struck"
        assert kills > 0
        assert any(arrival.status == 503 for arrival in receiver.arrivals)
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
        await drained(receiver, accepted, QUIET)
        for child in bus.children:
            child.signal(signal.SIGTERM)
        await asyncio.gather(*(child.process.wait() for child in bus.children))
        verdict = judge(await read_topic(bootstrap, f"{prefix}inbox"), receiver, "owner", accepted)
        print(f"delivered {verdict.delivered}, repeats {verdict.repeats}")
        assert (verdict.missing, verdict.spurious, verdict.changed, verdict.inverted) == ([], [], [], [])
        for agent in agents(load_rulebook(tmp_path / "rules.yaml"), prefix):
            assert await rows_differ(bootstrap, prefix, agent) == []
