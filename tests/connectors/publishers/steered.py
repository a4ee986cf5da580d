"""Services with the files that users copy (docs/publishers/), as processes that do what a test says."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.harness.extras import needs_language

FILES = Path(__file__).parents[3] / "docs" / "publishers"
RUNNERS = Path(__file__).parent / "runners"
PATIENCE = 240.0
"""Seconds for a compiler or a process, on however busy a machine."""
TOOLS = ("node", "go")
MODULE = "module example\n\ngo 1.21\n"


@functools.cache
def go_program() -> str:
    """The Go service, vetted and built once for all tests of a process."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-go-"))
    (folder / "tocsin").mkdir()
    (folder / "go.mod").write_text(MODULE)
    shutil.copy(FILES / "tocsin.go", folder / "tocsin")
    shutil.copy(RUNNERS / "steered.go", folder / "main.go")
    for words in (["go", "vet", "./..."], ["go", "build", "-o", "steered", "."]):
        run(words, folder)
    return str(folder / "steered")


def run(words: list[str], folder: Path) -> str:
    """What a command says. Fails with what it complains of."""
    ended = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, env=os.environ | {"GOTOOLCHAIN": "local"}
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


COMMANDS: dict[str, Callable[[], list[str]]] = {
    "node": lambda: ["node", str(RUNNERS / "steered.mjs"), str(FILES / "tocsin.mjs")],
    "go": lambda: [go_program()],
}


class Steered:
    """One service inside `async with`; `settings` are those of the file, in milliseconds. `said` are the lines of its
    log after its end."""

    def __init__(self, tool: str, url: str, **settings: object) -> None:
        needs_language(tool)
        quick = {"firstPause": 5, "longestPause": 20, "exitWithin": 500, "timeout": 60_000}
        self._words = [*COMMANDS[tool](), json.dumps({"url": url, "service": "ledger", **quick, **settings})]
        self.said: list[str] = []
        self.status: int | None = None

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(*self._words, stdin=pipe, stdout=pipe, stderr=pipe)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def do(self, deed: str, **details: object) -> Any:
        """What the file answers to one deed of the runners."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"deed": deed, **details}).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            line = await self._process.stdout.readline()
        assert line, (await self._process.communicate())[1].decode()
        return json.loads(line)["answer"]

    async def end(self) -> None:
        """Let it end by itself: it has nothing more to do."""
        assert self._process.stdin
        self._process.stdin.close()
        async with asyncio.timeout(PATIENCE):
            _, said = await self._process.communicate()
        self.said, self.status = said.decode().splitlines(), self._process.returncode
