"""The list of peers looks at a bounded number of reports, with as many questions however many peers there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert

from tocsin.connectors.store import address_of
from tocsin.connectors.store.database import database_of
from tocsin.connectors.store.migrating import migrate
from tocsin.connectors.store.queries import peers as queries
from tocsin.connectors.store.scope import Scope
from tocsin.connectors.store.tables import problems, violations


async def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "LOOKED_THROUGH", 40)
    database = database_of(address_of(f"sqlite:///{tmp_path / 'store.db'}"), make=True)
    await database.write(migrate)
    reports = [
        {"tenant": "a", "id": str(at), "known_by": 2, "at": at, "sender": sender, "connection": connection}
        for at in range(50)
        for sender, connection in [("bob", None) if at % 2 else (None, f"c-{at % 20}")]
    ]
    broken = [
        {"tenant": "a", "peer": f"c-{number}", "rule": "r", "dialect": "d", "day": 0, "count": 1, "first_at": 1,
         "last_at": 9}
        for number in range(0, 20, 2)
    ]  # fmt: skip
    await database.write(lambda connection: connection.execute(insert(problems), reports))
    await database.write(lambda connection: connection.execute(insert(violations), broken))

    def asked(connection: Connection) -> tuple[list[queries.PeerLine], int]:
        statements: list[str] = []
        event.listen(connection, "before_cursor_execute", lambda *call: statements.append(call[2]))
        lines = queries.peer_lines(Scope(connection, "a"), 0)
        return lines, sum(one.startswith("SELECT") for one in statements)

    lines, questions = await database.read(asked)
    await database.close()
    found = {line.peer: (line.reports, line.count, line.last_at) for line in lines}
    assert found["bob"] == (20, 0, 49)
    assert (found["c-0"], found["c-18"]) == ((2, 1, 40), (2, 1, 38))
    assert (len(found), questions) == (11, 3)
