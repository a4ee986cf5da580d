"""SQLite, which keeps no statistics, looks up what is asked for, and does not go through all of a tenant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from tests.harness.databases import emptied
from tocsin.connectors.store import address_of
from tocsin.connectors.store.database import database_of
from tocsin.connectors.store.loops import LOOP_REASONS
from tocsin.connectors.store.migrating import migrate
from tocsin.connectors.store.queries.cases import reports_in
from tocsin.connectors.store.queries.deliveries import told_about, told_of
from tocsin.connectors.store.queries.numbers import HOUR
from tocsin.connectors.store.queries.peers import is_known, of_peer, stopped_loops
from tocsin.connectors.store.scope import Scope
from tocsin.connectors.store.tables import problems

QUESTIONS: dict[str, Callable[[Scope], object]] = {
    "what a search found": lambda scope: scope.placed([problems.c.code], range(1, 52)),
    "what a peer sent": lambda scope: of_peer(scope, "did:example:bob", 1),
    "whether a peer is known": lambda scope: is_known(scope, "did:example:bob"),
    "who is told of a problem and its case": lambda scope: told_of(scope, ["report", "case"], 50),
    "who is told of a case": lambda scope: told_about(scope, "report", "case", 50),
    "how often cases were reported": lambda scope: reports_in(scope, ["a", "b"], [0, HOUR], HOUR),
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
async def test_it_is_looked_up(tmp_path: Path, ask: Callable[[Scope], object]) -> None:
    found = await _searches(tmp_path, ask)
    assert found
    assert not [step for step in found if step.endswith("(tenant=?)")]


async def test_what_was_stopped_is_found_by_the_index_of_that(tmp_path: Path) -> None:
    found = await _searches(tmp_path, lambda scope: stopped_loops(scope, 1))
    wanted = "SEARCH problems USING INDEX problems_stopped_at (tenant=? AND reason=? AND at>?)"
    assert found == [wanted] * len(LOOP_REASONS)


async def _searches(tmp_path: Path, ask: Callable[[Scope], object]) -> list[str]:
    database = database_of(address_of(f"sqlite:///{tmp_path / 'store.db'}"), make=True)
    await database.write(migrate)

    def plan(connection: Connection) -> list[str]:
        asked: list[tuple[str, Any]] = []

        def note(*call: Any) -> None:
            asked.append((call[2], call[3]))

        event.listen(connection, "before_cursor_execute", note)
        ask(Scope(connection, "tenant"))
        steps: list[str] = []
        for statement, values in list(asked):
            steps += [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
        return [step for step in steps if step.startswith("SEARCH")]

    found = await database.read(plan)
    await database.close()
    return found


async def test_postgresql_counts_the_reports_of_a_case_by_its_index(postgres: str) -> None:
    """Once it has statistics: of an empty table it takes whatever index begins with the tenant."""
    database = database_of(address_of(emptied(postgres)), make=True)
    await database.write(migrate)
    rows = [
        {"tenant": "tenant", "id": str(number), "known_by": 2, "at": number, "case_id": f"case-{number % 200}"}
        for number in range(4000)
    ]
    await database.write(lambda connection: connection.execute(insert(problems), rows))
    await database.write(lambda connection: connection.exec_driver_sql("ANALYZE problems"))

    def plan(connection: Connection) -> list[str]:
        asked: list[tuple[str, Any]] = []

        def note(*call: Any) -> None:
            asked.append((call[2], call[3]))

        event.listen(connection, "before_cursor_execute", note)
        reports_in(Scope(connection, "tenant"), ["case-1", "case-2"], [0, HOUR], HOUR)
        statement, values = asked[0]
        return [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", values)]

    found = await database.read(plan)
    await database.close()
    assert any("problems_case_id_at" in step for step in found), found
    assert not any("Seq Scan on problems" in step for step in found), found
