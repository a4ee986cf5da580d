"""`tocsin schemas check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.schemas.evolution import evolution_findings
from tocsin.schemas.lock import locked_rows
from tocsin.streams.cli.output import end_with, show

app = typer.Typer()


@app.callback()
def _group() -> None:
    """Makes `check` a command of its own, however few there are."""


@app.command()
def check(
    against: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder of released .avsc files.")
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A folder of .avsc files instead of the shipped ones."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check the event schemas: sound, FULL_TRANSITIVE, as the lock file says. Exit 1 with file, place and reason."""
    findings = evolution_findings(directory, against)
    if not findings and not as_json:
        show(f"{len(locked_rows())} schemas checked: nothing to say" if directory is None else "nothing to say")
    end_with(findings, as_json)
