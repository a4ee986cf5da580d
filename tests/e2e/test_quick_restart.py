"""A process that is killed and back within a second, as a supervisor does it: the group settles once and goes on.

A consumer that commits while its group rebalances is thrown out of the group by the answer, and begins the rebalance
anew; the survivor then repeated that every few seconds while all partitions stood still. (With commits allowed at any
time, the workers' row here fails: 66 such answers. The dispatchers' has not been seen to.)
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.harness import bus as harness
from tests.harness.bus import Bus, Child
from tests.harness.receiver import Receiver, rules_for
from tocsin.connectors.publish import Publisher, problem

ROUNDS = 2
THROWN_OUT = "will rejoin"
"""What aiokafka's log says when a commit is answered with an error of the group."""


def thrown_out(child: Child) -> int:
    return child.log.read_text("utf-8", "replace").count(THROWN_OUT)


async def keep_publishing(bus: Bus, accepted: list[str], stop: asyncio.Event) -> None:
    async with Publisher(bus.bootstrap, prefix=bus.prefix, deadline=60.0) as publisher:
        while not stop.is_set():
            number = len(accepted)
            report = problem("e.p.xfer", text=f"report {number}", thread_id=f"thread-{number % 40}")
            accepted.append((await publisher.publish(report, tenant=f"tenant-{number % 12}")).event_id)
            await asyncio.sleep(0.02)


async def arrived(receiver: Receiver, count: int) -> None:
    async with asyncio.timeout(150):
        while len(receiver.delivered()) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


STANDING_BY = """
import importlib, os, pathlib, time
importlib.import_module("tocsin.streams.processes.NAME")
pathlib.Path(os.environ["TEST_GO"] + ".there").touch()
while not pathlib.Path(os.environ["TEST_GO"]).exists():
    time.sleep(0.01)
"""
"""Waits with all its imports done, so that it is back at once: a supervisor's machine is not as busy as a test's."""


async def standing_by(bus: Bus, name: str, go: Path) -> tuple[Child, Path]:
    """A process that goes on as soon as there is a file `go`."""
    command, harness.COMMAND = harness.COMMAND, STANDING_BY.replace("NAME", name) + harness.COMMAND
    try:
        child = await bus.start(name, TEST_GO=str(go))
    finally:
        harness.COMMAND = command
    async with asyncio.timeout(120):
        while not Path(f"{go}.there").exists():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.02)
    return child, go


@pytest.mark.parametrize("name", ["worker", "dispatch"])
@pytest.mark.timeout(600)
async def test_the_survivor_stays_in_its_group(bootstrap: str, prefix: str, tmp_path: Path, name: str) -> None:
    accepted: list[str] = []
    stop = asyncio.Event()
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(receiver.url))
        other = await bus.start("dispatch" if name == "worker" else "worker")
        survivor, victim = await bus.start(name), await bus.start(name)
        await asyncio.gather(other.ready(), survivor.ready(), victim.ready())
        publishing = asyncio.create_task(keep_publishing(bus, accepted, stop))
        try:
            await arrived(receiver, 100)
            before = thrown_out(survivor)
            for number in range(ROUNDS):
                spare, go = await standing_by(bus, name, tmp_path / f"go-{number}")
                await victim.kill()
                go.touch()
                victim = spare
                # What was accepted until now, and as much again, goes through the group as it is afterwards.
                await arrived(receiver, len(accepted) + 100)
        finally:
            stop.set()
            await publishing
        await arrived(receiver, len(accepted))
        errors = thrown_out(survivor) - before
        print(f"{name}: {len(accepted)} accepted and delivered, {errors} commits answered with an error of the group")
        assert errors == 0
