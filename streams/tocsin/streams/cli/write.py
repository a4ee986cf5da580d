"""`tocsin write`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.connectors.dialects import DIALECTS, NotAProblem, read_document, write_document
from tocsin.connectors.publish import NothingToPublish
from tocsin.streams.cli.documents import bytes_of, check_dialect, existing
from tocsin.streams.cli.showing import show_json


def run(
    dialect: Annotated[str, typer.Option(help=f"The dialect to write: {', '.join(DIALECTS)}.")],
    file: Annotated[
        Path | None,
        typer.Argument(dir_okay=False, callback=existing, help="A canonical problem; else stdin."),
    ] = None,
    source: Annotated[str, typer.Option("--from", help="The dialect of FILE, or auto.")] = "canonical",
) -> None:
    """Write a canonical problem in another dialect, strictly conformant; exit 65 when the dialect cannot say it."""
    check_dialect(dialect)
    found = read_document(bytes_of(file), source)
    if isinstance(found, NotAProblem):
        raise NothingToPublish(found.why)
    show_json(write_document(found, dialect))
