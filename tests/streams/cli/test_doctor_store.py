"""What `tocsin doctor` says of the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from tocsin.connectors.store import address_of
from tocsin.connectors.store.database import database_of
from tocsin.connectors.store.migrating import VERSION_TABLE, migrate
from tocsin.streams.cli.doctor_checks import Level
from tocsin.streams.cli.doctor_store import store_checks
from tocsin.streams.settings import Settings


def later(connection: Connection) -> None:
    migrate(connection)
    connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))


def taken_up(connection: Connection) -> None:
    migrate(connection)
    connection.execute(text("INSERT INTO offsets VALUES ('inbox', 0, 7, 1000)"))


STORES: dict[str, tuple[Callable[[Connection], object] | None, Level, str]] = {
    "it is not there": (None, Level.WARN, "is not there"),
    "an earlier release made it": (lambda c: migrate(c, "0001"), Level.WARN, "schema 0001"),
    "a later release made it": (later, Level.FAIL, "later release"),
    "it is empty": (migrate, Level.OK, "nothing is in it yet"),
    "it is filled, and has been quiet": (taken_up, Level.OK, "7 records taken up; its last record is"),
}


@pytest.mark.parametrize(("made", "level", "said"), STORES.values(), ids=STORES)
async def test_the_store(tmp_path: Path, made: Callable[[Connection], object] | None, level: Level, said: str) -> None:
    if made is not None:
        database = database_of(address_of(f"sqlite:///{tmp_path / 'store.db'}"), make=True)
        await database.write(made)
        await database.close()
    [check] = await store_checks(Settings(home=tmp_path))
    assert (check.level, said in check.detail) == (level, True), check.detail


async def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    [check] = await store_checks(Settings(home=tmp_path, store="postgresql://ann:s3cr3t@127.0.0.1:1/x"))
    assert check.level is Level.FAIL
    assert "s3cr3t" not in check.line()
