"""The engine on a real Kafka, in processes that die: nothing is lost, nothing is decided twice."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from typing import Any

import pytest

from tests.streams.engine.tally_bus import PATIENCE, tally_bus
from tocsin.streams.engine.failpoints import ENGINE_FAILPOINTS


@pytest.mark.timeout(240)
async def test_a_kill_at_any_step_of_the_write_order_loses_and_doubles_nothing(bootstrap: str, prefix: str) -> None:
    async def chain(number: int, failpoints: tuple[str, ...]) -> int:
        async with tally_bus(bootstrap, f"{prefix}{number}.") as bus:
            for failpoint in failpoints:
                await bus.feed(20)
                if failpoint == "tick_written":
                    await bus.feed(1, names=1, alarm=int(time.time() * 1e6))
                worker = await bus.start_worker(failpoint=f"{failpoint}:1")
                assert await asyncio.wait_for(worker.wait(), PATIENCE) == -signal.SIGKILL, failpoint
            last = await bus.start_worker()
            await bus.feed(5)
            await bus.until_all_told()
            assert await bus.end(last) == 0
            assert await bus.dead() == []
            return await bus.check_sums()

    repeats = await asyncio.gather(chain(0, ENGINE_FAILPOINTS[:5]), chain(1, ENGINE_FAILPOINTS[5:]))
    assert sum(repeats) > 0, "the kills came too early to prove anything"


@pytest.mark.timeout(300)
async def test_workers_killed_at_random_under_load_lose_and_double_nothing(bootstrap: str, prefix: str) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    async with tally_bus(bootstrap, prefix, partitions=4) as bus:
        group = f"{prefix}workers"
        workers = [await bus.start_worker(group) for _ in range(2)]

        async def kill_some() -> None:
            for _ in range(4):
                await asyncio.sleep(chance.uniform(3.0, 6.0))
                victim = chance.randrange(2)
                await bus.end(workers[victim], signal.SIGKILL)
                workers[victim] = await bus.start_worker(group)

        killing = asyncio.create_task(kill_some())
        while not killing.done():
            await bus.feed(30, names=40)
            await asyncio.sleep(0.15)
        await killing
        await bus.until_all_told()
        repeats = await bus.check_sums()
        print(f"{bus.fed} events, {repeats} repeats")
        assert await bus.dead() == []


@pytest.mark.timeout(240)
async def test_a_worker_paused_past_its_session_changes_nothing_when_it_wakes_up(bootstrap: str, prefix: str) -> None:
    async with tally_bus(bootstrap, prefix, partitions=2) as bus:
        group = f"{prefix}workers"
        paused = await bus.start_worker(group)
        await bus.feed(200, names=20)
        await bus.until_all_told()
        feeding = asyncio.create_task(bus.feed(2000, names=20))
        await asyncio.sleep(0.05)
        paused.send_signal(signal.SIGSTOP)
        await feeding
        await bus.start_worker(group)
        await bus.until_all_told()  # the other one took over: the session of the paused one ended after 6 s
        await bus.feed(200, names=20)
        paused.send_signal(signal.SIGCONT)
        for _ in range(20):
            await bus.feed(10, names=20)
            await asyncio.sleep(0.2)
        await bus.until_all_told()
        await bus.check_sums()
        assert await bus.dead() == []


@pytest.mark.timeout(240)
async def test_an_input_topic_made_again_is_read_from_its_beginning_and_reported(bootstrap: str, prefix: str) -> None:
    async with tally_bus(bootstrap, prefix) as bus:
        events: list[dict[str, Any]] = []

        async def make_again() -> None:
            events.extend(json.loads(record.value) for record in await bus.records("numbers"))
            await bus.admin.delete_topics([bus.prefix + "numbers"])
            await asyncio.sleep(0.5)
            await bus.create("numbers")

        first = await bus.start_worker()
        await bus.feed(50)
        await bus.until_all_told()
        assert await bus.end(first) == 0
        await make_again()  # between two runs
        await bus.feed(80)
        await bus.start_worker()
        await bus.until_all_told()
        assert b"mark=49" in (await bus.until_dead(b"input_recreated"))["__connect.errors.exception.message"]
        await make_again()  # while the worker runs
        await bus.feed(10)
        await bus.until_all_told()
        assert b"mark=79" in (await bus.until_dead(b"input_truncated"))["__connect.errors.exception.message"]
        events += [json.loads(record.value) for record in await bus.records("numbers")]
        await bus.check_sums(events)


@pytest.mark.timeout(240)
async def test_what_retention_took_is_counted_and_garbage_in_the_changelog_is_void(bootstrap: str, prefix: str) -> None:
    async with tally_bus(bootstrap, prefix) as bus:
        worker = await bus.start_worker()
        await bus.feed(50)
        await bus.until_all_told()
        changelog = bus.prefix + "tally-changelog"
        for key in (b"rn0", b"rn1", b"rnobody", b"m", b"b", b"w", b"\xff"):
            await bus.producer.send_and_wait(changelog, b"garbage", key=key)
        await bus.feed(20)
        await bus.until_all_told()
        await bus.feed(1)
        await bus.until_all_told()
        newest = {record.key: record for record in await bus.records("tally-changelog")}
        for key in (b"rn0", b"rn1", b"rnobody", b"m", b"b"):
            assert [name for name, _ in newest[key].headers] == ["o"], f"{key!r} still stands in the shade of garbage"
        assert newest[b"rnobody"].value is None
        assert await bus.end(worker) == 0

        kept = [json.loads(record.value) for record in await bus.records("numbers")]
        await bus.feed(30)
        await bus.delete_before("numbers", 91)
        last = await bus.start_worker()
        await bus.until_told([f"e{number}" for number in range(91, 101)])
        letter = await bus.until_dead(b"input_retention_gap")
        assert b"lost=20" in letter["__connect.errors.exception.message"]
        assert await bus.end(last) == 0
        again = await bus.start_worker()
        await bus.feed(5)
        await bus.until_told(["e105"])
        assert await bus.end(again) == 0
        rest = [json.loads(record.value) for record in await bus.records("numbers")]
        await bus.check_sums(kept + rest)
        assert len(await bus.dead()) == 1


@pytest.mark.timeout(240)
async def test_timers_fire_once_after_a_restart_and_never_early(bootstrap: str, prefix: str) -> None:
    async with tally_bus(bootstrap, prefix) as bus:
        started = time.time()
        first = await bus.start_worker()
        await bus.feed(5, names=1)
        await bus.until_all_told()
        due = int((time.time() + 4.0 + 2 * (time.time() - started)) * 1e6)  # later on a slower machine
        await bus.feed(300, names=300, alarm=due)
        await bus.until_all_told()
        await bus.end(first, signal.SIGKILL)
        await asyncio.sleep(max(0.0, due / 1e6 - time.time()))
        killed = await bus.start_worker(failpoint="changelog_written:1")  # while it fires
        await asyncio.wait_for(killed.wait(), PATIENCE)
        last = await bus.start_worker()
        ends = time.monotonic() + PATIENCE
        while True:
            said = [json.loads(value) for values in (await bus.told()).values() for value in values]
            alarms = [(one["name"], one["alarm"]) for one in said if "alarm" in one]
            if len(alarms) >= 300:
                break
            assert time.monotonic() < ends, f"{len(alarms)} alarms"
            await asyncio.sleep(0.3)
        await asyncio.sleep(1.0)
        assert await bus.end(last) == 0
        assert len(alarms) == len({name for name, _ in alarms}) == 300
        assert min(at for _, at in alarms) >= due
