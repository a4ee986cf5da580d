"""Dispatchers are killed while everything that was asked for is asked for again: what was finished is not made again.

A worker that takes over says its last outbox again. Here all attempts so far are said again, byte for byte: it is the
same, only more of it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from tests.harness.bus import Bus
from tests.harness.judging import read_topic
from tests.harness.receiver import Receiver, rules_for
from tests.harness.traffic import arrived, publish_some
from tocsin.streams.dispatcher.dispatcher import DispatcherSettings

EACH, KILLS = 150, 3


async def say_again(bootstrap: str, prefix: str) -> int:
    """Append every record of `attempts` to it once more; how many."""
    records = [record for records in (await read_topic(bootstrap, f"{prefix}attempts")).values() for record in records]
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for record in records:
            await producer.send(
                record.topic, record.value, key=record.key, partition=record.partition, headers=list(record.headers)
            )
    return len(records)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("survivor", [False, True], ids=["its successor starts anew", "another one takes over"])
async def test_only_what_was_under_way_is_made_again(
    bootstrap: str, prefix: str, tmp_path: Path, survivor: bool
) -> None:
    per_endpoint = DispatcherSettings("", "").per_endpoint
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.environment["TOCSIN_SESSION_TIMEOUT"] = "6"
        bus.rules(rules_for(receiver.url))
        worker, victim = await bus.start("worker"), await bus.start("dispatch")
        await asyncio.gather(worker.ready(), victim.ready())
        wanted, again = set[str](), 0
        for _ in range(KILLS):
            successor = await bus.start("dispatch") if survivor else None
            if successor is not None:
                await successor.ready()
            wanted |= await publish_some(bootstrap, prefix, EACH)
            async with asyncio.timeout(120):
                while len(receiver.delivered()) < len(wanted) - EACH // 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            again += await say_again(bootstrap, prefix)
            await victim.kill()
            again += await say_again(bootstrap, prefix)
            victim = successor or await bus.start("dispatch")
            await arrived(receiver, wanted)
        wanted |= (last := await publish_some(bootstrap, prefix, 1))
        await arrived(receiver, last)  # behind all that was said again, as there is one endpoint
        repeats = sum(len(times) - 1 for times in receiver.delivered().values())
        print(f"{len(wanted)} wanted, {again} said again, {repeats} delivered again")
        assert receiver.delivered().keys() == wanted
        assert again > len(wanted)
        assert repeats <= KILLS * per_endpoint, "what had its outcome in Kafka was made again"
