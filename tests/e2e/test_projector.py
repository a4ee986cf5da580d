"""The projector on a real Kafka: killed at random while it works, and made anew; the store has what the log says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.bus import Bus
from tests.harness.databases import new_database, postgresql
from tests.harness.judging import read_topic
from tests.harness.projected import dump, nothing_more
from tests.harness.receiver import Receiver, rules_for
from tests.harness.traffic import arrived, publish_some
from tocsin.connectors.store import Store, address_of
from tocsin.connectors.store.database import database_of
from tocsin.connectors.store.migrating import migrate
from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.streams.projector.batch import apply
from tocsin.streams.projector.rows import TOPICS
from tocsin.streams.projector.taken import Taken

KILLS, EACH = 3, 60


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return new_database(request.getfixturevalue("server"))


async def rows_of(address: str) -> dict[str, list[tuple[Any, ...]]]:
    database = database_of(address_of(address))
    try:
        return await database.read(dump)
    finally:
        await database.close()


async def recomputed(bootstrap: str, prefix: str, folder: Path) -> tuple[dict[str, list[tuple[Any, ...]]], int]:
    """What the topics say, taken up in one go; and how many records they have."""
    database = database_of(address_of(f"sqlite:///{folder / 'again.db'}"), make=True)
    await database.write(migrate)
    batch = []
    for name in TOPICS:
        for partition, records in (await read_topic(bootstrap, prefix + name)).items():
            for record in records:
                event, reason = None, ""
                try:
                    event = decode(record.value) if name != "dead" and record.value is not None else None
                except Undecodable as undecodable:
                    reason = undecodable.reason.value
                batch.append(
                    Taken(
                        name, partition, record.offset, record.timestamp, record.key or b"", record.value or b"",
                        tuple(record.headers), event, reason,
                    )
                )  # fmt: skip
    await database.write(lambda connection: apply(connection, batch, {}, nothing_more))
    found = await database.read(dump)
    await database.close()
    return found, len(batch)


async def taken_up(address: str, bootstrap: str, prefix: str) -> None:
    """Wait until the store stands at the end of every topic."""
    ends = {
        (name, partition): records[-1].offset + 1
        for name in TOPICS
        for partition, records in (await read_topic(bootstrap, prefix + name)).items()
        if records
    }
    async with Store(address_of(address)) as store, asyncio.timeout(90):
        while {(at.topic, at.partition): at.next for at in await store.progress()} != ends:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


@pytest.mark.timeout(400)
async def test_killed_at_random_and_made_anew_it_has_what_the_log_says(
    bootstrap: str, prefix: str, tmp_path: Path, address: str
) -> None:
    chance = random.Random(prefix)
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.environment["TOCSIN_STORE"] = address
        bus.rules(rules_for(receiver.url))
        worker, dispatch = await bus.start("worker"), await bus.start("dispatch")
        victim = await bus.start("project")
        await asyncio.gather(worker.ready(), dispatch.ready(), victim.ready())
        wanted = set[str]()
        for _ in range(KILLS):
            wanted |= await publish_some(bootstrap, prefix, EACH)
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            await victim.kill()
            victim = await bus.start("project")
        await victim.ready()
        await arrived(receiver, wanted)
        await bus.stop(worker, dispatch)  # nothing more is written
        await taken_up(address, bootstrap, prefix)
        found, (expected, records) = await rows_of(address), await recomputed(bootstrap, prefix, tmp_path)
        assert {row[1] for row in found["deliveries"]} == wanted
        for table, rows in expected.items():
            assert found[table] == rows, table
        # the projector that runs fills it anew; the one that the command starts stands by meanwhile
        assert await bus.run("project", "--rebuild", "--yes") == (0, f"made anew from {records} records\n")
        again = await rows_of(address)
        for table, rows in expected.items():
            assert again[table] == rows, table


@pytest.mark.timeout(300)
@pytest.mark.parametrize("place", ["rows_written", "batch_taken"])
async def test_killed_at_each_place_of_a_transaction(bootstrap: str, prefix: str, tmp_path: Path, place: str) -> None:
    address = f"sqlite:///{tmp_path / 'store.db'}"
    async with Bus(bootstrap, prefix, tmp_path) as bus:
        bus.environment["TOCSIN_STORE"] = address
        await publish_some(bootstrap, prefix, 20)
        victim = await bus.start("project", f"{place}:2", TOCSIN_FAILPOINT_TRACE=str(tmp_path))
        async with asyncio.timeout(90):
            await publish_some(bootstrap, prefix, 20)
            while not (tmp_path / place).exists():
                await publish_some(bootstrap, prefix, 1)
                await asyncio.sleep(0.3)
            await victim.process.wait()
        await (await bus.start("project")).ready()
        await taken_up(address, bootstrap, prefix)
        expected, _ = await recomputed(bootstrap, prefix, tmp_path)
        found = await rows_of(address)
        for table, rows in expected.items():
            assert found[table] == rows, table
