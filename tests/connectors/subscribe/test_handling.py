"""What becomes of an event whose handler works, fails, hangs, gives up; with the subscriber that we ship for tests."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any

import pytest

from tests.connectors.subscribe.events import opened, resolved
from tocsin.connectors.subscribe import (
    DeadLetter,
    MemorySeenIds,
    MemorySubscriber,
    Received,
    Retries,
    TooManyDeadLetters,
    once,
)
from tocsin.connectors.subscribe.handling import MOST_IN_A_ROW


async def test_each_event_is_handled_once_in_order() -> None:
    subscriber, seen = MemorySubscriber([opened(n) for n in range(5)]), list[str]()

    async def handler(told: Received) -> None:
        seen.append(told.event_id)

    await subscriber.run(handler)
    assert seen == [f"event-{n}" for n in range(5)]
    assert (subscriber.counts(), subscriber.dead, len(subscriber.events)) == (
        {"handled": 5, "retried": 0, "dead": 0}, [], 0,
    )  # fmt: skip


async def test_what_it_gets_is_told_in_plain_words() -> None:
    got: list[Received] = []
    await MemorySubscriber([opened(1), resolved(1)]).run(got.append)
    first, second = got
    assert (first.kind, first.event_id, first.tenant, first.case) == ("ProblemOpened", "event-1", "acme", "case-1")
    assert (first.code, first.severity, first.attempt) == ("e.p.xfer.cant-use-endpoint", "error", 1)
    assert first.problem is not None
    assert first.problem.text == "number 1"
    assert (second.kind, second.case, second.code, second.severity, second.problem) == (
        "ProblemResolved", "case-1", None, None, None,
    )  # fmt: skip


async def test_a_handler_that_fails_is_called_again_and_the_rest_flows() -> None:
    subscriber, calls = MemorySubscriber([opened(1), opened(2)], retries=Retries(times=3)), list[tuple[str, int]]()

    def handler(told: Received) -> None:
        calls.append((told.event_id, told.attempt))
        if told.event_id == "event-1":
            raise ValueError("no such customer")

    await subscriber.run(handler)
    assert calls == [("event-1", 1), ("event-1", 2), ("event-1", 3), ("event-2", 1)]
    assert subscriber.waited == [0.5, 1.5]
    [(dead, reason, detail)] = subscriber.dead
    assert (dead.event_id, reason) == ("event-1", "handler_failed")
    assert detail == "3 calls, the last one: ValueError: no such customer"
    assert subscriber.counts() == {"handled": 1, "retried": 2, "dead": 1}


async def test_one_that_recovers_is_no_dead_letter() -> None:
    subscriber = MemorySubscriber([opened(1)])

    def handler(told: Received) -> None:
        if told.attempt < 3:
            raise ConnectionError

    await subscriber.run(handler)
    assert (subscriber.dead, subscriber.counts()["handled"]) == ([], 1)


async def test_a_handler_may_say_that_it_never_will() -> None:
    subscriber = MemorySubscriber([opened(1)])

    def handler(told: Received) -> None:
        raise DeadLetter("the customer has left")

    await subscriber.run(handler)
    assert [(reason, detail) for _, reason, detail in subscriber.dead] == [
        ("refused_by_handler", "the customer has left")
    ]
    assert subscriber.waited == []


async def test_a_call_that_takes_too_long_has_failed() -> None:
    subscriber = MemorySubscriber([opened(1)], retries=Retries(times=1), timeout=0.01)

    async def handler(told: Received) -> None:
        await asyncio.sleep(3600)

    await subscriber.run(handler)
    assert subscriber.dead[0][2] == "1 calls, the last one: TimeoutError"


async def test_a_handler_that_cancels_itself_has_failed() -> None:
    subscriber = MemorySubscriber([opened(1)], retries=Retries(times=1))

    async def handler(told: Received) -> None:
        raise asyncio.CancelledError

    await subscriber.run(handler)
    assert len(subscriber.dead) == 1


class _Callable:
    def __init__(self, seen: list[str]) -> None:
        self.seen = seen

    async def __call__(self, told: Received) -> None:
        self.seen.append(told.event_id)

    async def method(self, told: Received, more: int = 0) -> None:
        self.seen.append(told.event_id)


async def test_handlers_of_every_kind() -> None:
    seen: list[Any] = []
    one = _Callable(seen)
    for handler in (one, one.method, partial(one.method, more=1), lambda told: seen.append(told.event_id)):
        await MemorySubscriber([opened(1)]).run(handler)
    assert seen == ["event-1"] * 4
    await MemorySubscriber([opened(1)]).run(lambda told: seen.append(threading.current_thread()))
    assert seen[-1] is not threading.current_thread(), "a plain function does not stop the loop"


async def test_a_broken_handler_does_not_empty_the_topic() -> None:
    subscriber = MemorySubscriber([opened(n) for n in range(MOST_IN_A_ROW + 50)], retries=Retries(times=1))

    def handler(told: Received) -> None:
        raise KeyError("config")

    with pytest.raises(TooManyDeadLetters, match=r"101 events in a row .*KeyError"):
        await subscriber.run(handler)
    assert (len(subscriber.dead), subscriber.events[0].event_id) == (MOST_IN_A_ROW, f"event-{MOST_IN_A_ROW}")


async def test_one_that_works_between_them_begins_the_count_anew() -> None:
    subscriber = MemorySubscriber([opened(n) for n in range(3 * MOST_IN_A_ROW)], retries=Retries(times=1))

    def handler(told: Received) -> None:
        if told.offset % MOST_IN_A_ROW:
            raise KeyError

    await subscriber.run(handler)
    assert subscriber.counts() == {"handled": 3, "retried": 0, "dead": 3 * MOST_IN_A_ROW - 3}


async def test_a_repeat_is_done_once_with_seen_ids() -> None:
    seen, done = MemorySeenIds(), list[str]()

    def handler(told: Received) -> None:
        with once(seen, told.event_id) as new:
            if new and told.attempt == 1 and told.event_id == "event-2":
                raise ConnectionError("in the middle")
            if new:
                done.append(told.event_id)

    await MemorySubscriber([opened(1), opened(2), opened(1), opened(2)]).run(handler)
    assert done == ["event-1", "event-2"]


async def test_what_is_not_wanted_is_passed_over() -> None:
    seen: list[str] = []
    subscriber = MemorySubscriber([opened(1), resolved(1), opened(2, code="w.p.x")], codes="e.p.xfer")
    await subscriber.run(lambda told: seen.append(told.event_id))
    assert (seen, len(subscriber.events)) == (["event-1"], 0)
