"""Work beside the event loop: what takes more than a few milliseconds must not keep other requests waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tocsin.connectors.gateway.problems import BUSY, Refusal

P = ParamSpec("P")
T = TypeVar("T")

SMALL = 16 * 1024
"""Bytes of JSON that are read within a few milliseconds."""
THREADS = 2
"""How much is done beside the loop at a time. They share the interpreter with it, so more would only starve it."""


class BesideTheLoop:
    """Does small work at once and large work in a thread, a few at a time; a turn is waited for `patience` seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._turns = asyncio.Semaphore(THREADS)

    async def do(self, weight: int, work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """The result of `work`, which is as much as reading `weight` bytes of JSON. Raises Refusal when its turn does
        not come, and what the work raises."""
        if weight <= SMALL:
            return work(*args, **options)
        try:
            async with asyncio.timeout(self._patience):
                await self._turns.acquire()
        except TimeoutError:
            raise Refusal(BUSY) from None
        try:
            return await asyncio.to_thread(work, *args, **options)
        finally:
            self._turns.release()
