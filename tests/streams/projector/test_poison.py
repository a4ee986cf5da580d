"""Records that nobody can take up stop nothing; secrets that a foreign producer wrote are in no store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from sqlalchemy import select

from tests.harness.canaries import CANARIES, SECRETS
from tests.harness.projected import TIME, dump, nothing_more, problem, reported_once
from tocsin.connectors.redaction import Redaction
from tocsin.connectors.store import address_of
from tocsin.connectors.store.database import Database, database_of
from tocsin.connectors.store.migrating import migrate
from tocsin.connectors.store.tables import activity, unreadable
from tocsin.schemas.codec import encode
from tocsin.schemas.events import ProblemReported
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.projector import batch as batches
from tocsin.streams.projector.batch import apply
from tocsin.streams.projector.keeping import keeping_of
from tocsin.streams.projector.projector import Projector, ProjectorSettings
from tocsin.streams.projector.rows import put_rows
from tocsin.streams.projector.taken import Taken


@pytest.fixture
async def database(address: str) -> AsyncIterator[Database]:
    opened = database_of(address_of(address), make=True)
    await opened.write(migrate)
    yield opened
    await opened.close()


class Consumer:
    """What the projector needs of a consumer: records that are there, and where to go on."""

    def __init__(self) -> None:
        self.sought: dict[TopicPartition, int] = {}

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.sought[place] = offset


def record(offset: int, value: bytes) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord("p.inbox", 0, offset, TIME // 1000, 0, b"tenant1", value, None, 7, len(value), ())


def report(name: str, **fields: Any) -> bytes:
    event = ProblemReported(
        event_id=name, tenant="tenant1", occurred_at=TIME, recorded_at=TIME, problem=problem(1), **fields
    )
    return encode(event)


async def taken_up(database: Database, *values: bytes) -> tuple[Projector, Consumer, dict[str, int]]:
    found: dict[str, int] = {}
    projector = Projector(
        ProjectorSettings("", "p.", keeping_of("")), database, SchemaBook(), nothing_more,
        lambda applied: found.update(applied.unreadable),
    )  # fmt: skip
    consumer, place = Consumer(), TopicPartition("p.inbox", 0)
    records = [record(offset, value) for offset, value in enumerate(values)]
    await projector._take_all(consumer, {place: records})
    return projector, consumer, found


async def noted(database: Database) -> list[tuple[Any, ...]]:
    asked = select(unreadable.c.offset, unreadable.c.reason)
    return await database.read(lambda c: [tuple(row) for row in c.execute(asked)])


async def test_what_cannot_be_read_is_noted_and_the_rest_taken_up(database: Database) -> None:
    _, _, counted = await taken_up(database, report("one"), b"garbage", b"", report("two"))
    assert {row[1] for row in (await database.read(dump))["problems"]} == {"one", "two"}
    assert await noted(database) == [(1, "not_framed"), (2, "empty")]
    assert counted == {"not_framed": 1, "empty": 1}


async def test_what_the_database_does_not_take_is_noted_and_the_rest_taken_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def puts(turn: Any, taken: Taken) -> None:
        if b"odd" in taken.value:  # more than any integer of theirs
            turn.changes.put(
                "activity", dict.fromkeys(activity.c.keys()) | {"tenant": "a", "id": "b", "at": 2**70, "kind": ""}
            )
        else:
            real(turn, taken)

    real = put_rows
    monkeypatch.setattr(batches, "put_rows", puts)
    await taken_up(database, report("one"), report("odd"), report("two"))
    assert {row[1] for row in (await database.read(dump))["problems"]} == {"one", "two"}
    assert await noted(database) == [(1, "unprojectable")]


async def test_a_fault_of_ours_in_one_record_stops_no_other(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def puts(turn: Any, taken: Taken) -> None:
        if b"odd" in taken.value:
            raise KeyError("a secret in the text of an error")
        real(turn, taken)

    real = put_rows
    monkeypatch.setattr(batches, "put_rows", puts)
    await taken_up(database, report("one"), report("odd"), report("two"))
    assert {row[1] for row in (await database.read(dump))["problems"]} == {"one", "two"}
    assert await noted(database) == [(1, "unprojectable")]


async def test_what_a_later_release_wrote_waits_and_nothing_behind_it_is_passed(database: Database) -> None:
    later = b"\0" + (1999).to_bytes(4, "big") + b"?"
    projector, consumer, _ = await taken_up(database, report("one"), report("two"), later, report("three"))
    assert {row[1] for row in (await database.read(dump))["problems"]} == {"one", "two"}
    assert consumer.sought == {TopicPartition("p.inbox", 0): 2}
    assert await noted(database) == []
    assert "start a later release" in str(projector._waiting)


@pytest.mark.parametrize("secret", CANARIES.values(), ids=CANARIES)
async def test_secrets_of_a_foreign_producer_are_in_no_row(database: Database, secret: str) -> None:
    [(topic, _, event)] = reported_once()
    assert isinstance(event, ProblemReported)
    told = msgspec.structs.replace(event.problem, text=f"it says {secret}", args=[secret], fix_hint={"en": secret})
    event = msgspec.structs.replace(event, problem=told, raw=msgspec.json.encode({"comment": secret}))
    batch = [Taken(topic, 0, 0, TIME // 1000, b"", encode(event), event=event)]
    await database.write(lambda c: apply(c, batch, {}, nothing_more))
    rows = repr(await database.read(dump))
    assert [part for part in SECRETS if part in rows] == []
    assert "report1" in rows


async def test_what_a_tenant_calls_secret_is_in_no_row(database: Database) -> None:
    [(topic, _, event)] = reported_once()
    assert isinstance(event, ProblemReported)
    event = msgspec.structs.replace(event, raw=b'{"personnummer": "811218-9876"}', raw_media_type="application/json")
    batch = [Taken(topic, 0, 0, TIME // 1000, b"", encode(event), event=event)]
    redaction = Redaction(members=("personnummer",))
    await database.write(lambda c: apply(c, batch, {}, lambda tenant: redaction))
    assert "811218" not in repr(await database.read(dump))
