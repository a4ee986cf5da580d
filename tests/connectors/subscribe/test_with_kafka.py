"""The subscriber against a real Kafka: groups, what is committed, dead letters and their replay, poison, waiting."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.connectors.subscribe.events import make_topics, opened, resolved, until, write
from tests.e2e.test_poison import ENTRIES, schema_in_use
from tests.harness.bus import Bus
from tests.harness.judging import read_topic
from tocsin.connectors.subscribe import DeadLetter, Received, Retries, Subscriber
from tocsin.schemas.codec import encode

SOON = Retries(times=2, first=0.01)
GUARD = 90.0
"""Seconds that nothing here may take, on however busy a machine."""


def subscriber(bootstrap: str, prefix: str, group: str = "g", **settings: Any) -> Subscriber:
    return Subscriber(bootstrap, group=group, prefix=prefix, **settings)


async def gathered(events: Subscriber, count: int) -> list[Received]:
    """So many events, the last of them done."""
    found: list[Received] = []
    async with asyncio.timeout(GUARD), events:
        async for told in events:
            found.append(told)
            if len(found) == count:
                break
        events.done()
    return found


def ids(found: list[Received]) -> list[str]:
    return sorted(told.event_id for told in found)


async def run_until(events: Subscriber, handler: Callable[[Received], Any], over: Callable[[], bool]) -> None:
    """Run the handler until `over()`."""
    running = asyncio.create_task(events.run(handler))
    async with asyncio.timeout(GUARD):
        await until(lambda: over() or running.done())
        events.stop()
        await running


async def dead(bootstrap: str, prefix: str) -> list[dict[str, str]]:
    """The headers of each dead letter."""
    partitions = await read_topic(bootstrap, f"{prefix}dead")
    records = [record for records in partitions.values() for record in records]
    return [{name: (value or b"").decode() for name, value in record.headers} for record in records]


async def test_each_group_gets_all_and_goes_on_where_it_ended(bootstrap: str, prefix: str) -> None:
    await make_topics(bootstrap, prefix)
    await write(bootstrap, prefix, [opened(n) for n in range(10)])
    assert ids(await gathered(subscriber(bootstrap, prefix, "one"), 10)) == [f"event-{n}" for n in range(10)]
    await write(bootstrap, prefix, [opened(n) for n in range(10, 15)])
    assert ids(await gathered(subscriber(bootstrap, prefix, "one"), 5)) == [f"event-{n}" for n in range(10, 15)]
    assert len(await gathered(subscriber(bootstrap, prefix, "another"), 15)) == 15


async def test_what_always_fails_is_a_dead_letter_for_its_group_alone_and_the_rest_flows(
    bootstrap: str, prefix: str, tmp_path: Any
) -> None:
    await make_topics(bootstrap, prefix)
    await write(bootstrap, prefix, [opened(n) for n in range(12)])
    calls = defaultdict[str, list[Received]](list)

    def handler(told: Received) -> None:
        calls[told.event_id].append(told)
        if told.event_id == "event-3":
            raise ValueError("no customer, password=hunter2hunter2")
        if told.event_id == "event-4":
            raise DeadLetter("not ours")

    billing = subscriber(bootstrap, prefix, "billing", retries=SOON)
    await run_until(billing, handler, lambda: billing.counts().get("handled") == 10 and billing.counts()["dead"] == 2)
    assert {event_id: len(told) for event_id, told in calls.items() if len(told) > 1} == {"event-3": 2}
    letters = {one["tocsin.reason"]: one for one in await dead(bootstrap, prefix)}
    assert letters.keys() == {"handler_failed", "refused_by_handler"}
    failed = letters["handler_failed"]
    assert failed["tocsin.for-group"] == "billing"
    assert failed["__connect.errors.topic"] == f"{prefix}problems"
    assert failed["__connect.errors.stage"] == "subscriber"
    assert failed["__connect.errors.exception.message"].startswith("group billing: 2 calls, the last one: ValueError")
    assert "hunter2" not in str(failed), "what a handler says is redacted as all that is written"
    assert len(await gathered(subscriber(bootstrap, prefix, "audit"), 12)) == 12

    # Replayed by a person, that group alone gets them again; each is known by its id, and marked.
    bus = Bus(bootstrap, prefix, tmp_path)
    code, said = await bus.run("dead", "list")
    assert code == 0, said
    assert "group billing: 2 calls" in said
    code, said = await bus.run("dead", "replay", "--all")
    assert code == 0, said
    await write(bootstrap, prefix, [opened(12)])
    again = await gathered(subscriber(bootstrap, prefix, "billing"), 3)
    assert [(told.event_id, told.replayed) for told in sorted(again, key=lambda told: told.event_id)] == [
        ("event-12", False), ("event-3", True), ("event-4", True),
    ]  # fmt: skip
    assert ids(await gathered(subscriber(bootstrap, prefix, "audit"), 1)) == ["event-12"]


POISON: dict[str, tuple[bytes, str]] = {
    "no frame": (b"garbage", "not_framed"),
    "empty": (b"", "empty"),
    "half an event": (encode(opened(1))[:20], "truncated"),
    "a schema of somebody else": (b"\0\0\0\0\7abc", "unknown_schema"),
    "an event that does not belong here": (schema_in_use(1999, "{}"), "wrong_topic"),
}


async def test_poison_is_put_aside_with_its_reason(
    bootstrap: str, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    await make_topics(bootstrap, prefix)
    await write(bootstrap, prefix, [*(value for value, _ in POISON.values()), opened(1), resolved(1)])
    seen: list[str] = []
    events = subscriber(bootstrap, prefix)
    await run_until(
        events, lambda told: seen.append(told.kind), lambda: len(seen) == 2 and sum(events.lag().values()) == 0
    )
    assert sorted(seen) == ["ProblemOpened", "ProblemResolved"]
    letters = await dead(bootstrap, prefix)
    assert sorted(one["tocsin.reason"] for one in letters) == sorted(reason for _, reason in POISON.values())
    assert {one["tocsin.for-group"] for one in letters} == {"g"}
    assert events.counts()["unreadable"] == len(POISON)
    assert len([one for one in caplog.records if "is no event" in one.getMessage()]) == 1, "no flood of lines"


async def test_what_a_newer_release_wrote_is_waited_for(bootstrap: str, prefix: str) -> None:
    await make_topics(bootstrap, prefix)
    newer = b"\0" + (1999).to_bytes(4, "big") + encode(opened(1))[5:]
    await write(bootstrap, prefix, [newer, opened(2)])
    events = subscriber(bootstrap, prefix)
    seen: list[str] = []
    running = asyncio.create_task(events.run(lambda told: seen.append(told.event_id)))
    async with asyncio.timeout(GUARD):
        await until(lambda: events.trouble() and seen)
        assert "its schema is not known" in (events.trouble() or "")
        assert seen == ["event-2"], "other cases go on"
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        await producer.start()
        learned = schema_in_use(1999, ENTRIES["ProblemOpened"].text)
        await producer.send_and_wait(f"{prefix}settings", learned, key=b"schema/1999")
        await producer.stop()
        await until(lambda: len(seen) == 2)
        events.stop()
        await running
    assert (seen, events.trouble(), await dead(bootstrap, prefix)) == (["event-2", "event-1"], None, [])


async def test_what_claims_a_schema_that_nobody_has_stops_its_case_for_a_while_only(
    bootstrap: str, prefix: str
) -> None:
    await make_topics(bootstrap, prefix)
    forged = b"\0" + (1999).to_bytes(4, "big") + b"junk"
    await write(bootstrap, prefix, [forged, opened(1, case="poison"), forged, opened(2, case="poison")])
    events, seen = subscriber(bootstrap, prefix, schema_within=0.5), list[str]()
    await run_until(
        events,
        lambda told: seen.append(told.event_id),
        lambda: len(seen) == 2 and sum(events.lag().values()) == 0,
    )
    assert (seen, events.trouble(), events.counts()["unreadable"]) == (["event-1", "event-2"], None, 2)
    letters = await dead(bootstrap, prefix)
    assert [(one["tocsin.reason"], one["tocsin.for-group"]) for one in letters] == [("schema_not_known_yet", "g")] * 2


async def test_the_order_of_each_case_is_kept_when_many_are_handled_at_once(bootstrap: str, prefix: str) -> None:
    await make_topics(bootstrap, prefix)
    await write(bootstrap, prefix, [opened(n, case=f"case-{n % 10}") for n in range(200)])
    dice, running, most = random.Random(7), set[str](), 0
    order = defaultdict[str, list[int]](list)

    async def handler(told: Received) -> None:
        nonlocal most
        assert told.case is not None
        assert told.case not in running, "two events of one case at the same time"
        running.add(told.case)
        most = max(most, len(running))
        await asyncio.sleep(dice.random() / 100)
        running.discard(told.case)
        if dice.random() < 0.1 and told.attempt == 1:
            raise ConnectionError
        order[told.case].append(int(told.event_id.removeprefix("event-")))

    events = subscriber(bootstrap, prefix, at_once=8, retries=SOON)
    await run_until(events, handler, lambda: events.counts().get("handled") == 200)
    assert order == {f"case-{one}": list(range(one, 200, 10)) for one in range(10)}
    assert most > 1


async def test_what_is_being_handled_ends_before_its_partition_goes(bootstrap: str, prefix: str) -> None:
    await make_topics(bootstrap, prefix, partitions=2)
    await write(bootstrap, prefix, [opened(n) for n in range(40)])
    seen: list[tuple[str, str]] = []

    def handler(name: str) -> Callable[[Received], Any]:
        async def handle(told: Received) -> None:
            await asyncio.sleep(0.05)
            seen.append((name, told.event_id))

        return handle

    first, second = subscriber(bootstrap, prefix), subscriber(bootstrap, prefix)
    running = [asyncio.create_task(first.run(handler("first")))]
    async with asyncio.timeout(GUARD):
        await until(lambda: len(seen) >= 5)
        running.append(asyncio.create_task(second.run(handler("second"))))
        await until(lambda: len({event_id for _, event_id in seen}) == 40)
        await until(lambda: len(second.lag()) == len(first.lag()) == 1)
        first.stop()
        await running[0]
        await write(bootstrap, prefix, [opened(n) for n in range(40, 50)])
        await until(lambda: len({event_id for _, event_id in seen}) == 50)
        second.stop()
        await running[1]
    assert len(seen) == 50, "none twice: each partition went when what it had in hand was done, and committed"


async def test_a_topic_that_is_not_there_is_waited_for(bootstrap: str, prefix: str) -> None:
    events = subscriber(bootstrap, prefix)
    waiting = asyncio.create_task(gathered(events, 1))
    async with asyncio.timeout(GUARD):
        await until(lambda: events.trouble())
        assert events.trouble() == f"there is no topic {prefix}problems: tocsin topics apply"
        await make_topics(bootstrap, prefix)
        await write(bootstrap, prefix, [opened(1)])
        assert ids(await waiting) == ["event-1"]
    assert events.trouble() is None


@pytest.mark.parametrize("way", ["run", "iterate"])
async def test_without_kafka_it_waits_says_so_and_can_be_stopped(way: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    events = Subscriber(address, group="g")
    waiting = asyncio.ensure_future(events.run(print) if way == "run" else anext(events))
    async with asyncio.timeout(GUARD):
        await until(lambda: events.trouble())
        assert f"Kafka at {address}" in (events.trouble() or "")
        events.stop()
        await asyncio.wait([waiting])
    assert isinstance(waiting.exception(), StopAsyncIteration | type(None))


async def test_one_subscriber_is_read_once(bootstrap: str, prefix: str) -> None:
    await make_topics(bootstrap, prefix)
    await write(bootstrap, prefix, [opened(1)])
    events = subscriber(bootstrap, prefix)
    await gathered(events, 1)
    with pytest.raises(RuntimeError, match="make another one"):
        await events.run(print)


def test_threads(bootstrap: str, prefix: str) -> None:
    async def prepare() -> None:
        await make_topics(bootstrap, prefix)
        await write(bootstrap, prefix, [opened(n) for n in range(5)])

    asyncio.run(prepare())
    found: list[Received] = []
    with Subscriber.sync(bootstrap, group="g", prefix=prefix) as events:
        for told in events:
            found.append(told)
            if len(found) == 3:
                break  # the third is not done
    with Subscriber.sync(bootstrap, group="g", prefix=prefix) as events:
        for told in events:
            found.append(told)
            if {one.event_id for one in found} == {f"event-{n}" for n in range(5)}:
                events.stop()
    assert len(found) == 6
    seen: list[str] = []
    with Subscriber.sync(bootstrap, group="other", prefix=prefix) as events:

        def handler(told: Received) -> None:
            seen.append(told.event_id)
            if len(seen) == 5:
                events.stop()

        events.run(handler)
        assert events.counts()["handled"] == 5
    assert len(seen) == 5
