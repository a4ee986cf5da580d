"""`tocsin worker`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.streams.cli.foreground import announce, run_process
from tocsin.streams.cli.locating import located_settings


def run(
    rules: Annotated[Path | None, typer.Option(help="The rules file (TOCSIN_RULES).")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Port of /metrics; 0 = any (TOCSIN_METRICS_PORT).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say that it is ready as one line of JSON.")] = False,
) -> None:
    """Decide about problems and schedule deliveries, until Ctrl-C. Start more of it to scale."""
    settings = located_settings(rules=rules, metrics_port=metrics_port)
    run_process("worker", settings, announce(as_json))
