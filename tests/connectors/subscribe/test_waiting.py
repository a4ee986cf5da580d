"""How long a schema that nobody has is waited for: by a clock that stands still unless somebody sleeps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from aiokafka import ConsumerRecord

from tests.connectors.subscribe.events import opened
from tests.e2e.test_poison import ENTRIES
from tocsin.connectors.subscribe.reading import Poison
from tocsin.connectors.subscribe.troubles import Troubles
from tocsin.connectors.subscribe.waiting import Reader
from tocsin.schemas.codec import encode
from tocsin.schemas.schema_book import SchemaBook

NEWER = ENTRIES["ProblemOpened"].text


def record(schema_id: int, offset: int = 5) -> ConsumerRecord:
    value = b"\0" + schema_id.to_bytes(4, "big") + encode(opened(offset))[5:]
    return ConsumerRecord("tocsin.problems", 8, offset, 1, 0, b"case", value, None, 0, 0, ())


@dataclass
class Waiting:
    """A reader, and what it did: how often it asked, how long it slept, what it said while it did."""

    within: float = 60.0
    announced: Callable[[float], list[int]] = lambda now: []
    now: float = 1000.0
    asked: int = 0
    said: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book, self.troubles = SchemaBook(), Troubles()
        self.reader = Reader(self.book, self._learn, self.troubles, self.within, lambda: self.now, self._sleep)

    async def _learn(self) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        for schema_id in self.announced(self.now):
            self.book.add_foreign_schema(schema_id, NEWER)

    async def _sleep(self, seconds: float) -> None:
        self.said.append(self.troubles.note())
        self.now += seconds
        await asyncio.sleep(0)

    async def fate(self, schema_id: int, offset: int = 5) -> str:
        """The id of the event that was read, or the reason of its dead letter."""
        try:
            return (await self.reader.read(record(schema_id, offset), "problems")).event_id
        except Poison as poison:
            return poison.reason


async def test_it_is_waited_for_so_long_and_then_put_aside() -> None:
    waiting = Waiting(within=61.0)
    assert await waiting.fate(1999) == "schema_not_known_yet"
    assert waiting.now == 1061.0
    assert waiting.troubles.note() is None, "nothing is waited for any more"
    [said] = {said for said in waiting.said if said}
    assert said.startswith("a newer Tocsin wrote tocsin.problems/8@5, its schema is not known: ")
    assert said.endswith("at most 61 s, then it is a dead letter (schema_not_known_yet)")


async def test_what_is_announced_meanwhile_is_read() -> None:
    waiting = Waiting(announced=lambda now: [1999] if now >= 1010 else [])
    assert await waiting.fate(1999) == "event-5"
    assert (waiting.now, waiting.troubles.note()) == (1010.0, None)


async def test_a_flood_waits_no_longer_than_its_first_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tocsin.subscribe")
    waiting = Waiting()
    for offset in range(50):  # one behind the other, as in one case
        assert await waiting.fate(1999, offset) == "schema_not_known_yet"
    assert waiting.now == 1060.0
    lines = [one.getMessage() for one in caplog.records]
    assert sum("was announced by nobody" in line for line in lines) == 1
    assert sum(line.startswith("waiting:") for line in lines) == 1


async def test_those_of_many_cases_wait_together_and_are_one_trouble() -> None:
    waiting = Waiting()
    fates = await asyncio.gather(*(waiting.fate(1999, offset) for offset in range(20)))
    assert set(fates) == {"schema_not_known_yet"}
    assert {said.count("a newer Tocsin wrote") for said in waiting.said if said} == {1}
    assert waiting.troubles.note() is None


async def test_one_that_was_given_up_is_asked_for_once_more_each_time() -> None:
    known: list[int] = []
    waiting = Waiting(within=0.0, announced=lambda now: known)
    assert await waiting.fate(1999) == "schema_not_known_yet"
    known.append(1999)
    assert await waiting.fate(1999) == "event-5", "announced since: nothing of it is lost"
    assert waiting.asked == 2


async def test_another_schema_has_a_wait_of_its_own() -> None:
    waiting = Waiting()
    await waiting.fate(1999)
    await waiting.fate(1998)
    assert waiting.now == 1120.0


async def test_who_waits_at_the_same_time_asks_once() -> None:
    waiting = Waiting(within=0.0)
    await asyncio.gather(*(waiting.fate(1999, offset) for offset in range(20)))
    assert waiting.asked == 2, "the first alone, the others by a question that began after they came"


async def test_a_question_that_was_cancelled_answers_nobody() -> None:
    """Partitions go while it is asked; who waited for the same answer asks again, rather than give up unasked."""
    waiting = Waiting(within=0.0, announced=lambda now: [1999] if waiting.asked == 3 else [])
    first, second, third = (asyncio.create_task(waiting.fate(1999)) for _ in range(3))
    while waiting.asked < 2:  # noqa: ASYNC110
        await asyncio.sleep(0)
    second.cancel()
    assert (await first, await third) == ("schema_not_known_yet", "event-5")
