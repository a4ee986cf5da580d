"""A rules file that changes while the bus works: a bad one changes nothing, a good one holds, nothing is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from tests.harness.bus import Bus, Child
from tests.harness.receiver import Receiver, rules_for
from tocsin.connectors.publish import Publisher, problem
from tocsin.schemas.ids import derived_id


async def told(bootstrap: str, prefix: str, receiver: Receiver, endpoint: str) -> None:
    """Publish one problem, and see it come to this receiver."""
    async with Publisher(bootstrap, prefix=prefix) as publisher:
        receipt = await publisher.publish(problem("e.p.msg"))
    wanted = derived_id("delivery", receipt.event_id, endpoint)
    await until(lambda: wanted in receiver.delivered())


async def readiness(child: Child) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{child.url}/readyz") as answer:
        assert answer.status == 200, "it works on with the rules before"
        return str(json.loads(await answer.text()).get("note", ""))


async def counted(child: Child, metric: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"{child.url}/metrics") as answer:
        [line] = [line for line in (await answer.text()).splitlines() if line.startswith(f"{metric} ")]
        return float(line.rpartition(" ")[2])


@pytest.mark.timeout(400)
async def test_rules_change_while_the_bus_works(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Receiver() as first, Receiver() as second, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(first.url))
        children = [await bus.start("worker"), await bus.start("dispatch")]
        await asyncio.gather(*(child.ready() for child in children))
        await told(bootstrap, prefix, first, "owner")
        bus.rules("endpoints: {}\n")
        for child in children:
            async with asyncio.timeout(60):
                while "the rules file cannot be used" not in await readiness(child):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            assert await counted(child, "tocsin_rules_reload_failures_total") == 1.0
        await told(bootstrap, prefix, first, "owner")
        before = [await counted(child, "tocsin_rules_loaded_timestamp_seconds") for child in children]
        bus.rules(rules_for(second.url).replace("owner", "other"))
        for child, at in zip(children, before, strict=True):
            async with asyncio.timeout(60):
                while await counted(child, "tocsin_rules_loaded_timestamp_seconds") == at:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            assert await readiness(child) == ""
        await told(bootstrap, prefix, second, "other")
        assert len(first.delivered()) == 2
        assert all(child.alive() for child in children)


async def until(holds: Callable[[], bool], within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.05)
