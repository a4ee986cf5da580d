"""An agent as a child of a test: started with ports of its own, awaited, ended by its pid; and what it is asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp

T = TypeVar("T")
READY = 120.0
"""Seconds until an agent answers, on however busy a machine."""
LONG = 120.0
"""Seconds in which whatever is awaited of an agent has happened."""


class Refused(Exception):
    """What an agent answered instead of doing what it was asked."""


class Agent:
    """One process of an agent inside `async with`; `log` is what it said."""

    def __init__(self, folder: Path, name: str) -> None:
        self.log = folder / f"{name}.log"
        self.name = name
        self.process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LONG))
        try:
            await self.begin()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.session.close()
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGKILL)
            await self.process.wait()

    async def begin(self) -> None:
        """Start it, and return when it answers."""
        raise NotImplementedError

    async def start(self, *command: str | Path, env: Mapping[str, str]) -> None:
        """Start its process, whose output goes to the log."""
        with self.log.open("wb") as output:
            self.process = await asyncio.create_subprocess_exec(
                *map(str, command), env=dict(env), cwd=self.log.parent,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip

    async def announced(self) -> dict[str, str]:
        """The JSON line by which it says that it is ready, and where."""

        async def found() -> dict[str, str] | None:
            lines = self.said().splitlines(keepends=True)
            said = next((line for line in lines if line.startswith("{") and line.endswith("\n")), None)
            return None if said is None else dict(json.loads(said))

        return await until(found, f"{self.name} is ready", READY)

    async def ask(self, method: str, url: str, document: object = None) -> Any:
        """What it answers. Raises Refused."""
        async with self.session.request(method, url, json=document) as answer:
            if answer.status >= 300:
                raise Refused(f"{self.name}: {answer.status} {(await answer.text())[:2000]}")
            return await answer.json(content_type=None)

    def said(self) -> str:
        """Its log, while it runs. Fails with the end of it when it has ended."""
        said = self.log.read_text(errors="replace")
        assert self.process is not None
        assert self.process.returncode is None, f"{self.name} has ended:\n{said[-3000:]}"
        return said


async def until(found: Callable[[], Awaitable[T | None]], what: str, within: float = LONG) -> T:
    """The first thing that is found. Fails when there is none in time."""
    try:
        async with asyncio.timeout(within):
            while (value := await found()) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            return value
    except TimeoutError as error:
        raise AssertionError(f"not seen within {within:.0f} s: {what}") from error
