"""What a batch asks before its rows are made: it is looked up by a key, and found of whichever tenant it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from tocsin.connectors.store import address_of
from tocsin.connectors.store.database import Database, database_of
from tocsin.connectors.store.migrating import migrate
from tocsin.connectors.store.tables import erased, erasures, problems
from tocsin.streams.projector.looking import erased_ids, erasures_of, known_problems

Ask = Callable[[Connection], Sequence[Any]]

ODD = "'\"\\,[1]é\u2028"
QUESTIONS: dict[str, tuple[Ask, list[tuple[Any, ...]]]] = {
    "problems of two tenants": (
        lambda connection: known_problems(connection, {("a", ODD), ("b", "1"), ("b", "2"), ("c", "1")}),
        [("a", ODD, 2, None), ("b", "1", 0, 7)],
    ),
    "erasures of two tenants": (
        lambda connection: erasures_of(connection, {"a", "c"}),
        [("a", "", 5), ("a", "subject", 6)],
    ),
    "ids that were erased": (
        lambda connection: erased_ids(connection, {("a", ODD), ("b", ODD), ("b", "1")}),
        [("a", ODD), ("b", "1")],
    ),
    "nothing": (lambda connection: known_problems(connection, set()), []),
}


@pytest.mark.parametrize(("ask", "wanted"), QUESTIONS.values(), ids=QUESTIONS)
async def test_what_was_asked_for_is_found(address: str, ask: Ask, wanted: list[tuple[Any, ...]]) -> None:
    database = await _filled(address)
    try:
        assert sorted(tuple(row) for row in await database.read(ask)) == wanted
    finally:
        await database.close()


@pytest.mark.parametrize("ask", [ask for ask, wanted in QUESTIONS.values() if wanted], ids=[*QUESTIONS][:-1])
async def test_it_is_looked_up(tmp_path: Path, ask: Ask) -> None:
    def plan(connection: Connection) -> list[str]:
        asked: list[tuple[str, Any]] = []
        event.listen(connection, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        ask(connection)
        statement, values = asked[-1]  # SQLite's BEGIN is before it
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]

    database = await _filled(f"sqlite:///{tmp_path / 'store.db'}")
    asked_for, *looked_up = await database.read(plan)
    await database.close()
    assert asked_for.startswith("SCAN asked")
    assert [step.split(" ")[0] for step in looked_up] == ["SEARCH"]


async def _filled(address: str) -> Database:
    database = database_of(address_of(address), make=True)
    await database.write(migrate)

    def fill(connection: Connection) -> None:
        row = {"tenant": "b", "id": "1", "known_by": 0, "at": 1, "decided_at": 7}
        others = [{**row, "id": "3"}, {**row, "tenant": "a", "id": ODD, "known_by": 2, "decided_at": None}]
        connection.execute(insert(problems), [row, *others])
        connection.execute(insert(erased), [{"tenant": "a", "id": ODD}, {"tenant": "b", "id": "1"}])
        found = [("a", "", 5), ("a", "subject", 6), ("b", "", 7)]
        rows = [dict(zip(("tenant", "subject", "before"), one, strict=True)) | {"by": "ann"} for one in found]
        connection.execute(insert(erasures), rows)

    await database.write(fill)
    return database
