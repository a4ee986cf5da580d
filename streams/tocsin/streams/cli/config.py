"""`tocsin config`, and `tocsin config scrape`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, cast

import typer

from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.settings import Settings, load_settings
from tocsin.streams.up.home import as_running, running_bus


class What(StrEnum):
    """What is printed."""

    SETTINGS = "settings"
    SCRAPE = "scrape"


def run(
    what: Annotated[What, typer.Argument(help="scrape: what Prometheus needs to know.")] = What.SETTINGS,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Print the effective settings: by TOCSIN_* variable, else tocsin.toml, else what the `tocsin up` of this
    folder runs with, else the default. Secrets are masked."""
    effective = load_settings()
    effective = as_running(effective, running_bus(effective.home))
    for line in effective.warnings:
        show_error(f"tocsin: {line}")
    if what is What.SCRAPE:
        _scrape(effective, as_json)
        return
    settings = effective.masked()
    if as_json:
        show_json(settings)
        return
    for name, value in settings.items():
        show(f"TOCSIN_{name.upper()}={'' if value is None else value}")


def _scrape(settings: Settings, as_json: bool) -> None:
    from tocsin.streams.cli.scrape import scrape_config, targets_of  # what serves metrics takes long to import

    running = running_bus(settings.home)
    targets = targets_of(settings, cast(dict[str, str], running.get("processes")) if running else None)
    if as_json:
        show_json(targets)
    else:
        show(scrape_config(targets, settings.prefix))
