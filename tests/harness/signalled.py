"""Processes of the bus that are ended by signals: when they handle them, and what is left of them."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path


def handles(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler of its own for the signal (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    caught = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt"))
    return bool(caught >> (number - 1) & 1)


async def until_handled(pid: int) -> None:
    """Wait until the process handles SIGTERM."""
    async with asyncio.timeout(60):
        while not handles(pid, signal.SIGTERM):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def with_text(text: str) -> set[int]:
    """The ids of the running processes that have `text` in their environment or command: all that came of one."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            content = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended, or is another user's
        if text.encode() in content:
            found.add(int(process.name))
    return found
