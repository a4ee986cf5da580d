"""Poison on every topic that a foreign client can write: the bad ones are in `dead` with reason and bytes, the good
ones behind them are delivered (docs/reliability.md#f12)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer

from tests.harness.bus import Bus, Child
from tests.harness.judging import agents, read_topic, rows_differ
from tests.harness.receiver import Receiver, rules_for
from tests.harness.traffic import arrived
from tocsin.connectors.kafka import open_producer
from tocsin.connectors.publish import Origin, Publisher, problem, problem_reported
from tocsin.schemas.codec import encode
from tocsin.schemas.events import DeliveryAttempt, SchemaInUse
from tocsin.schemas.ids import derived_id, new_event_id
from tocsin.schemas.lock import shipped_entries
from tocsin.streams.rulesfile import load_rulebook

GOOD_EVENT = problem_reported(problem("e.p.msg", text="a good one to be cut off"), Origin(tenant="default"))
GOOD, GOOD_ID = encode(GOOD_EVENT), GOOD_EVENT.event_id
ENTRIES = {entry.event_name: entry for entry in shipped_entries()}
KINDS = {
    "a bad magic byte": (b"\x01" + GOOD[1:], "not_framed"),
    "an unknown schema id": (b"\x00\x00\x00\x00\x07" + GOOD[5:], "unknown_schema"),
    "Avro that ends early": (GOOD[:-9], "truncated"),
    "bytes after the value": (GOOD + b"!", "trailing_bytes"),
    "a record of 1 MiB + 1": (GOOD[:5] + b"\x00" * (1024 * 1024 + 1 - 5), "too_large"),
    "no value at all": (None, "empty"),
}
MIB = 1024 * 1024
LONG_NAMES = DeliveryAttempt(
    event_id="e" * 524_000, tenant="default", occurred_at=1, recorded_at=1, delivery_id="d" * 524_400,
    endpoint="nobody", attempt=1, about="", content_type="", body=b"{}",
)  # fmt: skip
OF_TOPIC = {"attempts": {"ids that its outcome has no room for": (encode(LONG_NAMES), "too_large")}}
COMPRESSIONS = (None, "lz4", "zstd", "snappy")
TOPICS = ("inbox", "deliveries", "attempts")


async def poison(bootstrap: str, prefix: str) -> dict[tuple[str, bytes | None], str]:
    """Write every kind with every compression into every topic; the wanted reason by (topic, key)."""
    wanted: dict[tuple[str, bytes | None], str] = {}
    for compression in COMPRESSIONS:
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, compression_type=compression, max_request_size=3 * 1024 * 1024, linger_ms=50
        )
        await producer.start()
        for topic in TOPICS:
            for name, (value, reason) in (KINDS | OF_TOPIC.get(topic, {})).items():
                key = f"{topic} {name} {compression}".encode()
                await producer.send(prefix + topic, value, key=key, headers=[("from", b"a foreign client")])
                wanted[topic, key] = reason
        await producer.stop()
    return wanted


def schema_in_use(schema_id: int, schema: str) -> bytes:
    event = SchemaInUse(
        event_id=new_event_id(),
        tenant="tocsin",
        occurred_at=1,
        recorded_at=1,
        schema_id=schema_id,
        subject="io.tocsin.Tick",
        schema=schema,
        process="forger",
    )
    return encode(event)


async def poison_settings(bootstrap: str, prefix: str) -> None:
    """What a forger may say there: nothing readable, a broken schema, one that contradicts ours, one beside our ids."""
    tick, other = (ENTRIES[name] for name in ("Tick", "EscalationRaised"))
    forged = [schema_in_use(1900, "{"), schema_in_use(tick.id, other.text), schema_in_use(7, tick.text)]
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, compression_type="zstd", max_request_size=3 * 1024 * 1024, linger_ms=50
    )
    await producer.start()
    for value in [*(value for value, _ in KINDS.values()), *forged]:
        await producer.send(f"{prefix}settings", value, key=f"schema/{tick.id}".encode())
    await producer.stop()


async def garbage_into_changelogs(bootstrap: str, prefix: str) -> None:
    """Records that no owner of ours wrote: row keys, an outbox, a mark, an owner without a header."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type="zstd")
    await producer.start()
    for topic in ("decide-changelog", "deliver-changelog"):
        for partition in range(4):
            for key in (b"rcase/default/x", b"m", b"b", b"w", b"\xff\xfe"):
                await producer.send(prefix + topic, b"garbage", key=key, partition=partition)
    await producer.stop()


