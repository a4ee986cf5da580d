"""`tocsin gateway`."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.streams.cli.foreground import announce, run_process
from tocsin.streams.cli.locating import located_settings


def run(
    port: Annotated[int | None, typer.Option(help="The port; 0 = any (TOCSIN_PORT).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say that it is ready as one line of JSON.")] = False,
) -> None:
    """Take problems over HTTP until Ctrl-C: 202 only for what Kafka has acknowledged. Start more of it to scale."""
    run_process("gateway", located_settings(port=port), announce(as_json))
