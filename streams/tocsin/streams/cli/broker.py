"""`tocsin broker`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from tocsin.streams.cli.logs import set_up_logging
from tocsin.streams.settings import load_settings
from tocsin.streams.up.broker.command import run_broker


def run(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 = that of the last time, or any.")] = 0,
    home: Annotated[Path | None, typer.Option(help="The folder of its data (TOCSIN_HOME).")] = None,
) -> None:
    """Run only the embedded Kafka, until Ctrl-C. Prints `bootstrap HOST:PORT` when it answers."""
    settings = load_settings(home=home)
    set_up_logging(settings.log_format, settings.log_level)
    asyncio.run(run_broker(settings, port))
