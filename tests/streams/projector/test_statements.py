"""No column is forgotten: each is written by a statement, and a statement takes all that a row has."""

from __future__ import annotations

import pytest
from sqlalchemy.dialects.sqlite import dialect

from tocsin.connectors.store.columns import METADATA
from tocsin.streams.projector.statements import BUILDS, compiled

BY_THE_DATABASE = {"problems": {"seq"}}
"""Columns that no statement writes, by table: the database counts them itself."""


@pytest.mark.parametrize("table", METADATA.tables)
def test_each_column_is_written(table: str) -> None:
    made = [compiled(name, dialect()) for name in BUILDS]
    written = {member for changed, _, names in made if changed.name == table for member in names}
    columns = {column.name for column in METADATA.tables[table].c}
    assert columns - written == BY_THE_DATABASE.get(table, set()), "see projector/statements.py"
