"""Running one process of the bus in this process, until a signal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import cast

from tocsin.streams.cli.logs import set_up_logging
from tocsin.streams.cli.showing import show, show_json
from tocsin.streams.processes.running import OnReady, Ready, Recovering, stop_on_signals
from tocsin.streams.settings import Settings

RunProcess = Callable[[Settings, asyncio.Event, OnReady], Awaitable[None]]

PROCESSES = {
    "worker": "tocsin.streams.processes.worker:run_worker_process",
    "dispatch": "tocsin.streams.processes.dispatch:run_dispatch_process",
    "gateway": "tocsin.streams.processes.gateway:run_gateway_process",
}
"""Name of each process -> what runs it, imported when it is run."""


def run_process(name: str, settings: Settings, on_ready: OnReady) -> None:
    """Run until SIGINT or SIGTERM, then drain. Raises what the process raises."""
    set_up_logging(settings.log_format, settings.log_level)
    module, _, function = PROCESSES[name].partition(":")
    run = cast(RunProcess, getattr(import_module(module), function))

    async def until_asked() -> None:
        await run(settings, stop_on_signals(), on_ready)

    asyncio.run(until_asked())


def announce(as_json: bool) -> OnReady:
    """Says on stdout that the process is ready, and where."""

    def say(ready: Ready | Recovering) -> None:
        if isinstance(ready, Recovering):
            return  # only `tocsin up` waits for it; the metrics tell people
        if as_json:
            show_json({"ready": True, "process": ready.process, "url": ready.url})
        else:
            show(f"{ready.process} is ready: {ready.url} (/healthz /readyz /metrics); Ctrl-C ends it")

    return say
