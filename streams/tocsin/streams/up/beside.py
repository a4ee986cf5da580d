"""A program beside the bus, such as Prometheus: started, waited for, started again when it ends. The bus goes on
without it."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

import aiohttp

from tocsin.streams.up.member import FIRST_DELAY, LONG_LIFE, LONGEST_DELAY
from tocsin.streams.up.process import Child

LOOPBACK = "127.0.0.1"
READY_WITHIN = 60.0
STOP_WITHIN = 15.0
LOOK_EVERY = 0.1


class Beside:
    """One program. Its output is kept in `<logs>/<name>.log`."""

    def __init__(
        self, name: str, command: Sequence[str], url: str, health: str, logs: Path, progress: Callable[[str], None]
    ) -> None:
        """`health` is the path that answers 200 once it is ready. Nothing happens before `start`."""
        self.name, self.url = name, url
        self.log = logs / f"{name}.log"
        self._command = list(command)
        self._health = f"{url}{health}"
        self._progress = progress
        self._child: Child | None = None

    async def start(self) -> bool:
        """Whether it is ready; if not, it does not run, and `progress` was told why."""
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        try:
            self._child = Child(self._command, self.log)
        except OSError as error:
            self._progress(f"{self.name} cannot be started: {error.strerror}")
            return False
        why = await self._not_ready()
        if why is not None:
            await self.stop()
            self._progress(f"{self.name} {why} (log: {self.log}); the bus goes on without it")
        return why is None

    async def watch(self) -> None:
        """Start it again whenever it ends, with a growing delay, until cancelled."""
        delay, since = FIRST_DELAY, monotonic()
        while self._child is not None:
            while not await self._child.ended(3600):
                pass
            delay = FIRST_DELAY if monotonic() - since > LONG_LIFE else delay
            self._progress(f"{self.name} ended; starting it again in {delay:.1f} s (log: {self.log})")
            await asyncio.sleep(delay)
            delay, since = min(delay * 2, LONGEST_DELAY), monotonic()
            if await self.start():
                self._progress(f"{self.name} is ready again: {self.url}")

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when it has not ended after 15 s."""
        if self._child is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._child.send(number)
            if await self._child.ended(STOP_WITHIN):
                return

    async def _not_ready(self) -> str | None:
        """None once it answers; else why it does not."""
        deadline = monotonic() + READY_WITHIN
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5), trust_env=False) as session:
            while monotonic() < deadline:
                if self._child is None or await self._child.ended(LOOK_EVERY):
                    return "ended before it was ready"
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(self._health) as answer:
                        if answer.status == 200:
                            return None
        return f"was not ready after {READY_WITHIN:.0f} s"


def free_port(usual: int) -> int:
    """The usual port of loopback, or any free one when that is taken (or 0)."""
    for port in (usual, 0):
        with suppress(OSError), socket.create_server((LOOPBACK, port)) as server:
            return int(server.getsockname()[1])
    raise OSError("no port is free on the loopback interface")
