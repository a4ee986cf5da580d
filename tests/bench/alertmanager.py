"""Alertmanager as a contender: in memory, nothing grouped, nothing waited for, each alert one webhook."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import aiohttp
import msgspec

from tests.bench.process_times import cpu_below
from tests.harness.prometheus import until_ready
from tocsin.streams.up.beside import free_port

NAME = "Alertmanager"
PROGRAMS = ("prometheus-alertmanager", "alertmanager")
ABSENT = "not measured: prometheus-alertmanager is not on PATH; `make test-extras` installs Debian's"
BATCH = 500
"""Alerts in a request."""

CONFIG = """\
route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1h, repeat_interval: 24h}
receivers:
  - name: hook
    webhook_configs: [{url: '%s', send_resolved: false}]
"""


def alert(number: int, run: str) -> dict[str, object]:
    """One that is unlike all others: what problem `number` is for the bus."""
    labels = {"alertname": f"one.{run}{number}", "thread": f"thread-{run}{number}", "tenant": f"tenant-{number % 50}"}
    return {"labels": labels, "annotations": {"summary": f"problem {number}"}}


class Alertmanager:
    """A running one."""

    name, each = NAME, 1

    def __init__(self, pid: int, url: str, session: aiohttp.ClientSession) -> None:
        self._pid, self._url, self._session = pid, url, session
        self._run = count()

    def cpu(self) -> dict[str, float]:
        return cpu_below(self._pid, otherwise="alertmanager")

    async def publish(self, problems: int) -> None:
        run = f"r{next(self._run)}-"
        for first in range(0, problems, BATCH):
            alerts = [alert(number, run) for number in range(first, min(first + BATCH, problems))]
            async with self._session.post(
                f"{self._url}/api/v2/alerts",
                data=msgspec.json.encode(alerts),
                headers={"content-type": "application/json"},
            ) as answer:
                answer.raise_for_status()


def installed() -> str | None:
    """The program's path, if it is there."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@asynccontextmanager
async def alertmanager(program: str, folder: Path, receiver: str) -> AsyncIterator[Alertmanager]:
    """A process of its own that tells the receiver, ready; it ends with the block."""
    (folder / "alertmanager.yaml").write_text(CONFIG % receiver)
    address = f"127.0.0.1:{free_port(0)}"
    process = await asyncio.create_subprocess_exec(
        program, f"--config.file={folder}/alertmanager.yaml", f"--storage.path={folder}/alertmanager",
        f"--web.listen-address={address}", "--cluster.listen-address=", "--log.level=error",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as session:
            url = f"http://{address}"
            await until_ready(session, url, process, lambda: "Alertmanager has ended before it was ready")
            yield Alertmanager(process.pid, url, session)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
