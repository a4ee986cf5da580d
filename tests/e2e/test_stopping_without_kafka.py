"""Kafka dies under the running bus, and then its processes are asked to stop: they end, with exit code 0."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.harness.bus import Bus
from tests.harness.receiver import Receiver, rules_for
from tests.harness.signalled import with_text
from tests.harness.traffic import arrived, publish_some
from tocsin.streams.up.broker import EmbeddedBroker

WITHIN = 30.0
"""Far more than the 10 s that are promised, as the machine may be busy; what used to wait, waited for 30 s and more."""


async def post_for_ever(api: str) -> None:
    """Requests that wait for the acknowledgement of a Kafka that is gone."""
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.post(f"{api}/v1/problems?dialect=canonical", json={"code": "e.p.me"}):
                    pass
            except aiohttp.ClientError:
                return  # it has ended
            await asyncio.sleep(0.02)


@pytest.mark.timeout(240)
async def test_every_process_ends(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    async with Receiver() as receiver, Bus(own_broker.bootstrap, "stopping.", tmp_path) as bus:
        bus.rules(rules_for(receiver.url))
        children = [await bus.start(name) for name in ("gateway", "worker", "dispatch", "up")]
        await asyncio.gather(*(child.ready() for child in children[:3]))
        assert children[3].process.stdout
        assert b'"ready": true' in await asyncio.wait_for(children[3].process.stdout.readline(), 120)
        await arrived(receiver, await publish_some(own_broker.bootstrap, "stopping.", 20))
        posting = [asyncio.create_task(post_for_ever(children[0].url)) for _ in range(4)]
        late = await publish_some(own_broker.bootstrap, "stopping.", 200)
        own_broker.kill()
        await asyncio.sleep(1.0)
        async with asyncio.timeout(WITHIN):
            await bus.stop(*children)
        await asyncio.wait(posting)
        assert late
        assert {child.name: child.process.returncode for child in children} == {child.name: 0 for child in children}
        assert [child.name for child in children if "Traceback" in child.log.read_text("utf-8", "replace")] == []
        assert with_text(str(tmp_path / "home")) == set(), "a process of `up` outlived it"
