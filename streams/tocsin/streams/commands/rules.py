"""`tocsin rules check | schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tocsin.streams.commands.failures import CHECK_FAILED
from tocsin.streams.commands.showing import printable, show, show_json
from tocsin.streams.rulesfile import json_schema, read_rules

app = typer.Typer()


@app.command()
def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The rules file.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check a rules file: every error and warning with file:line, the reason and what to do. Exit 1 on an error."""
    book, findings = read_rules(file)
    if as_json:
        show_json({"ok": book is not None, "findings": msgspec.to_builtins(findings)})
    else:
        for finding in findings:
            show(printable(str(finding)))
        if book is not None:
            show(f"{file}: {len(book.endpoints)} endpoints, {len(book.routes)} routes: good to use")
    raise typer.Exit(CHECK_FAILED if book is None else 0)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a rules file, for editors."""
    show_json(json_schema())
