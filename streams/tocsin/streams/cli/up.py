"""`tocsin up`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tocsin.streams.cli.output import as_typed, show, show_json
from tocsin.streams.cli.progress import StatusLine
from tocsin.streams.processes.lifecycle import stop_on_signals, unless
from tocsin.streams.settings import Settings, load_settings
from tocsin.streams.telemetry.logs import set_up_logging
from tocsin.streams.up.supervisor import Bus, Where


def run(
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON on stdout when all is ready.")] = False,
    rules: Annotated[Path | None, typer.Option(help="The rules file (TOCSIN_RULES).")] = None,
    port: Annotated[int | None, typer.Option(help="The gateway's port; 0 = any (TOCSIN_PORT).")] = None,
    home: Annotated[Path | None, typer.Option(help="The folder of data (TOCSIN_HOME).")] = None,
) -> None:
    """Run the whole bus until Ctrl-C: Kafka (unless TOCSIN_BOOTSTRAP is set), topics, worker, dispatcher, gateway.

    A process that ends is started again; Ctrl-C or SIGTERM drains everything and exits 0.
    """
    os.umask(0o077)  # what the bus keeps, and its logs, are for its user alone; the processes it starts inherit this
    settings = load_settings(rules=rules, port=port, home=home)
    set_up_logging(settings.log_format, settings.log_level)
    asyncio.run(_up(settings, as_json))


async def _up(settings: Settings, as_json: bool) -> None:
    stop = stop_on_signals()
    with StatusLine() as progress:
        async with Bus(settings, progress.step, None if as_json else _terminal()) as bus:
            _, where = await unless(stop, bus.start())
            if where is not None:
                progress.done()
                show_json(_line(where)) if as_json else _summary(where, settings.rules)
                await stop.wait()
            progress.step("stopping: gateway, worker, dispatch, Kafka")
    progress.step("stopped; the data stays in " + str(settings.home))


def _terminal() -> int | None:
    """The descriptor of standard output, for what sinks print."""
    try:
        return sys.stdout.fileno()
    except OSError:  # it is no file
        return None


def _line(where: Where) -> dict[str, object]:
    return {"ready": True, "api": where.api, "bootstrap": where.bootstrap, "metrics": list(where.metrics.values())}


def _summary(where: Where, rules: Path | None) -> None:
    tocsin = as_typed()
    report = '{"code": "e.p.xfer.cant-use-endpoint", "text": "The mediator does not answer"}'
    for line in (
        "",
        "Tocsin is up. Ctrl-C drains and stops it.",
        *([f"No rules file: each problem is a line here (make one: {tocsin} rules init)."] if rules is None else []),
        "",
        f"  publish    curl -i {where.api}/v1/problems -H 'content-type: application/json' \\",
        f"               -d '{report}'",
        f"  watch      {tocsin} tail                     (another terminal, the same folder)",
        f"  check      {tocsin} doctor",
        *(
            []
            if rules is None
            else [f"  rules      {rules}  (a change is taken up within seconds; {tocsin} doctor tells if not)"]
        ),
        f"  API        {where.api}/openapi.json",
        f"  Kafka      {where.bootstrap}               (TOCSIN_BOOTSTRAP for processes elsewhere)",
        *(f"  metrics    {url}  ({name})" for name, url in where.metrics.items()),
        f"             {tocsin} config scrape         (what Prometheus needs to know)",
        f"  logs       {where.logs}",
        "",
    ):
        show(line)