async def publish(bootstrap: str, prefix: str, text: str) -> dict[str, int]:
    """Publish a report of each of 20 tenants; the partition of `inbox` by delivery id."""
    async with Publisher(bootstrap, prefix=prefix) as publisher:
        receipts = [
            await publisher.publish(problem("e.p.msg", text=text), tenant=f"tenant-{number}") for number in range(20)
        ]
    return {derived_id("delivery", receipt.event_id, "owner"): receipt.partition for receipt in receipts}


async def publish_and_wait(bootstrap: str, prefix: str, receiver: Receiver, text: str) -> None:
    await arrived(receiver, set(await publish(bootstrap, prefix, text)))


BOMB = bytes(24 * 1024 * 1024)
"""More than a batch may inflate to, small enough for every codec to make a record of it that Kafka takes."""


async def worse_poison(bootstrap: str, prefix: str) -> None:
    """What stopped a partition for good once: bombs of every codec, megabytes of value and of headers, null headers, a
    header whose name is no text; on every topic that is read, each followed by a good batch of its own producer."""
    for compression in ("gzip", "lz4", "zstd", "snappy"):
        async with open_producer(
            bootstrap, compression_type=compression, max_request_size=64 * MIB, max_batch_size=64 * MIB
        ) as producer:
            for topic in (*TOPICS, "settings"):
                place, key = prefix + topic, f"worse {topic} {compression}".encode()
                await producer.send_and_wait(place, BOMB, key=key, partition=0)
                await producer.send_and_wait(place, bytes(6 * MIB), key=key, partition=0)
                await producer.send_and_wait(place, GOOD[:-9], key=key, partition=0, headers=[("null", None)])
                headers = [("large", bytes(6 * MIB))]
                await producer.send_and_wait(place, GOOD[:-9], key=key, partition=0, headers=headers)


WORSE = {"batch_unreadable": 4, "too_large": 4, "truncated": 8}
"""How often each is on each topic."""


@pytest.mark.timeout(300)
async def test_bombs_and_megabytes_are_buried_and_an_unknown_schema_can_be_skipped(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(receiver.url))
        worker, dispatch = await bus.start("worker"), await bus.start("dispatch")
        await asyncio.gather(worker.ready(), dispatch.ready())
        await worse_poison(bootstrap, prefix)
        await publish_and_wait(bootstrap, prefix, receiver, "behind the worse poison")
        found: Counter[tuple[str, str]] = Counter()
        wanted = {(topic, reason): count for topic in TOPICS for reason, count in WORSE.items()}
        async with asyncio.timeout(60):
            while found != wanted:
                found = await buried(bootstrap, prefix)
                await asyncio.sleep(0.5)
        newer = b"\0" + (1999).to_bytes(4, "big") + GOOD[5:]
        for topic in ("inbox", "attempts"):
            async with open_producer(bootstrap) as producer:
                at = (await producer.send_and_wait(f"{prefix}{topic}", newer, key=b"newer", partition=0)).offset
            failed = await until_doctor_says(bus, f"tocsin partitions skip {topic} 0 --offset {at}")
            assert "schema_not_known_yet" in failed
            assert (await bus.run("partitions", "skip", topic, "0", "--offset", str(at + 1), "--yes"))[0] == 65
            assert (await bus.run("partitions", "skip", topic, "1", "--offset", "0", "--yes"))[0] == 65
            assert (await bus.run("partitions", "skip", topic, "0", "--offset", str(at)))[0] == 2, "nobody confirms it"
            assert (await bus.run("partitions", "skip", topic, "0", "--offset", str(at), "--yes", "--json"))[0] == 0
            await publish_and_wait(bootstrap, prefix, receiver, f"behind what was skipped on {topic}")
            async with asyncio.timeout(60):  # the dispatcher makes attempts behind one that it waits for
                while (await buried(bootstrap, prefix))[topic, "skipped"] != 1:  # noqa: ASYNC110
                    await asyncio.sleep(0.5)


