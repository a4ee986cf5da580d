"""Subscribers killed at random, two in a group: nothing is missed, repeats are known by id, each case keeps its order.

TOCSIN_TEST_SEED chooses another course.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.connectors.subscribe.events import make_topics, opened, write
from tests.harness.forking import Process, start
from tests.harness.judging import read_topic
from tests.harness.subscriber_process import ALWAYS_FAILS, GROUP
from tocsin.schemas.codec import decode
from tocsin.schemas.events import Event

CASES, EACH, KILLS = 12, 60, 6
FAILING = {7, 151, 400}
POISON = b"garbage"
SUBSCRIBER = "import runpy; runpy.run_module('tests.harness.subscriber_process', run_name='__main__')"


def event(number: int) -> Event:
    tenant = ALWAYS_FAILS if number in FAILING else "acme"
    return opened(number, case=f"case-{number % CASES}", tenant=tenant)


class Subscribers:
    """Processes that note what they handled in one file, so that it tells the order in which it happened."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path, seed: int) -> None:
        self._environment = {**os.environ, "TOCSIN_BOOTSTRAP": bootstrap, "TOCSIN_PREFIX": prefix}
        self._folder, self._seed = folder, seed
        self._file = folder / "handled"
        self.processes: list[Process] = []

    async def start(self, die_after: int = 0) -> None:
        number = len(self.processes)
        with (self._folder / f"log-{number}").open("wb") as log:
            chosen = {"SEED": f"{self._seed}-{number}", "DIE_AFTER": str(die_after)}
            process = await start(
                SUBSCRIBER, (str(self._file), str(1 + number % 3 * 3)), self._environment | chosen, self._folder, log
            )
        self.processes.append(process)

    def alive(self) -> list[Process]:
        return [process for process in self.processes if process.returncode is None]

    async def kill(self, *processes: Process) -> None:
        for process in processes:
            process.send_signal(signal.SIGKILL)
            await process.wait()

    async def stop(self) -> list[int]:
        """The exit codes of those that run, when they are told to end."""
        codes = []
        for process in self.alive():
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
            process.send_signal(signal.SIGTERM)
            codes.append(await process.wait())
        return codes

    def handled(self) -> list[tuple[str, int]]:
        """Case and number of each event, in the order in which they were handled. A process is killed between two
        writes, never in one."""
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        return [(case, int(event_id.removeprefix("event-"))) for case, event_id in map(str.split, lines)]

    async def progress(self, count: int) -> None:
        """Wait until so many events were handled, or nobody is left to do it."""
        async with asyncio.timeout(150):
            while len(set(self.handled())) < count and self.alive():  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@pytest.mark.timeout(400)
async def test_nothing_is_missed_and_repeats_are_known(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("TOCSIN_TEST_SEED", "1"))
    dice = random.Random(seed)
    await make_topics(bootstrap, prefix, partitions=4)
    wanted = set(range(CASES * EACH)) - FAILING
    async with AsyncExitStack() as ending:
        them = Subscribers(bootstrap, prefix, tmp_path, seed)
        ending.push_async_callback(lambda: them.kill(*them.alive()))
        written = 0
        for part in range(KILLS):
            while len(them.alive()) < 2:
                await them.start(die_after=dice.randrange(5, 40))
            upto = CASES * EACH * (part + 1) // KILLS
            await write(bootstrap, prefix, [*map(event, range(written, upto)), POISON])
            written = upto
            # The moment depends on the course, not on the clock: in a handler, or when some more were handled.
            if part % 2:
                enough = len(set(them.handled())) + dice.randrange(1, 60)
                await them.progress(min(enough, written - len(FAILING) - 20))
                await them.kill(*them.alive()[:1])
            else:
                deaths = [asyncio.create_task(one.wait()) for one in them.alive()]
                await asyncio.wait(deaths, return_when=asyncio.FIRST_COMPLETED, timeout=150)
                assert any(one.done() for one in deaths), f"none has killed itself, seed {seed}"
                for one in deaths:
                    one.cancel()
        await them.kill(*them.alive())
        for _ in range(2):
            await them.start()
        await them.progress(len(wanted))
        assert await them.stop() == [0, 0]
    handled, order = them.handled(), defaultdict[str, list[int]](list)
    assert {number for _, number in handled} == wanted, f"seed {seed}"
    assert len(handled) - len(wanted) <= len(them.processes) * 4 * 64, "no more repeats than what was in hand"
    for case, number in dict.fromkeys(handled):
        order[case].append(number)
    assert {case: numbers for case, numbers in order.items() if numbers != sorted(numbers)} == {}, f"seed {seed}"
    assert await put_aside(bootstrap, prefix) == ({f"event-{number}" for number in FAILING}, True)


async def put_aside(bootstrap: str, prefix: str) -> tuple[set[str], bool]:
    """The ids of the dead letters that are events, and whether there is poison among the others; all of the group."""
    letters = [one for records in (await read_topic(bootstrap, f"{prefix}dead")).values() for one in records]
    assert {dict(one.headers)["tocsin.for-group"] for one in letters} == {GROUP.encode()}
    events = [decode(one.value) for one in letters if one.value != POISON]
    return {one.event_id for one in events}, len(events) < len(letters)
