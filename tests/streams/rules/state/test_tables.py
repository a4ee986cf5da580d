"""The keys of tables are those of `row_key`, which rows that were written before have."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from tests.harness.dict_rows import DictRows
from tocsin.streams.rules.state import MAX_KEY_PART, CaseRow, row_key
from tocsin.streams.rules.state.keys import key_part
from tocsin.streams.rules.state.tables import Table

_PARTS = st.text("ab/%", max_size=4) | st.sampled_from(["x" * MAX_KEY_PART, "x" * (MAX_KEY_PART + 1)])


@given(_PARTS, st.lists(_PARTS, max_size=3))
def test_a_table_spells_keys_as_row_key_does(scope: str, ids: list[str]) -> None:
    table = Table(SimpleNamespace(rows=DictRows(), scope=key_part(scope)), CaseRow, "case")
    assert (table.key(*ids) if ids else table.own_key()) == row_key("case", scope, *ids)