async def buried(bootstrap: str, prefix: str) -> Counter[tuple[str, str]]:
    """How many dead letters there are, by topic and reason."""
    found: Counter[tuple[str, str]] = Counter()
    for records in (await read_topic(bootstrap, f"{prefix}dead")).values():
        for record in records:
            headers = {name: value or b"" for name, value in record.headers}
            topic = headers["__connect.errors.topic"].decode().removeprefix(prefix)
            found[topic, headers["tocsin.reason"].decode()] += 1
    return found


async def until_doctor_says(bus: Bus, text: str) -> str:
    async with asyncio.timeout(60):
        while True:
            code, said = await bus.run("doctor")
            if text in said:
                assert code == 1
                return said
            await asyncio.sleep(1)


@pytest.mark.timeout(240)
async def test_poison_is_buried_and_what_stands_behind_it_is_delivered(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(receiver.url))
        worker, dispatch = await bus.start("worker"), await bus.start("dispatch")
        await asyncio.gather(worker.ready(), dispatch.ready())
        await poison_settings(bootstrap, prefix)
        wanted = await poison(bootstrap, prefix)
        await garbage_into_changelogs(bootstrap, prefix)
        await publish_and_wait(bootstrap, prefix, receiver, "behind the poison")
        await _all_buried(bootstrap, prefix, wanted)
        worker.signal(15)
        await worker.process.wait()
        worker = await bus.start("worker")
        await worker.ready()
        await publish_and_wait(bootstrap, prefix, receiver, "after a restart over the garbage")
        assert dispatch.alive()
        worker.signal(15)
        await worker.process.wait()
        for agent in agents(load_rulebook(tmp_path / "rules.yaml"), prefix):
            assert await rows_differ(bootstrap, prefix, agent) == []


@pytest.mark.timeout(120)
async def test_a_schema_of_ours_that_is_not_known_yet_holds_up_its_partition_alone(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(receiver.url))
        worker, dispatch = await bus.start("worker"), await bus.start("dispatch")
        await asyncio.gather(worker.ready(), dispatch.ready())
        newer = b"\0" + (1999).to_bytes(4, "big") + GOOD[5:]
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        await producer.start()
        await producer.send_and_wait(f"{prefix}inbox", newer, partition=0)
        partitions = await publish(bootstrap, prefix, "beside and behind it")
        behind = {delivery for delivery, partition in partitions.items() if partition == 0}
        assert behind, "no tenant has this partition: the test proves nothing"
        await arrived(receiver, partitions.keys() - behind)
        assert await partitions_waiting(worker) == 1
        assert receiver.delivered().keys() == partitions.keys() - behind
        learned = schema_in_use(1999, ENTRIES["ProblemReported"].text)
        await producer.send_and_wait(f"{prefix}settings", learned, key=b"schema/1999")
        await producer.stop()
        await arrived(receiver, behind | {derived_id("delivery", GOOD_ID, "owner")})
        assert await partitions_waiting(worker) == 0
        assert not any((await read_topic(bootstrap, f"{prefix}dead")).values())


async def partitions_waiting(worker: Child) -> float:
    """How many partitions of `inbox` wait, by the metric that the alarm watches."""
    async with aiohttp.ClientSession() as session, session.get(f"{worker.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    [line] = [line for line in lines if line.startswith('tocsin_partitions{agent="decide",phase="waiting"}')]
    return float(line.rpartition(" ")[2])


async def _all_buried(bootstrap: str, prefix: str, wanted: dict[tuple[str, bytes | None], str]) -> None:
    deadline = time.monotonic() + 60
    while True:
        found: dict[tuple[str, bytes | None], tuple[str, bytes | None]] = {}
        for records in (await read_topic(bootstrap, f"{prefix}dead")).values():
            for record in records:
                headers = {name: value or b"" for name, value in record.headers}
                topic = headers["__connect.errors.topic"].decode().removeprefix(prefix)
                assert headers["from"] == b"a foreign client", "the original headers are not kept"
                found[topic, record.key] = (headers["tocsin.reason"].decode(), record.value)
        if wanted.keys() <= found.keys() or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.5)
    assert {place: reason for place, (reason, _) in found.items()} == wanted
    for (topic, key), (_, value) in found.items():
        assert key is not None
        name = key.decode().removeprefix(f"{topic} ").rsplit(" ", 1)[0]
        assert value == (KINDS | OF_TOPIC.get(topic, {}))[name][0], f"the bytes of {key!r} were changed"
