"""A bus with everything under way is copied into 12 partitions, and again into 5: nothing lost, nothing told twice."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness.bus import Bus
from tests.harness.judging import agents, read_topic
from tests.harness.receiver import SECRET, Receiver
from tests.harness.traffic import arrived
from tocsin.connectors.publish import Publisher, problem
from tocsin.schemas.codec import decode
from tocsin.schemas.events import DeliveryRequested, EscalationRaised, EscalationStepped
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.changelog import Replay
from tocsin.streams.engine.failpoints import REPARTITION_FAILPOINTS
from tocsin.streams.engine.outputs import key_hash
from tocsin.streams.engine.rows import RowStore
from tocsin.streams.processes.repartition.placing import row_scope
from tocsin.streams.rulesfile import load_rulebook
from tocsin.streams.up.broker.embedded import EmbeddedBroker

ROOT = Path(__file__).parent.parent.parent

WAIT = 40
"""Seconds from a problem to its page: longer than it takes to stop the bus."""
SCHEDULE = "[0s, 5s, " + ", ".join(["20s"] * 30) + "]"
"""Of attempts: what was refused is tried again soon after the receiver takes it, and never dies."""
WHOLE = ("gaps", "dispatch")
"""Rows of a whole partition."""


def rules(url: str) -> str:
    delivery = f"{{breaker_failures: 0, schedule: {SCHEDULE}}}"
    endpoint = f"{{sink: webhook, url: {url}, secret: {SECRET}, allow_private: true, delivery: {delivery}}}"
    return f"""\
endpoints:
  owner: {endpoint}
  pager: {endpoint}
  operator: {{sink: log}}
default_route: operator
limits: {{repeat_window: 0s}}
escalations:
  night: {{steps: [{{wait: {WAIT}s, endpoints: pager}}]}}
routes:
  - {{name: reports, match: {{code: e.p.msg}}, endpoints: owner, escalate: night}}
