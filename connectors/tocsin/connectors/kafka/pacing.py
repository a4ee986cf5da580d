"""Clients that ask an absent Kafka no more than once a second for its metadata.

aiokafka's fetcher and sender ask again the moment that an answer is there, and a refused connection is one: with a
partition that has no leader (as when Kafka was stopped in good order) that is some hundred connections a second, half a
core, and as many lines in the log. A request that follows a failed one waits here; whoever waits for it waits as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Seconds before the request that follows one that failed, and at most after many."""

Sleep = Callable[[float], Awaitable[None]]


def pace(client: AIOKafkaClient, sleep: Sleep = asyncio.sleep) -> None:
    """From now on this client asks for metadata as above."""
    ask, failed = client._metadata_update, 0

    async def asking(*about: Any) -> bool:
        nonlocal failed
        if failed:
            await sleep(min(FIRST_PAUSE * 2.0 ** (failed - 1), LONGEST_PAUSE))
        answered: bool = await ask(*about)
        failed = 0 if answered else min(failed + 1, 16)
        return answered

    client._metadata_update = asking


class PacedProducer(AIOKafkaProducer):  # type: ignore[misc]
    """AIOKafkaProducer, paced."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        pace(self.client)
