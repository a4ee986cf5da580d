"""How those who send end: they are let go on for a while, and stopped then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


async def end_within(patience: float, workers: Iterable[asyncio.Task[None] | None]) -> None:
    """Let each of them end for at most `patience` seconds in all; who has not is cancelled, and waited for."""
    running = [worker for worker in workers if worker is not None]
    if not running:
        return
    _, late = await asyncio.wait(running, timeout=patience)
    for worker in late:
        worker.cancel()
    await asyncio.wait(running)
