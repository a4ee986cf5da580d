"""`tocsin config`, and `tocsin config scrape`."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated, cast
from urllib.parse import urlsplit

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
    # what serves metrics takes long to import
    from tocsin.streams.cli.top.looking import whose
    from tocsin.streams.processes.gateway import config_of
    from tocsin.streams.telemetry.registry import bus_of
    from tocsin.streams.up.scrape import Gateway, scrape_config, targets_of, urls_of

    running = running_bus(settings.home)
    processes = cast(dict[str, str], running.get("processes")) if running else None
    targets, urls = targets_of(settings, processes), urls_of(settings, processes)
    found = asyncio.run(whose({name: url for name, url in urls.items() if url is not None}, bus_of(settings)))
    targets |= {process: None for process, one in found.items() if one.foreign}
    notes = {process: one.away for process, one in found.items() if one.away is not None and not one.keyed}
    if as_json:
        for process, note in notes.items():
            show_error(f"tocsin: {process}: {urls[process]}: {note}")
        show_json(targets)
        return
    on_api = processes is None and settings.gateway_metrics_port is None
    said = found.get("gateway")
    keyed = (said is not None and said.keyed) or (on_api and config_of(settings).anonymous == "off")
    gateway = Gateway(keyed, str(urls.get("gateway")).startswith("https:"))
    noted = {process: f"{urlsplit(str(urls[process])).netloc}: {note}" for process, note in notes.items()}
    show(scrape_config(targets, settings.prefix, gateway=gateway, notes=noted))
