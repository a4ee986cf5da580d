"""`tocsin read | write`: one problem document, understood from or written in a dialect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.connectors.dialects import AUTO, DIALECTS, NotAProblem, Unreadable, read_document, write_document
from tocsin.connectors.publish import NothingToPublish
from tocsin.connectors.publish.reading import read_facts
from tocsin.streams.cli.documents import bytes_of, check_dialect, existing
from tocsin.streams.cli.output import show_json
from tocsin.streams.processes.exit_codes import BAD_INPUT


def read(
    file: Annotated[
        Path | None, typer.Argument(dir_okay=False, callback=existing, help="A document; else stdin.")
    ] = None,
    dialect: Annotated[str, typer.Option(help=f"{', '.join(DIALECTS)}, auto, or code for a bare problem code.")] = AUTO,
) -> None:
    """Print what the reader understands, as one JSON object; unreadable: {"error": true, ...} and exit 65."""
    raw = bytes_of(file)
    try:
        found = read_facts(raw, dialect)
    except Unreadable as unreadable:
        kind = str(unreadable.reason)
        show_json({"error": True, "error_kind": kind, "pointer": unreadable.pointer, "expected": unreadable.expected})
        raise typer.Exit(BAD_INPUT) from None
    show_json(found)


def write(
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
