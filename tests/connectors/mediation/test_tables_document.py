"""MEDIATION.md is what the generator writes, and its tables have as many cells in each row."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from tocsin.connectors.mediation.tables_document import FILE, document

ROOT = Path(__file__).parents[3]


def test_the_document_is_what_the_generator_writes() -> None:
    written = (ROOT / FILE).read_text("utf-8")
    assert written == document(), "run: python -m tocsin.connectors.mediation.tables_document"


def test_every_row_of_a_table_has_the_same_number_of_cells() -> None:
    blocks = groupby(document().splitlines(), key=lambda line: line.startswith("|"))
    tables = [[len(re.split(r"(?<!\\)\|", line)) for line in lines] for is_table, lines in blocks if is_table]
    assert len(tables) == 7
    assert all(len(set(cells)) == 1 for cells in tables)
