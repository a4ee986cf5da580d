"""`tocsin broker`: the embedded Kafka alone, in the foreground."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path

from tocsin.streams.broker.embedded import EmbeddedBroker
from tocsin.streams.broker.errors import BrokerUnavailable
from tocsin.streams.settings import Settings


async def run_broker(settings: Settings, port: int = 0, home: Path | None = None) -> None:
    """Runs Kafka until SIGINT or SIGTERM, then stops it in order; prints `bootstrap HOST:PORT` when it answers.

    `home` instead of the settings' one; `port` 0 = the last one or any. Raises BrokerUnavailable (exit code 69) if
    Kafka cannot start, or ends by itself.
    """
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    broker = EmbeddedBroker(home or settings.home, port)
    try:
        if await _unless(asked, broker.start()):
            print(f"bootstrap {broker.bootstrap}", flush=True)
            if await _unless(asked, broker.died()):
                raise BrokerUnavailable("running Kafka", f"it ended by itself.\n{broker.last_lines()}\n")
    finally:
        await broker.stop()


async def _unless(asked: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Does the work, or gives it up when asked to; whether it was done."""
    task, signalled = asyncio.ensure_future(work), asyncio.ensure_future(asked.wait())
    await asyncio.wait({task, signalled}, return_when=asyncio.FIRST_COMPLETED)
    if asked.is_set():
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return False
    signalled.cancel()
    await task
    return True
