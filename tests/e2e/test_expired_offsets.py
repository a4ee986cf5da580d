"""The group's committed offsets are gone, for workers and dispatchers: nothing is lost, nothing is repeated."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from tests.harness.bus import Bus
from tests.harness.judging import agents, read_topic, rows_differ
from tests.harness.receiver import Receiver, rules_for
from tests.harness.traffic import arrived, publish_some
from tocsin.streams.rulesfile import load_rulebook


def forget_offsets(bootstrap: str, groups: list[str]) -> None:
    """Delete the groups, which is what Kafka does to their offsets when they expire; fails if they had none."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for deleted in admin.delete_consumer_groups(groups, request_timeout=20).values():
        deleted.result(20)


@pytest.mark.timeout(180)
async def test_lost_group_offsets_lose_nothing_and_repeat_nothing(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(receiver.url))
        worker, dispatch = await bus.start("worker"), await bus.start("dispatch")
        await asyncio.gather(worker.ready(), dispatch.ready())
        first = await publish_some(bootstrap, prefix, 60)
        await arrived(receiver, first)
        await asyncio.sleep(2.0)
        await bus.stop()
        await asyncio.to_thread(forget_offsets, bootstrap, [f"{prefix}worker", f"{prefix}dispatch"])
        second = await publish_some(bootstrap, prefix, 30)
        worker, dispatch = await bus.start("worker"), await bus.start("dispatch")
        await asyncio.gather(worker.ready(), dispatch.ready())
        await arrived(receiver, second)
        await asyncio.sleep(3.0)
        await bus.stop()
        came = receiver.delivered()
        assert came.keys() == first | second
        assert [delivery for delivery, times in came.items() if len(times) > 1] == []
        assert not any((await read_topic(bootstrap, f"{prefix}dead")).values())
        for agent in agents(load_rulebook(tmp_path / "rules.yaml"), prefix):
            assert await rows_differ(bootstrap, prefix, agent) == []


def test_the_recall_covers_the_longest_lease() -> None:
    from tocsin.streams.dispatcher.memory import RECALL
    from tocsin.streams.rules.delivery.schedule import DeliverConfig

    assert DeliverConfig().max_lease / 1e6 < RECALL