"""


class Tired:
    """While `tired` a receiver refuses every other delivery."""

    tired = True

    def __call__(self, before: int, delivery_id: str) -> int:
        return 503 if self.tired and delivery_id[-1] in "02468ace" else 200


async def started(bus: Bus) -> None:
    bus.environment["TOCSIN_STORE"] = f"sqlite:///{bus.folder}/{bus.partitions}.db"
    await asyncio.gather(*[(await bus.start(name)).ready() for name in ("worker", "dispatch", "project")])


async def publish(bus: Bus, count: int) -> set[str]:
    """Publish so many reports of nine tenants, each of a case of its own; the delivery ids that must arrive."""
    async with Publisher(bus.bootstrap, prefix=bus.prefix) as publisher:
        receipts = [
            await publisher.publish(
                problem("e.p.msg", text=str(number), thread_id=f"{bus.prefix}{count}-{number}"),
                tenant=f"tenant-{number % 9}",
            )
            for number in range(count)
        ]
    return {derived_id("delivery", receipt.event_id, "owner") for receipt in receipts}


async def attempted(receiver: Receiver, wanted: set[str]) -> None:
    async with asyncio.timeout(60):
        while not wanted <= {arrival.delivery_id for arrival in receiver.arrivals}:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def rows(bus: Bus, prefix: str) -> dict[str, tuple[int, int, bytes]]:
    """Every row of both agents: its partition, of how many, and its bytes."""
    found: dict[str, tuple[int, int, bytes]] = {}
    for agent in agents(load_rulebook(bus.folder / "rules.yaml"), prefix):
        changelogs = await read_topic(bus.bootstrap, prefix + agent.changelog)
        for partition, records in changelogs.items():
            replay = Replay(RowStore(agent.encode_row, agent.decode_row, agent.row_version))
            for record in records:
                replay.read(record)
            for key, row in replay.rows.items():
                if not row.deleted and key not in WHOLE:
                    assert key not in found
                    found[key] = partition, len(changelogs), row.encode()
    return found


async def repartitioned(bus: Bus, prefix: str, partitions: int, *more: str) -> tuple[int, str]:
    return await bus.run("topics", "repartition", "--partitions", str(partitions), "--to", prefix, "--json", *more)


def document(said: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(next(line for line in said.splitlines() if line.startswith('{"done"')))
    return found


async def moved(bus: Bus, prefix: str, partitions: int, undecided: int) -> None:
    """The stopped bus is copied, and from now on it is the new one."""
    old_rows = await rows(bus, bus.prefix)
    async with asyncio.timeout(90):
        while (ran := await repartitioned(bus, prefix, partitions))[0] == 1:  # noqa: ASYNC110 - a session has to end
            await asyncio.sleep(1.0)
    assert ran[0] == 0, ran[1]
    report = document(ran[1])
    by_topic = {one["topic"]: one for one in report["topics"]}
    assert report["done"]
    assert not report["already"]
    assert by_topic["inbox"]["undecided"] == undecided
    code, said = await repartitioned(bus, prefix, partitions)
    assert (code, document(said)) == (0, report | {"already": True})
    new_rows = await rows(bus, prefix)
    assert {key: row[2] for key, row in new_rows.items()} == {key: row[2] for key, row in old_rows.items()}
    assert len([key for key in new_rows if key.startswith("delivery/")]) > 0
    for key, (partition, count, _) in new_rows.items():
        assert (count, partition) == (partitions, key_hash(row_scope(key) or b"") % partitions), key
    bus.prefix, bus.partitions = prefix, partitions
    assert (await bus.run("topics", "plan"))[0] == 0
    code, said = await bus.run("project")
    assert code == 78, said
    assert "filled from other topics" in said


async def killed_everywhere(bus: Bus, prefix: str, partitions: int) -> None:
    """Wherever the copying is killed: no process takes the half for the whole, and it can be run again."""
    for place in REPARTITION_FAILPOINTS:
        bus.environment["TOCSIN_FAILPOINT"] = f"{place}:{3 if place.startswith('topic') else 1}"
        code, said = await repartitioned(bus, prefix, partitions)
        del bus.environment["TOCSIN_FAILPOINT"]
        assert code == -9, (place, said)
        bus.environment["TOCSIN_PREFIX"] = prefix
        code, said = await bus.run("worker")
        del bus.environment["TOCSIN_PREFIX"]
        assert (code, "are not filled" in said, bus.prefix in said) == (69, True, True), (place, said)


async def judged(bus: Bus, receiver: Receiver, wanted: set[str]) -> None:
    """Everybody was told everything once, and each case was paged once, not too early."""
    events = [
        decode(one.value)
        for part in (await read_topic(bus.bootstrap, f"{bus.prefix}escalations")).values()
        for one in part
    ]
    raised = {event.case: event for event in events if isinstance(event, EscalationRaised)}
    stepped = {event.case: event for event in events if isinstance(event, EscalationStepped)}
    assert raised.keys() == stepped.keys()
    assert len(raised) == len(wanted)
    assert all(stepped[case].recorded_at >= (event.first_step_at or 0) for case, event in raised.items())
    asked = [
        decode(one.value)
        for part in (await read_topic(bus.bootstrap, f"{bus.prefix}deliveries")).values()
        for one in part
    ]
    told = {
        event.delivery_id
        for event in asked
        if isinstance(event, DeliveryRequested) and event.endpoint != "operator"  # that the receiver takes nothing
    }
    came = receiver.delivered()
    assert came.keys() == told
    assert wanted <= told
    assert len(told) == 2 * len(wanted)
    assert [delivery for delivery, times in came.items() if len(times) > 1] == []
    assert not any((await read_topic(bus.bootstrap, f"{bus.prefix}dead")).values())


async def paged(bus: Bus, count: int) -> None:
    async with asyncio.timeout(WAIT + 90):
        while True:
            records = await read_topic(bus.bootstrap, f"{bus.prefix}escalations")
            events = [decode(record.value) for part in records.values() for record in part]
            if len({event.case for event in events if isinstance(event, EscalationStepped)}) == count:
                return
            await asyncio.sleep(1.0)


@pytest.mark.timeout(900)
async def test_a_busy_bus_gets_more_partitions_and_then_fewer(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    tired = Tired()
    async with Receiver(tired) as receiver, Bus(bootstrap, f"{prefix}p4.", tmp_path) as bus:
        bus.environment["TOCSIN_SESSION_TIMEOUT"] = "6"
        bus.rules(rules(receiver.url))
        await started(bus)
        wanted = await publish(bus, 60)
        await attempted(receiver, wanted)
        code, said = await repartitioned(bus, f"{prefix}p12.", 12)
        assert code == 1
        assert f"{bus.prefix}worker (" in said
        assert f"{bus.prefix}dispatch (" in said
        await asyncio.gather(*(child.kill() for child in bus.children))
        wanted |= await publish(bus, 30)
        code, said = await repartitioned(bus, f"{prefix}p12.", 12)
        assert code == 1
        assert "until its session ends" in said
        async with asyncio.timeout(60):
            while (await repartitioned(bus, f"{prefix}p12.", 12, "--dry-run"))[0]:  # noqa: ASYNC110
                await asyncio.sleep(1.0)
        await killed_everywhere(bus, f"{prefix}p12.", 12)
        await moved(bus, f"{prefix}p12.", 12, 30)

        await started(bus)
        await attempted(receiver, wanted)
        wanted |= (more := await publish(bus, 20))
        await attempted(receiver, more)
        await bus.stop()
        wanted |= await publish(bus, 10)
        await moved(bus, f"{prefix}p5.", 5, 10)

        tired.tired = False
        await started(bus)
        await arrived(receiver, wanted, 200)
        await paged(bus, len(wanted))
        async with asyncio.timeout(60):
            while len(receiver.delivered()) < 2 * len(wanted):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        await asyncio.sleep(2.0)  # a second one would have its chance
        await bus.stop()
        await judged(bus, receiver, wanted)


@pytest.mark.timeout(180)
def test_the_commands_of_the_page_run_as_printed(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "repartitioning.md").read_text()
    commands = re.findall(r"^        ((?:tocsin|export) .*)$", page, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["tocsin", "tocsin", "export", "tocsin"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {
        "TOCSIN_BOOTSTRAP": own_broker.bootstrap,
        "TOCSIN_PARTITIONS": "4",
        "TOCSIN_HOME": str(tmp_path),
        "PATH": path,
    }
    script = "\n".join(["set -e", "tocsin topics apply", *commands])
    ran = subprocess.run(["sh", "-c", script], env={**os.environ, **own}, capture_output=True, text=True, timeout=150)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "all is there" in ran.stdout
    assert ran.stdout.rstrip().endswith("Kafka has every topic as the map says")
