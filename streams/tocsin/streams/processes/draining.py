"""The end of a process that was asked to stop: drained while Kafka answers, given up when it does not.

What is drained waits for Kafka: requests for their acknowledgement, outcomes and decisions to be written. Without Kafka
that cannot end, and nothing is lost by giving it up: it is what a crash leaves, and that is read or asked for again.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable

import structlog

from tocsin.streams.processes.exit_codes import code_of

_log = structlog.get_logger("tocsin")

LOOK_AFTER = 1.0
"""Seconds between two looks for Kafka."""
LOOKS = 2
"""So many looks one after another must find no Kafka before what is under way is given up."""
UNWIND_WITHIN = 3.0
"""Seconds for what is given up to close what it holds; then the process ends all the same."""


async def drain(working: asyncio.Future[None], kafka_answers: Callable[[], Awaitable[bool]]) -> None:
    """Wait for the end of `working`, which was asked to stop; cancel it when Kafka is away. Raises what it raises, but
    not what follows from Kafka being away."""
    looks = 0
    while looks < LOOKS and not await _ended(working, LOOK_AFTER):
        looks = 0 if await kafka_answers() else looks + 1
    if not working.done():
        _log.warning("Kafka does not answer: what waits for it is given up")
        _end_within(UNWIND_WITHIN)
        working.cancel()
        await asyncio.wait({working})
    if working.cancelled():
        return
    error = working.exception()
    if error is None:
        return
    if code_of(error) is None or await kafka_answers():
        raise error
    _log.warning("Kafka does not answer: not all was closed", error=str(error))


async def _ended(working: asyncio.Future[None], within: float) -> bool:
    return bool((await asyncio.wait({working}, timeout=within))[0])


def _end_within(seconds: float) -> None:
    """End the process after so many seconds, whatever it waits for by then: a library may catch a cancellation."""
    timer = threading.Timer(seconds, os._exit, [0])
    timer.daemon = True
    timer.start()
