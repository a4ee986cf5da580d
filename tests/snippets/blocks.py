"""The blocks of code of every page that people read, and the table that says what shows each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from textwrap import dedent

from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec import Struct
from ruamel.yaml import YAML

from deploy.site.source import ROOT, shown

TABLE = Path(__file__).with_name("blocks.yaml")
LEFT_OUT = ("CHANGELOG.md",)


class Block(Struct, frozen=True):
    """One block: its page, kind (`sh`, `python`, ...; empty: none said), line and text."""

    page: str
    kind: str
    line: int
    text: str


class Row(Struct, frozen=True):
    """What the table says of a block that begins with `begins`: the test that runs it, or why none does and which test
    checks what can be checked of it."""

    begins: str
    test: str
    unrun: str = ""


def pages() -> list[str]:
    """Every page of Markdown that the site shows."""
    return [path for path in shown() if path.endswith(".md") and path not in LEFT_OUT]


@cache
def _tokens(page: str) -> list[Token]:
    return MarkdownIt().enable("table").parse((ROOT / page).read_text("utf-8"))


def blocks(page: str) -> Iterator[Block]:
    """Those of a page, fenced or indented, from top to bottom."""
    for token in _tokens(page):
        if token.type in ("fence", "code_block") and token.map is not None:
            yield Block(page, token.info.strip(), token.map[0] + 1, dedent(token.content))


def block(page: str, begins: str) -> str:
    """The text of the one that begins so."""
    (found,) = [one.text for one in blocks(page) if one.text.startswith(begins)]
    return found


def inline(page: str) -> Iterator[str]:
    """What stands in the running text and the tables as code."""
    for token in _tokens(page):
        for child in token.children or ():
            if child.type == "code_inline":
                yield " ".join(child.content.split())


def table() -> Mapping[str, str | list[Row]]:
    """Page -> the test that shows all blocks of it, whichever they are, or a row for each."""
    document = YAML(typ="safe").load(TABLE.read_text("utf-8"))
    return {page: said if isinstance(said, str) else list(map(_row, said)) for page, said in document.items()}


def _row(said: Mapping[str, str]) -> Row:
    ((begins, test),) = [(key, value) for key, value in said.items() if key != "unrun"]
    return Row(str(begins), test, said.get("unrun", ""))
