"""Iterating: an event is done when the next one is asked for, and never before."""

from __future__ import annotations

import asyncio

import pytest

from tests.connectors.subscribe.events import opened
from tocsin.connectors.subscribe import MemorySubscriber


def left(subscriber: MemorySubscriber) -> list[str]:
    return [told.event_id for told in subscriber.events]


async def test_all_of_them() -> None:
    async with MemorySubscriber([opened(1), opened(2)]) as events:
        assert [told.event_id async for told in events] == ["event-1", "event-2"]
    assert left(events) == []


async def test_what_is_in_hand_is_not_done() -> None:
    async with MemorySubscriber([opened(1), opened(2), opened(3)]) as events:
        async for told in events:
            if told.event_id == "event-2":
                break
    assert left(events) == ["event-2", "event-3"]


async def test_unless_it_is_said_to_be() -> None:
    async with MemorySubscriber([opened(1), opened(2), opened(3)]) as events:
        async for told in events:
            if told.event_id == "event-2":
                events.done()
                break
        await asyncio.sleep(0)
    assert left(events) == ["event-3"]


async def test_an_error_in_the_loop_leaves_it_undone() -> None:
    subscriber = MemorySubscriber([opened(1)])

    async def fail() -> None:
        async with subscriber as events:
            async for _ in events:
                raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert left(subscriber) == ["event-1"]


async def test_waiting_for_the_next_one_may_be_cancelled() -> None:
    async with MemorySubscriber([opened(n) for n in range(30)]) as events:
        seen, patience = list[str](), 0
        while len(seen) < 30:
            waiting = asyncio.ensure_future(anext(events))
            patience = (patience + 1) % 7  # at each point between asking and getting
            for _ in range(patience):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            if not waiting.cancelled():
                seen.append(waiting.result().event_id)
    assert seen == [f"event-{n}" for n in range(30)]


async def test_stop_ends_the_iteration() -> None:
    async with MemorySubscriber([opened(n) for n in range(10)]) as events:
        seen = []
        async for told in events:
            seen.append(told.event_id)
            events.stop()
    assert seen == ["event-0"]
    assert left(events)[0] == "event-1", "the one in hand was done"
