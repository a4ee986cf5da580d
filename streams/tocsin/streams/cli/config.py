"""`tocsin config`."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.settings import load_settings


def run(as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False) -> None:
    """Print the effective settings: by TOCSIN_* variable, else tocsin.toml, else the default. Secrets are masked."""
    effective = load_settings()
    settings = effective.masked()
    for line in effective.warnings:
        show_error(f"tocsin: {line}")
    if as_json:
        show_json(settings)
        return
    for name, value in settings.items():
        show(f"TOCSIN_{name.upper()}={'' if value is None else value}")
