"""Who is attempted when: so many at a time of a receiver, in the order of asking, and each attempt once."""

from __future__ import annotations

import asyncio
from time import time_ns
from typing import cast

import msgspec
import pytest

from tests.streams.dispatcher.test_attempting import ATTEMPT
from tocsin.connectors.outcomes import Delivered
from tocsin.connectors.sinks import Sink
from tocsin.connectors.sinks.base import SinkOutcome
from tocsin.connectors.sinks.memory import MemorySink
from tocsin.schemas.events import DeliveryAttempt, DeliveryOutcome
from tocsin.streams.dispatcher.attempts import Attempts

FIRST = msgspec.structs.replace(ATTEMPT, recorded_at=time_ns() // 1000)


class Held(MemorySink):
    """Answers when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()

    async def deliver(self, attempt: DeliveryAttempt) -> SinkOutcome:
        self.attempts.append(attempt)
        await self.may.wait()
        return Delivered()


class Written:
    """What outcomes were written; the first `failures` of them are not."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.ids = failures, list[str]()

    async def __call__(self, attempt: DeliveryAttempt, outcome: DeliveryOutcome) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise ConnectionError
        self.ids.append(outcome.delivery_id)


async def begun(attempts: Attempts, *wanted: DeliveryAttempt) -> list[asyncio.Task[None]]:
    made = [asyncio.create_task(attempts.make(each)) for each in wanted]
    for _ in range(5):
        await asyncio.sleep(0)
    return made


async def test_an_attempt_that_is_read_again_meanwhile_waits_and_is_not_made_again() -> None:
    sink, written = Held(), Written()
    attempts = Attempts({"owner": cast(Sink, sink)}, 8, written)
    made = await begun(attempts, FIRST, FIRST, FIRST)
    assert len(sink.attempts) == 1
    assert not any(each.done() for each in made)
    sink.may.set()
    await asyncio.gather(*made)
    assert (len(sink.attempts), written.ids) == (1, ["d"])


@pytest.mark.parametrize("ends", ["its outcome cannot be written", "it is cancelled"])
async def test_who_waited_makes_it_where_the_first_one_failed(ends: str) -> None:
    sink, written = Held(), Written(failures=1 if ends.startswith("its") else 0)
    attempts = Attempts({"owner": cast(Sink, sink)}, 8, written)
    first, gave_up, *others = await begun(attempts, FIRST, FIRST, FIRST, FIRST)
    gave_up.cancel()
    if ends == "it is cancelled":
        first.cancel()
    sink.may.set()
    failed = (await asyncio.gather(first, gave_up, return_exceptions=True))[0]
    assert isinstance(failed, ConnectionError | asyncio.CancelledError)
    await asyncio.gather(*others)
    assert (len(sink.attempts), written.ids) == (2, ["d"])


async def test_turns_come_in_the_order_of_asking_and_none_is_lost() -> None:
    sink, written = Held(), Written()
    attempts = Attempts({"owner": cast(Sink, sink)}, 2, written)
    wanted = [msgspec.structs.replace(FIRST, delivery_id=f"d-{number}") for number in range(12)]
    made = await begun(attempts, *wanted)
    assert sink.delivery_ids == ["d-0", "d-1"]
    for number in (1, 2, 5, 11):  # one that has its turn, and some that wait
        made[number].cancel()
    sink.may.set()
    await asyncio.gather(*made, return_exceptions=True)
    assert sink.delivery_ids == [f"d-{number}" for number in range(12) if number not in (2, 5, 11)]
    assert len(attempts.turns) == 0
