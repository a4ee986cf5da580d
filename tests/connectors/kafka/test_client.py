"""Clients are closed when their block ends, and closing them raises nothing."""

from __future__ import annotations

import asyncio

import pytest

from tocsin.connectors.kafka import client


class Consumer:
    """Stands for a consumer whose Kafka went away: it waits for a task of its own that it cancelled, or for ever."""

    def __init__(self, *topics: str, hangs: bool = False, **settings: object) -> None:
        self._hangs = hangs

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        routine = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(0)
        if not self._hangs:
            routine.cancel()
        await routine


@pytest.mark.parametrize("hangs", [False, True], ids=["its own cancellation comes out", "it hangs"])
async def test_closing_a_client_of_a_kafka_that_went_away(monkeypatch: pytest.MonkeyPatch, hangs: bool) -> None:
    monkeypatch.setattr(client, "BoundedConsumer", Consumer)
    monkeypatch.setattr(client, "CLOSE_WITHIN", 0.05)
    used = []
    async with asyncio.timeout(60), client.open_consumer("127.0.0.1:1", hangs=hangs) as consumer:
        used.append(consumer)
    assert used


async def test_our_own_cancellation_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BoundedConsumer", Consumer)
    monkeypatch.setattr(client, "CLOSE_WITHIN", 3600.0)
    closing = asyncio.Event()

    async def use() -> None:
        async with client.open_consumer("127.0.0.1:1", hangs=True):
            closing.set()

    using = asyncio.create_task(use())
    await closing.wait()
    await asyncio.sleep(0)
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(using, 60)
