"""One supervised process of `tocsin up`: started, waited for, started again when it ends, stopped in order."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from tocsin.schemas.errors import TocsinError
from tocsin.streams.processes.exit_codes import GAVE_UP
from tocsin.streams.settings import Settings
from tocsin.streams.up.process import Child

READY_WITHIN = 240.0
"""Seconds that a process may take to be ready, counted anew each time it reports that it still recovers."""
STOP_WITHIN = 35.0
KILL_WITHIN = 5.0
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
LONG_LIFE = 60.0
"""Seconds of life after which the delay of restarts starts from FIRST_DELAY again."""


class MemberFailed(TocsinError):
    """A process of the bus did not get ready; has its exit code, and the message names its log."""

    def __init__(self, name: str, why: str, exit_code: int, log: Path) -> None:
        super().__init__(f"{name}: {why} (log: {log})")
        self.exit_code = exit_code


class Member:
    """One process. Its output is kept in `<logs>/<name>.log`, that of its life before in `<name>.log.1`; what it prints
    on standard output goes to the descriptor `stdout`, if there is one."""

    def __init__(
        self, name: str, settings: Settings, logs: Path, progress: Callable[[str], None], stdout: int | None = None
    ) -> None:
        """`progress` is called with a line for a person at each end and restart. Nothing happens before `start`."""
        self.name = name
        self.url = ""
        self.probes = ""
        self.log = logs / f"{name}.log"
        self._settings = settings
        self._progress = progress
        self._stdout = stdout
        self._child: Child | None = None
        self._wire: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid if self._child and self._child.returncode is None else None

    async def start(self) -> None:
        """Returns when it is ready. Raises MemberFailed; then it does not run."""
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        ours, its = socket.socketpair()
        self._wire = ours
        with its:
            # -P: a file called `json.py` in the current folder must not be imported
            command = [sys.executable, "-P", "-m", "tocsin.streams.up.child", self.name, str(its.fileno())]
            self._child = Child(command, self.log, [its.fileno()], self._stdout)
        try:
            async with asyncio.timeout(READY_WITHIN) as patience:
                answer = await self._handshake(ours, patience)
        except TimeoutError:
            answer = {"error": f"not ready after {READY_WITHIN:.0f} s", "exit_code": GAVE_UP}
        except BaseException:
            await self.kill()
            raise
        if "url" not in answer:
            await self.kill()
            raise MemberFailed(self.name, str(answer["error"]), int(str(answer["exit_code"])), self.log)
        self.url = str(answer["url"])
        self.probes = str(answer.get("probes", self.url))
        self._keep_port()

    async def watch(self) -> None:
        """Start it again whenever it ends, with a growing delay, until cancelled."""
        delay, since = FIRST_DELAY, monotonic()
        while True:
            await self._ended()
            delay = FIRST_DELAY if monotonic() - since > LONG_LIFE else delay
            self._progress(f"{self.name} ended ({self._how()}); starting it again in {delay:.1f} s (log: {self.log})")
            await asyncio.sleep(delay)
            delay, since = min(delay * 2, LONGEST_DELAY), monotonic()
            try:
                await self.start()
                self._progress(f"{self.name} is ready again: {self.url}")
            except (MemberFailed, OSError) as error:
                await self.kill()
                self._progress(f"{self.name} did not start: {error}")

    async def stop(self) -> None:
        """Ask it to drain, wait, and kill it after 35 s."""
        if self._child:
            self._child.send(signal.SIGTERM)
            if not await self._child.ended(STOP_WITHIN):
                self._progress(f"{self.name} did not end within {STOP_WITHIN:.0f} s: killed (log: {self.log})")
        await self.kill()

    async def kill(self) -> None:
        """SIGKILL, now."""
        if self._child:
            self._child.send(signal.SIGKILL)
            await self._child.ended(KILL_WITHIN)
        if self._wire:
            self._wire.close()
            self._wire = None

    async def _handshake(self, wire: socket.socket, patience: asyncio.Timeout) -> dict[str, object]:
        loop = asyncio.get_running_loop()
        wire.setblocking(False)
        await loop.sock_sendall(wire, self._settings.model_dump_json().encode() + b"\n")
        received, reported = b"", False
        while True:
            while b"\n" not in received:
                part = await _received(wire)
                if not part:
                    await self._ended()
                    return {"error": f"it ended ({self._how()}) before it was ready", "exit_code": GAVE_UP}
                received += part
            line, _, received = received.partition(b"\n")
            answer = dict(json.loads(line))
            if "recovering" not in answer:
                return answer
            patience.reschedule(loop.time() + READY_WITHIN)
            if not reported:
                self._progress(f"{self.name} recovers: {answer['recovering']}")
            reported = True

    async def _ended(self) -> None:
        while self._child and not await self._child.ended(3600):
            pass

    def _how(self) -> str:
        code = self._child.returncode if self._child else None
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def _keep_port(self) -> None:
        # after a restart, scrapers and publishers must find it where it was
        name = "port" if self.name == "gateway" else "metrics_port"
        ports = {name: urlsplit(self.url).port}
        if self.probes != self.url:
            ports["gateway_metrics_port"] = urlsplit(self.probes).port
        self._settings = self._settings.but(**ports)


async def _received(wire: socket.socket) -> bytes:
    try:
        return await asyncio.get_running_loop().sock_recv(wire, 65536)
    except ConnectionError:
        return b""
