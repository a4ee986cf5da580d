"""What is erased is in no row and, on SQLite, in no byte; it does not come again, and nobody else loses anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.projected import HOUR, STEPS, TIME, Log, dump, log_of, nothing_more, problem
from tocsin.connectors.store import address_of
from tocsin.connectors.store.database import Database, database_of
from tocsin.connectors.store.migrating import migrate
from tocsin.schemas.events import Event, OverrideSet, ProblemReported
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.projector.batch import Applied, apply
from tocsin.streams.projector.erasing import erase
from tocsin.streams.projector.erasures import SETTING, Erasure, subject_of, value_of
from tocsin.streams.projector.keeping import empty, keeping_of
from tocsin.streams.projector.projector import Projector, ProjectorSettings

MALLORY = "did:example:1"
"""The sender of every second problem of tests/harness/projected.py."""
AFTER = TIME + 1000 * HOUR


@pytest.fixture
async def database(address: str) -> AsyncIterator[Database]:
    opened = database_of(address_of(address), make=True)
    await opened.write(migrate)
    yield opened
    await opened.close()


def stories() -> list[tuple[str, str, Event]]:
    events: list[tuple[str, str, Event]] = []
    for number in range(12):
        base = {"tenant": f"tenant{number % 2}", "occurred_at": TIME + number, "recorded_at": TIME + number}
        for step in STEPS[1:]:
            events += step(number, f"report{number}", f"case{number % 6}", base)
    return events


async def fill(database: Database, log: Log, places: list[tuple[str, int]] | None = None) -> list[Applied]:
    return [
        await database.write(lambda c: apply(c, log[place], {place: 0}, nothing_more))  # noqa: B023
        for place in (places or sorted(log))
    ]


async def test_what_names_a_subject_is_gone_and_the_rest_stays(database: Database) -> None:
    log = log_of(stories())
    await fill(database, log)
    before = await database.read(dump)
    counts = await database.write(lambda c: erase(c, "tenant1", MALLORY, AFTER, "ann"))
    assert counts["problems"] == 6
    assert counts["deliveries"] == 6
    after = await database.read(dump)
    assert MALLORY not in repr(after)
    assert b"did:example:1" not in repr(after).encode()
    for table, rows in before.items():
        assert [row for row in after[table] if "tenant0" in row] == [row for row in rows if "tenant0" in row], table


async def test_a_subject_that_stands_only_in_a_document_is_found(database: Database) -> None:
    base = {"tenant": "tenant1", "occurred_at": TIME, "recorded_at": TIME}
    told = problem(1, context_ids=["did:example:eve#key-1"])
    other = problem(1, context_ids=["did:example:evelyn"])
    events: list[tuple[str, str, Event]] = [
        ("inbox", "tenant1", ProblemReported(event_id=name, problem=found, **base))  # type: ignore[arg-type]
        for name, found in (("of-eve", told), ("of-evelyn", other))
    ]
    await fill(database, log_of(events))
    assert await database.write(lambda c: erase(c, "tenant1", "did:example:eve", AFTER, "ann")) == {"problems": 1}
    assert [row[1] for row in (await database.read(dump))["problems"]] == ["of-evelyn"]


async def test_it_does_not_come_again_when_the_store_is_made_anew(database: Database) -> None:
    log = log_of(stories())
    await fill(database, log)
    await database.write(lambda c: erase(c, "tenant1", MALLORY, AFTER, "ann"))
    await database.write(empty)
    # whatever is read first: what was decided of a report, or the report
    applied = await fill(database, log, sorted(log, reverse=True))
    assert sum(one.erased for one in applied) > 0
    found = await database.read(dump)
    assert MALLORY not in repr(found)
    assert not [row for table in ("problems", "deliveries") for row in found[table] if "tenant1" in row]
    assert [row for row in found["problems"] if "tenant0" in row]


async def test_a_store_made_from_nothing_learns_it_from_settings(database: Database) -> None:
    whom = subject_of("tenant1", MALLORY)
    erasure = Erasure("tenant1", whom, AFTER, "ann")
    event = OverrideSet(
        event_id="e", tenant="tenant1", occurred_at=TIME, recorded_at=TIME, setting=SETTING, by="ann",
        override=f"{SETTING}/x", value=value_of(erasure),
    )  # fmt: skip
    log = log_of([("settings", "override/x", event), *stories()])
    await fill(database, log, [("settings", 0), *(place for place in sorted(log) if place[0] != "settings")])
    found = await database.read(dump)
    assert MALLORY not in repr(found)
    assert [row for row in found["problems"] if "tenant0" in row]


async def test_what_comes_after_it_is_taken_up(database: Database) -> None:
    log = log_of(stories())
    await database.write(lambda c: erase(c, "tenant1", MALLORY, TIME - HOUR, "ann"))
    await fill(database, log)
    assert MALLORY in repr(await database.read(dump))


async def test_a_whole_tenant(database: Database) -> None:
    log = log_of(stories())
    await fill(database, log)
    before = await database.read(dump)
    await database.write(lambda c: erase(c, "tenant1", None, AFTER, "ann"))
    await database.write(empty)
    await fill(database, log)
    found = await database.read(dump)
    for table, rows in before.items():
        assert found[table] == [row for row in rows if "tenant1" not in row], table


def holding(folder: Path, part: bytes) -> list[str]:
    return [file.name for file in folder.iterdir() if part in file.read_bytes()]


async def test_no_byte_of_it_is_left_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    database = database_of(address_of(f"sqlite:///{path}"), make=True)
    await database.write(migrate)
    await fill(database, log_of(stories()))
    assert holding(tmp_path, MALLORY.encode()) != []
    await database.write(lambda c: erase(c, "tenant1", MALLORY, AFTER, "ann"))
    await database.settle()
    assert holding(tmp_path, MALLORY.encode()) == []
    await database.close()


async def test_old_rows_go_by_kind_and_tenant(database: Database) -> None:
    await fill(database, log_of(stories()))
    keeping = keeping_of("problems=1,tenant1:problems=3000,counts=1")
    projector = Projector(ProjectorSettings("", "", keeping), database, SchemaBook(), nothing_more)
    day = 24 * HOUR
    await projector.forget_now(TIME + 10 * day)
    found = await database.read(dump)
    assert {row[0] for row in found["problems"]} == {"tenant1"}
    assert found["counts"] == []
    assert found["deliveries"], "another kind, which is kept longer"
    assert {row[0] for row in found["cases"]} == {"tenant1"}


@pytest.mark.parametrize("wrong", ["problems", "problems=0", "nothing=3", "a b:problems=3", "problems=-1"])
def test_what_says_how_long_is_checked(wrong: str) -> None:
    with pytest.raises(ValueError, match="expected KIND=DAYS"):
        keeping_of(wrong)
