"""An endpoint takes less than comes, for many leases: no attempt is asked for twice, on a real Kafka."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from tests.harness import bus as harness
from tests.harness.bus import Bus
from tests.harness.judging import read_topic
from tests.harness.receiver import Receiver, rules_for
from tests.harness.traffic import arrived, publish_some

REPORTS = 400
PACE = 0.6
"""Seconds that the endpoint takes for each: with eight at a time, six leases for all."""
SHORT_LEASE = """
from tocsin.streams.processes import live_config
from tocsin.streams.rules.delivery.schedule import DeliverConfig
live_config.DeliverConfig = lambda operators: DeliverConfig(operators=operators, lease=5_000_000)
"""


class SlowReceiver(Receiver):
    async def _take(self, request: web.Request) -> web.Response:
        await asyncio.sleep(PACE)
        return await super()._take(request)


@pytest.mark.timeout(240)
async def test_what_waits_for_its_turn_is_not_asked_for_again(
    bootstrap: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SlowReceiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(receiver.url))
        dispatch = await bus.start("dispatch")
        monkeypatch.setattr(harness, "COMMAND", SHORT_LEASE + harness.COMMAND)
        worker = await bus.start("worker")
        await asyncio.gather(worker.ready(), dispatch.ready())
        wanted = await publish_some(bootstrap, prefix, REPORTS)
        await arrived(receiver, wanted, 120.0)
        await bus.stop()
        asked = sum(map(len, (await read_topic(bootstrap, f"{prefix}attempts")).values()))
        made = sum(map(len, receiver.delivered().values()))
        print(f"{REPORTS} deliveries, {asked} attempts asked for, {made} made")
        assert (asked, made) == (REPORTS, REPORTS)
