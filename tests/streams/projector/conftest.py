"""The stores that these tests fill: one of each database, emptied by whoever uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import dialect

from tests.harness.databases import emptied
from tocsin.streams.projector import batch
from tocsin.streams.projector.statements import BUILDS, carry_out, compiled


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store, as TOCSIN_STORE has it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return emptied(request.getfixturevalue("postgres"))


@pytest.fixture(autouse=True)
def nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever these tests put into a row is taken by its statement, which asks only for what it knows."""
    taken = {name: {*compiled(name, dialect())[2]} for name in BUILDS}

    def checked(connection: Connection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            assert row.keys() <= taken[name], f"the statement {name} drops {row.keys() - taken[name]}"
        carry_out(connection, name, rows)

    monkeypatch.setattr(batch, "carry_out", checked)
