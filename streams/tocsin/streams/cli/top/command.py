"""`tocsin top`."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import aiohttp
import typer
from rich.console import Console
from rich.live import Live

from tocsin.streams.cli.output import show_error, show_json
from tocsin.streams.cli.top.looking import Look, look
from tocsin.streams.cli.top.picture import NAMES, Picture, picture
from tocsin.streams.cli.top.showing import drawn
from tocsin.streams.processes.exit_codes import UNREACHABLE, USAGE, CommandFailed
from tocsin.streams.processes.lifecycle import stop_on_signals, unless
from tocsin.streams.settings import Settings, load_settings
from tocsin.streams.telemetry.registry import bus_of
from tocsin.streams.up.home import as_running, running_bus
from tocsin.streams.up.scrape import urls_of

RATES_OVER = 60.0
"""Seconds that rates are over, once it has been looked at for so long."""


def run(
    metrics: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Where a process shows its metrics; once for each.")
    ] = None,
    interval: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Look twice, print, and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as one JSON object.")] = False,
) -> None:
    """Watch the bus in a terminal: problems, cases, lag, endpoints. Without --metrics it looks where the `tocsin up` of
    this folder says, else where the settings put the processes. Ends with Ctrl-C.

    With --once or --json, or when standard output is no terminal, it prints once: exit code 0 when every process
    answered, 69 when one did not.
    """
    settings = load_settings()
    running = running_bus(settings.home)
    settings = as_running(settings, running)
    where = _Where(_given(metrics), None) if metrics else _Where(_found(settings, running), bus_of(settings))
    if once or as_json or not sys.stdout.isatty():
        _print(asyncio.run(_once(where, interval)), as_json, where)
    else:
        asyncio.run(_live(where, interval))


@dataclass(frozen=True, slots=True)
class _Where:
    """The URLs that are looked at, by process; `ours` is the bus that must answer there, None for any."""

    urls: Mapping[str, str]
    ours: str | None

    async def look(self, session: aiohttp.ClientSession) -> Look:
        return await look(session, self.urls, NAMES, self.ours)


def _given(metrics: list[str]) -> dict[str, str]:
    """Name -> URL: the address stands for the name; without a path it is that of /metrics. Raises CommandFailed(2)."""
    urls = {}
    for url in metrics:
        if not url.startswith(("http://", "https://")):
            raise CommandFailed(USAGE, f"--metrics is an address such as http://localhost:8701/metrics, not {url!r}")
        address, _, path = url.partition("://")[2].partition("/")
        urls[url.partition("://")[2].removesuffix("/metrics") if path else address] = (
            url if path else f"{url.rstrip('/')}/metrics"
        )
    return urls


def _found(settings: Settings, running: Mapping[str, Any] | None) -> dict[str, str]:
    """Process -> URL of its metrics. Raises CommandFailed(69) where they may be anywhere."""
    urls = urls_of(settings, cast(Mapping[str, str], running["processes"]) if running else None)
    known = {process: url for process, url in urls.items() if url is not None}
    if not known:
        raise CommandFailed(
            UNREACHABLE, f"nothing is up on {settings.home}, and the metrics may be on any port: say --metrics URL"
        )
    return known


async def _once(where: _Where, interval: float) -> Picture:
    async with _session() as session:
        before = await where.look(session)
        await asyncio.sleep(interval)
        return picture(before, await where.look(session))


def _print(seen: Picture, as_json: bool, where: _Where) -> None:
    if as_json:
        show_json(seen.document())
    else:
        console = Console(highlight=False, markup=False)
        console.print(drawn(seen, _title(where, seen), console.width, 10_000))
    if not seen.complete:
        raise CommandFailed(UNREACHABLE, _away(seen))


def _away(seen: Picture) -> str:
    said = "; ".join(f"{name}: {why}" for name, why in seen.away.items())
    return f"{said}; start it (tocsin up, or tocsin NAME), or say where it is (--metrics URL)"


async def _live(where: _Where, interval: float) -> None:
    """Until Ctrl-C. Raises CommandFailed(69) when nobody answers at first: then there is nothing to watch."""
    stop = stop_on_signals()
    looks: deque[Look] = deque()
    async with _session() as session:
        _, first = await unless(stop, where.look(session))
        if first is None:
            return
        looks.append(first)
        seen = picture(first, first)
        if not seen.up:
            raise CommandFailed(UNREACHABLE, _away(seen))
        console = Console(highlight=False, markup=False)
        with Live(console=console, screen=True, auto_refresh=False, transient=True) as live:
            while not stop.is_set():
                shown = drawn(seen, _title(where, seen), console.width, console.height)
                live.update(shown, refresh=True)
                _, newest = await unless(stop, _next(session, where, interval))
                if newest is None:
                    break
                while len(looks) > 1 and newest.at - looks[1].at >= RATES_OVER:
                    looks.popleft()
                looks.append(newest)
                seen = picture(looks[0], newest)
    if not seen.complete:
        show_error(f"tocsin: at the end {_away(seen)}")


async def _next(session: aiohttp.ClientSession, where: _Where, interval: float) -> Look:
    await asyncio.sleep(interval)
    return await where.look(session)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(trust_env=False)


def _title(where: _Where, seen: Picture) -> str:
    now = datetime.now(UTC).strftime("%H:%M:%S UTC")
    bus = where.ours or ", ".join(seen.buses)
    return f"tocsin top  {bus}  {now}  rates over {seen.seconds:.0f} s  (Ctrl-C ends)"
