"""Every block of code of every page is run by a test, or it is said why not (blocks.yaml)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from deploy.site.source import ROOT
from tests.snippets.blocks import Block, Row, blocks, pages, table

SHOWN = [page for page in pages() if any(True for _ in blocks(page))]
TABLE = table()
ROWS = [(page, row) for page, said in TABLE.items() for row in ([Row("", said)] if isinstance(said, str) else said)]


def said_of(page: str) -> str | list[Row]:
    """What the table says of a page, itself or its folder."""
    folder = page.rpartition("/")[0] + "/"
    return TABLE.get(page, TABLE.get(folder, []))


def differences(page: str, shown: Sequence[Block], rows: Sequence[Row]) -> list[str]:
    """Where a page and its rows do not go together: from top to bottom each block has its row."""
    found, left = [], list(rows)
    for one in shown:
        if left and one.text.startswith(left[0].begins):
            left.pop(0)
        else:
            found.append(f"{page}:{one.line}: {one.text.splitlines()[0][:60]}")
    return [*found, *(f"{page}: no block begins with {row.begins!r} here" for row in left)]


@pytest.mark.parametrize("page", SHOWN)
def test_every_block_is_in_the_table(page: str) -> None:
    said = said_of(page)
    if not isinstance(said, str):
        assert differences(page, list(blocks(page)), said) == [], "tests/snippets/blocks.yaml: run by which test?"


@pytest.mark.parametrize(("page", "row"), ROWS, ids=[f"{page} {row.begins.splitlines()[:1]}" for page, row in ROWS])
def test_the_test_is_there_and_knows_the_page(page: str, row: Row) -> None:
    file = ROOT / row.test
    assert file.is_file()
    if not row.unrun:
        beside = [
            one.read_text("utf-8") for one in {file, *file.parent.glob("*.py"), ROOT / "tests/worked_examples.py"}
        ]
        words = (
            ("cookbook", "contributing")
            if page.endswith("/")
            else (page.rpartition("/")[2], page.rpartition("/")[2][:-3])
        )
        assert any(word in text for word in words for text in beside), "it does not read the page"


def test_the_table_has_pages_that_there_are() -> None:
    assert [page for page in TABLE if not (ROOT / page).exists()] == []


# the blocks, the rows -> what is said
FOUND = {
    "all is well": (["a 1", "b 2"], ["a", "b"], []),
    "a new block": (["a 1", "c 3", "b 2"], ["a", "b"], ["p:2: c 3"]),
    "a block that is gone": (["a 1"], ["a", "b"], ["p: no block begins with 'b' here"]),
}


@pytest.mark.parametrize(("shown", "rows", "said"), FOUND.values(), ids=list(FOUND))
def test_a_new_block_is_seen(shown: list[str], rows: list[str], said: list[str]) -> None:
    found = [Block("p", "sh", number, text) for number, text in enumerate(shown, 1)]
    assert differences("p", found, [Row(begins, "t") for begins in rows]) == said
