"""`tocsin up`."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from tocsin.streams.cli.output import as_typed, show, show_json
from tocsin.streams.cli.progress import StatusLine
from tocsin.streams.processes.lifecycle import stop_on_signals, unless
from tocsin.streams.settings import Settings, load_settings
from tocsin.streams.telemetry.logs import set_up_logging
from tocsin.streams.up.scrape import deployed, rule_files
from tocsin.streams.up.supervisor import Bus, Where
from tocsin.streams.up.watching import Watched, watching


def run(
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON on stdout when all is ready.")] = False,
    rules: Annotated[Path | None, typer.Option(help="The rules file (TOCSIN_RULES).")] = None,
    port: Annotated[int | None, typer.Option(help="The gateway's port; 0 = any (TOCSIN_PORT).")] = None,
    home: Annotated[Path | None, typer.Option(help="The folder of data (TOCSIN_HOME).")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="With Prometheus and Grafana, where they are there.")] = False,
) -> None:
    """Run the whole bus until Ctrl-C: Kafka (unless TOCSIN_BOOTSTRAP is set), topics, worker, dispatcher, gateway.

    A process that ends is started again; Ctrl-C or SIGTERM drains everything and exits 0.
    """
    os.umask(0o077)  # what the bus keeps, and its logs, are for its user alone; the processes it starts inherit this
    settings = load_settings(rules=rules, port=port, home=home)
    if watch and settings.gateway_metrics_port is None:
        settings = settings.but(gateway_metrics_port=0)  # on the port of the API they may ask for a key
    set_up_logging(settings.log_format, settings.log_level)
    asyncio.run(_up(settings, as_json, watch))


async def _up(settings: Settings, as_json: bool, watch: bool) -> None:
    stop = stop_on_signals()
    with StatusLine() as progress:
        async with Bus(settings, progress.step, None if as_json else _terminal()) as bus:
            _, where = await unless(stop, bus.start())
            if where is not None:
                beside = watching(settings, where, progress.step) if watch else nullcontext()
                await unless(stop, _serve(where, beside, progress, settings, as_json))
            progress.step("stopping: gateway, worker, dispatch, project, Kafka")
    progress.step("stopped; the data stays in " + str(settings.home))


async def _serve(
    where: Where,
    beside: AbstractAsyncContextManager[Watched | None],
    progress: StatusLine,
    settings: Settings,
    as_json: bool,
) -> None:
    """Say where everything is; until cancelled."""
    async with beside as watched:
        progress.done()
        if as_json:
            show_json(_line(where, watched))
        else:
            _summary(where, settings.rules, _publishing(where.api, settings), watched_lines(watched))
        await asyncio.Event().wait()


def _terminal() -> int | None:
    """The descriptor of standard output, for what sinks print."""
    try:
        return sys.stdout.fileno()
    except OSError:  # it is no file
        return None


def _line(where: Where, watched: Watched | None) -> dict[str, object]:
    line = {"ready": True, "api": where.api, "bootstrap": where.bootstrap, "metrics": list(where.metrics.values())}
    return line if watched is None else line | {"watch": watched.document()}


def watched_lines(watched: Watched | None) -> list[str]:
    """Where Prometheus and Grafana are; for one that does not run, how one's own is pointed at us."""
    if watched is None:
        return []
    lines = [f"  {name:10} {url}" for name, url in watched.document().items() if url is not None]
    if watched.prometheus is None:
        lines += [
            "  prometheus does not run here. Tell yours what this prints, rules and alerts included:",
            f"               {as_typed()} config scrape",
            *(f"               {path}" for path in rule_files()),
        ]
    if watched.grafana is None:
        lines += [
            "  grafana    does not run here. Give yours the data source and the dashboards (docs/watch.md):",
            f"               {deployed() / 'grafana'}",
            f"             or look at {as_typed()} top",
        ]
    return lines


def _publishing(api: str, settings: Settings) -> list[str]:
    """How something is published, with a key where one is needed."""
    from tocsin.streams.processes.gateway import config_of  # what serves HTTP takes long to import

    open_to_all = config_of(settings).anonymous == "loopback"
    report = '{"code": "e.p.xfer.cant-use-endpoint", "text": "The mediator does not answer"}'
    key = [
        f"  key        export TOCSIN_API_KEY=$({as_typed()} keys create --tenant {settings.tenant} --scope publish)",
    ]
    return [
        *([] if open_to_all else key),
        f"  publish    curl -i {api}/v1/problems -H 'content-type: application/json' \\",
        *([] if open_to_all else ['               -H "authorization: Bearer $TOCSIN_API_KEY" \\']),
        f"               -d '{report}'",
    ]


def _summary(where: Where, rules: Path | None, publishing: list[str], watched: list[str]) -> None:
    tocsin = as_typed()
    for line in (
        "",
        "Tocsin is up. Ctrl-C drains and stops it.",
        *([f"No rules file: each problem is a line here (make one: {tocsin} rules init)."] if rules is None else []),
        "",
        *publishing,
        f"  watch      {tocsin} tail                     (another terminal, the same folder)",
        f"  check      {tocsin} doctor",
        *(
            []
            if rules is None
            else [f"  rules      {rules}  (a change is taken up within seconds; {tocsin} doctor tells if not)"]
        ),
        f"  pages      {where.api}/                  (what is open, for a browser)",
        f"  API        {where.api}/openapi.json",
        f"  Kafka      {where.bootstrap}               (TOCSIN_BOOTSTRAP for processes elsewhere)",
        *(f"  metrics    {url}  ({name})" for name, url in where.metrics.items()),
        f"             {tocsin} config scrape         (what Prometheus needs to know)",
        *watched,
        f"  logs       {where.logs}",
        "",
    ):
        show(line)
