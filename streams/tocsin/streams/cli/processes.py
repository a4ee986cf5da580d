"""`tocsin worker | dispatch | gateway | broker`: one process of the bus in the foreground, until Ctrl-C."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from tocsin.streams.cli.output import show, show_json
from tocsin.streams.processes.lifecycle import OnReady, Ready, Recovering, run_process
from tocsin.streams.settings import load_settings
from tocsin.streams.telemetry.logs import set_up_logging
from tocsin.streams.up.home import located_settings

Rules = Annotated[Path | None, typer.Option(help="The rules file (TOCSIN_RULES).")]
MetricsPort = Annotated[int | None, typer.Option(help="Port of /metrics; 0 = any (TOCSIN_METRICS_PORT).")]
AsJson = Annotated[bool, typer.Option("--json", help="Say that it is ready as one line of JSON.")]


def worker(rules: Rules = None, metrics_port: MetricsPort = None, as_json: AsJson = False) -> None:
    """Decide about problems and schedule deliveries, until Ctrl-C. Start more of it to scale."""
    run_process("worker", located_settings(rules=rules, metrics_port=metrics_port), print_ready(as_json))


def dispatch(rules: Rules = None, metrics_port: MetricsPort = None, as_json: AsJson = False) -> None:
    """Make the delivery attempts, until Ctrl-C. Start more of it to scale."""
    run_process("dispatch", located_settings(rules=rules, metrics_port=metrics_port), print_ready(as_json))


def gateway(
    port: Annotated[int | None, typer.Option(help="The port; 0 = any (TOCSIN_PORT).")] = None, as_json: AsJson = False
) -> None:
    """Take problems over HTTP until Ctrl-C: 202 only for what Kafka has acknowledged. Start more of it to scale."""
    run_process("gateway", located_settings(port=port), print_ready(as_json))


def broker(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 = that of the last time, or any.")] = 0,
    home: Annotated[Path | None, typer.Option(help="The folder of its data (TOCSIN_HOME).")] = None,
) -> None:
    """Run only the embedded Kafka, until Ctrl-C. Prints `bootstrap HOST:PORT` when it answers."""
    from tocsin.streams.up.broker.embedded import run_broker

    settings = load_settings(home=home)
    set_up_logging(settings.log_format, settings.log_level)
    asyncio.run(run_broker(settings, port))


def print_ready(as_json: bool) -> OnReady:
    """What tells that a process is ready: a line for a person, or one for a script."""

    def print_ready(ready: Ready | Recovering) -> None:
        if isinstance(ready, Recovering):
            return  # only `tocsin up` waits for it; the metrics show it to people
        if as_json:
            show_json(ready.document())
        else:
            show(f"{ready.process} is ready: {ready.url} (/healthz /readyz /metrics); Ctrl-C ends it")
            if ready.probes is not None:
                show(f"its metrics: {ready.probes}/metrics")

    return print_ready
