"""`tocsin read`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.connectors.dialects import AUTO, DIALECTS, Unreadable
from tocsin.connectors.dialects.facts import code_facts, document_facts
from tocsin.streams.cli.documents import bytes_of, existing
from tocsin.streams.cli.failures import BAD_INPUT
from tocsin.streams.cli.showing import show_json

CODE = "code"
"""The dialect of a bare problem code."""


def run(
    file: Annotated[
        Path | None, typer.Argument(dir_okay=False, callback=existing, help="A document; else stdin.")
    ] = None,
    dialect: Annotated[str, typer.Option(help=f"{', '.join(DIALECTS)}, auto, or code for a bare problem code.")] = AUTO,
) -> None:
    """Print what the reader understands, as one JSON object; unreadable: {"error": true, ...} and exit 65."""
    raw = bytes_of(file)
    try:
        found = code_facts(raw) if dialect == CODE else document_facts(raw, dialect)
    except Unreadable as unreadable:
        kind = str(unreadable.reason)
        show_json({"error": True, "error_kind": kind, "pointer": unreadable.pointer, "expected": unreadable.expected})
        raise typer.Exit(BAD_INPUT) from None
    show_json(found)
