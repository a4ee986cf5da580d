"""Backpressure by bytes."""

from __future__ import annotations

import asyncio

import pytest

from tocsin.connectors.publish.bounds import Room


async def test_who_comes_when_it_is_full_waits_in_order() -> None:
    room, entered = Room(10), []

    async def enter(size: int) -> None:
        await room.enter(size)
        entered.append(size)

    tasks = [asyncio.create_task(enter(size)) for size in (6, 4, 5, 3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert entered == [6, 4]
    room.leave(4)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert entered == [6, 4], "the small one does not overtake the one before it"
    room.leave(6)
    await asyncio.gather(*tasks)
    assert entered == [6, 4, 5, 3]


async def test_what_is_larger_than_the_room_gets_all_of_it() -> None:
    room = Room(10)
    await room.enter(50)
    waiting = asyncio.create_task(room.enter(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    room.leave(50)
    await waiting


@pytest.mark.parametrize("granted", [False, True])
async def test_who_gives_up_leaves_nothing_behind(granted: bool) -> None:
    room = Room(10)
    await room.enter(10)
    waiting = asyncio.create_task(room.enter(10))
    await asyncio.sleep(0)
    if granted:
        room.leave(10)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not granted:
        room.leave(10)
    async with asyncio.timeout(1):
        await room.enter(10)
