"""The schema: made, brought up to date with what is in it, refused when it is a later one's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, insert, select, text

from tocsin.connectors.store import Store, StoreTooNew, StoreTooOld, StoreUnavailable, address_of
from tocsin.connectors.store.columns import METADATA
from tocsin.connectors.store.database import database_of
from tocsin.connectors.store.migrating import VERSION_TABLE, migrate, missing, newest, next_step
from tocsin.connectors.store.tables import cases, problems
from tocsin.connectors.store.words import words_of


def _differences(connection: Connection) -> list[Any]:
    def ours(thing: Any, name: str | None, kind: str, reflected: bool, against: Any) -> bool:
        words = (name or "").startswith("problems_words") or name in ("vector", "problems_vector")
        return not (words and reflected)

    options = {"version_table": VERSION_TABLE, "include_object": ours, "compare_type": False}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


async def test_the_migrations_make_what_the_tables_say(address: str) -> None:
    database = database_of(address_of(address), make=True)
    assert await database.write(migrate) == ["0001", "0002", "0003", "0004", "0005"]
    assert await database.write(migrate) == []
    assert await database.read(_differences) == []
    await database.close()


async def test_two_that_start_together_bring_it_up_to_date_once(address: str) -> None:
    first, second = (database_of(address_of(address), make=True) for _ in range(2))
    done = await asyncio.gather(first.write(migrate), second.write(migrate))
    assert sorted(done) == [[], ["0001", "0002", "0003", "0004", "0005"]]
    await first.close()
    await second.close()


async def test_each_migration_is_a_transaction_of_its_own(address: str) -> None:
    database = database_of(address_of(address), make=True)
    left = [await database.read(missing)]
    while done := await database.write(next_step):
        assert len(done) == 1
        left.append(await database.read(missing))
    assert left == [5, 4, 3, 2, 1, 0]
    await database.close()


async def test_what_an_earlier_schema_held_is_found_after_it_was_brought_up_to_date(address: str) -> None:
    database = database_of(address_of(address), make=True)
    await database.write(lambda connection: migrate(connection, "0001"))
    row = {"tenant": "a", "id": "1", "known_by": 2, "at": 5, "code": "e.p.xfer", "words": words_of("a", ["No road"])}
    await database.write(lambda connection: connection.execute(insert(problems), row))
    async with Store(address_of(address)) as store:
        with pytest.raises(StoreTooOld, match="schema 0001"):
            await store.reader("a").problem("1")
        assert await database.write(migrate) == ["0002", "0003", "0004", "0005"]
        assert [line.id for line in (await store.reader("a").search("road")).items] == ["1"]
    await database.close()


async def test_a_case_of_an_earlier_schema_counts_all_of_its_reports_then(address: str) -> None:
    database = database_of(address_of(address), make=True)
    await database.write(lambda connection: migrate(connection, "0003"))
    reports = [
        {"tenant": "a", "id": str(at), "known_by": 2, "at": at, "case_id": case, "decided_at": at + 1}
        for at, case in ((1, "told"), (2, "told"), (3, "forgotten"))
    ]
    told = [
        {"tenant": "a", "id": "told", "count": 1, "at": 2, "opened_at": 2},
        {"tenant": "a", "id": "forgotten", "count": 7, "at": 9, "opened_at": 2},
        {"tenant": "b", "id": "told", "count": 1, "at": 2, "opened_at": 2},
    ]
    await database.write(lambda connection: connection.execute(insert(problems), reports))
    await database.write(lambda connection: connection.execute(insert(cases), told))
    assert await database.write(migrate) == ["0004", "0005"]
    columns = (cases.c.tenant, cases.c.id, cases.c.count, cases.c.at)
    found = await database.read(lambda connection: sorted(tuple(row) for row in connection.execute(select(*columns))))
    assert found == [("a", "forgotten", 7, 9), ("a", "told", 2, 3), ("b", "told", 1, 2)]
    await database.close()


async def test_a_later_schema_is_refused_and_left_as_it_is(address: str) -> None:
    database = database_of(address_of(address), make=True)
    await database.write(migrate)
    later = text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    await database.write(lambda connection: connection.execute(later))
    with pytest.raises(StoreTooNew, match=f"9999.*up to {newest()}"):
        await database.write(migrate)
    async with Store(address_of(address)) as store:
        with pytest.raises(StoreTooNew):
            await store.reader("a").problem("1")
    asked = text(f"SELECT version_num FROM {VERSION_TABLE}")
    assert await database.read(lambda connection: connection.execute(asked).scalar()) == "9999"
    await database.close()


async def test_a_store_that_is_not_there_is_not_made_by_a_reader(tmp_path: Any) -> None:
    async with Store(address_of(f"sqlite:///{tmp_path / 'none.db'}")) as store:
        with pytest.raises(StoreUnavailable, match=r"none\.db"):
            await store.reader("a").problem("1")
    assert list(tmp_path.iterdir()) == []
