"""Writes docs/codes.md from the catalogue: `python -m tocsin.connectors.catalogue.document`, in the repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tocsin.connectors.catalogue.catalogue import Catalogue
from tocsin.connectors.catalogue.entries import SourceFile
from tocsin.connectors.catalogue.languages import DEFAULT

FILE = Path("docs/codes.md")
"""Where the page lies in the repository."""

_HEAD = """# Problem codes

Written by `make documents` from `connectors/tocsin/connectors/catalogue/codes/`: change that. What the bus knows of
codes, source by source; `GET /v1/codes/CODE` and `tocsin codes show CODE` say it in {languages}, with who can put it
right and what to do. A code that says more (`e.p.xfer.cant-use-endpoint.https`) is explained by the longest beginning
that stands here; any other code is told as it is. A limit notice of the bus has one code whatever the limit, and is
explained by its limit.
"""


def document() -> str:
    """The whole page in Markdown: a table of codes for each source."""
    catalogue = Catalogue.load()
    head = _HEAD.format(languages=", ".join(catalogue.languages))
    chapters = (_chapter(catalogue, name, source) for name, source in catalogue.sources.items())
    return "\n".join([head, *(line for chapter in chapters for line in chapter)])


def _chapter(catalogue: Catalogue, name: str, source: SourceFile) -> Iterator[str]:
    yield f"## {source.source}\n"
    ours = source.address.removeprefix("docs/")
    yield f"{source.address}\n" if ours == source.address else f"[{ours}]({ours})\n"
    yield from ("| code | severity | what it is | who can put it right | again? |", "| --- | --- | --- | --- | --- |")
    for entry in catalogue.entries:
        if entry.file == name:
            title = entry.texts[DEFAULT].title.replace("|", "\\|")
            yield f"| `{entry.code}` | {entry.severity} | {title} | {entry.fixer} | {entry.retry} |"
    yield ""


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
