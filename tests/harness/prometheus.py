"""Debian's Prometheus for tests: its programs, and a server of a test's own on 127.0.0.1 that is asked what a person
would ask."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.harness.extras import needs
from tocsin.streams.up.beside import free_port


def promtool() -> str:
    """What checks rules and runs their tests."""
    return needs("promtool")


class Prometheus:
    """A running server."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def get(self, path: str, **parameters: str) -> Any:
        """`data` of an answer of its API. Raises AssertionError with what it says of a wrong query."""
        async with self._session.get(f"{self.url}/api/v1/{path}", params=parameters) as answer:
            said = await answer.json()
        assert said["status"] == "success", f"{parameters}: {said}"
        return said["data"]

    async def query(self, expr: str) -> list[dict[str, Any]]:
        """What an expression is now."""
        data = await self.get("query", query=expr)
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        return list(data["result"])


@asynccontextmanager
async def prometheus(folder: Path, config: str) -> AsyncIterator[Prometheus]:
    """A server with this configuration, ready, on a free port; ended with the block."""
    file = folder / "prometheus.yaml"
    file.write_text(config, "utf-8")
    address = f"127.0.0.1:{free_port(0)}"
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            needs("prometheus"), f"--config.file={file}", f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={address}", "--enable-feature=exemplar-storage", stdout=log, stderr=log,
        )  # fmt: skip
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            await until_ready(session, f"http://{address}", process, (folder / "prometheus.log").read_text)
            yield Prometheus(f"http://{address}", session)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def until_ready(
    session: aiohttp.ClientSession, url: str, process: asyncio.subprocess.Process, said: Callable[[], str]
) -> None:
    """Until the server at `url` says so; Alertmanager says it as Prometheus does. Raises AssertionError with what it
    `said` when its process has ended, TimeoutError after a minute."""
    async with asyncio.timeout(60):
        while not await _ready(session, f"{url}/-/ready"):
            assert process.returncode is None, said()
            await asyncio.sleep(0.1)


async def _ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
