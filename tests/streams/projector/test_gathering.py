"""When the projector waits for more to come before it reads again."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest
from aiokafka import TopicPartition

from tocsin.streams.projector.gathering import gather


class Consumer:
    """What is known of the partitions: where the next read of each begins, and its end."""

    def __init__(self, known: dict[TopicPartition, tuple[int, int | None]]) -> None:
        self._known = known

    async def position(self, place: TopicPartition) -> int:
        return self._known[place][0]

    def highwater(self, place: TopicPartition) -> int | None:
        return self._known[place][1]


# what was read, as position and end of each partition; since when; whether it waits
READS: dict[str, tuple[list[tuple[int, int | None]], float, bool]] = {
    "nothing was read": ([], 0, False),
    "all that there was": ([(7, 7), (3, 3)], 0, True),
    "one has more": ([(7, 7), (3, 4)], 0, False),
    "its end is not known": ([(7, None)], 0, True),
    "it took long to take up": ([(7, 7)], 3600, False),
}


@pytest.mark.parametrize(("read", "ago", "waits"), list(READS.values()), ids=list(READS))
async def test_it_waits(
    read: list[tuple[int, int | None]], ago: float, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        waited.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", noted)
    monkeypatch.setattr("tocsin.streams.projector.gathering.GATHER", 1000.0)
    places = {TopicPartition("t", number): known for number, known in enumerate(read)}
    await gather(Consumer(places), places, monotonic() - ago)
    assert any(seconds > 0 for seconds in waited) is waits
