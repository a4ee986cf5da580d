"""All streams of a gateway share one reader; who is behind is told the rest, in turns; each is told everything once."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

import pytest
from aiokafka.errors import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.event_logs import RECORD, MemoryTopics, event
from tocsin.schemas.events import Event
from tocsin.streams.ask.positions import Happened, Positions
from tocsin.streams.processes import event_ring, event_stream
from tocsin.streams.processes.event_log import Told
from tocsin.streams.processes.event_stream import EventStream

PLACES = [(topic, number) for topic in ("problems", "escalations") for number in range(2)]
BEGIN: Positions = {}
BEAT = 60.0


@pytest.fixture
async def topics() -> MemoryTopics:
    return MemoryTopics()


@pytest.fixture
async def stream(topics: MemoryTopics) -> AsyncIterator[EventStream]:
    stop = asyncio.Event()
    yield EventStream(topics.reader, stop)
    stop.set()
    await until(lambda: topics.open == 0)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def heard(following: AsyncGenerator[Happened, None], enough: int) -> tuple[list[str], Positions]:
    """The ids of the next so many events, and where the stream stands then."""
    found: list[str] = []
    standing: Positions = {}
    async with asyncio.timeout(60):
        while len(found) < enough or not standing:
            happened, behind = await anext(following)
            standing = {topic: dict(offsets) for topic, offsets in behind.items()}
            found += [] if happened is None else [happened.event_id]
    return found, standing


def fill(topics: MemoryTopics, first: int, count: int, tenant: str = "acme") -> list[str]:
    events = [event(tenant, number) for number in range(first, first + count)]
    for number, one in enumerate(events):
        topics.append(PLACES[number % len(PLACES)], one)
    return [one.event_id for one in events]


async def test_many_live_streams_read_each_record_once(topics: MemoryTopics, stream: EventStream) -> None:
    followings = [stream.follow("acme", None, BEAT) for _ in range(100)]
    for following in followings:
        await heard(following, 0)
    happened = fill(topics, 0, 60)
    fill(topics, 100, 60, "globex")
    for following in followings:
        assert sorted((await heard(following, 60))[0]) == sorted(happened)
        await following.aclose()
    await until(lambda: topics.read.total() == 120)
    assert set(topics.read.values()) == {1}


async def test_of_many_from_the_beginning_each_piece_is_read_for_all(topics: MemoryTopics, stream: EventStream) -> None:
    happened = fill(topics, 0, 200)
    told = await asyncio.gather(*(heard(stream.follow("acme", BEGIN, BEAT), 200) for _ in range(20)))
    assert [sorted(ids) for ids, _ in told] == [sorted(happened)] * 20
    assert topics.read.total() == 200


async def test_who_is_a_little_behind_waits_for_nobody_who_is_far_behind(
    topics: MemoryTopics, stream: EventStream
) -> None:
    """They are read for in turns."""
    fill(topics, 0, 400)
    far = stream.follow("acme", BEGIN, BEAT)
    await heard(far, 10)
    last = {topic: {0: 95, 1: 95} for topic in ("problems", "escalations")}
    near = stream.follow("acme", last, BEAT)
    telling = asyncio.create_task(heard(far, 390))
    assert len((await heard(near, 20))[0]) == 20
    assert not telling.done(), "the one that is far behind is not done"
    assert len((await telling)[0]) == 390
    for following in (far, near):
        await following.aclose()


async def test_a_client_that_takes_nothing_is_kept_one_piece_of(
    topics: MemoryTopics, stream: EventStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it missed it is told from Kafka."""
    most = 10 * RECORD
    monkeypatch.setattr(event_ring, "PIECE_COSTS", 0)
    monkeypatch.setattr(event_ring.EventRing.__init__, "__defaults__", (most,))
    gc.collect()
    before = kept()
    slow, live = stream.follow("acme", None, BEAT), stream.follow("acme", None, BEAT)
    await heard(slow, 0)
    await heard(live, 0)
    happened = fill(topics, 0, 20)
    first, _ = await heard(slow, 1)
    for round_ in range(1, 20):
        happened += fill(topics, round_ * 20, 20)
        await heard(live, 20)
    await heard(live, 20)
    bound = most // RECORD + (2 + event_stream.SHARED) * topics.piece
    assert kept() - before <= bound < len(happened), "the ring, a piece for each, and those read for who was behind"
    rest, _ = await heard(slow, 399)
    assert sorted(first + rest) == sorted(happened)
    for following in (slow, live):
        await following.aclose()


def kept() -> int:
    return sum(isinstance(one, Told) for one in gc.get_objects())


async def test_a_tenant_is_told_of_its_own_alone_and_its_position_goes_on_all_the_same(
    topics: MemoryTopics, stream: EventStream
) -> None:
    acme, idle = stream.follow("acme", None, BEAT), stream.follow("nobody", None, 0.0)
    await heard(acme, 0)
    await heard(idle, 0)
    fill(topics, 0, 40, "globex")
    happened = fill(topics, 0, 4)
    assert sorted((await heard(acme, 4))[0]) == sorted(happened)
    async with asyncio.timeout(60):
        while (told := await anext(idle))[1] != topics.bounds()[1]:
            assert told[0] is None
    for following in (acme, idle):
        await following.aclose()


async def test_what_kafka_keeps_no_longer_is_passed_over(topics: MemoryTopics, stream: EventStream) -> None:
    happened = fill(topics, 0, 40)
    topics.begins[PLACES[0]] = 10
    topics.begins[PLACES[1]] = 4
    following = stream.follow("acme", BEGIN, BEAT)
    assert sorted((await heard(following, 26))[0]) == sorted(
        one for number, one in enumerate(happened) if number % 4 > 1 or (number % 4 == 1 and number > 16)
    )
    await following.aclose()


async def ended(following: AsyncGenerator[Happened, None]) -> list[Event | None]:
    async with asyncio.timeout(60), aclosing(following):
        return [happened async for happened, _ in following]


@pytest.mark.parametrize("what", ["a topic is made again", "a partition is new", "Kafka is away", "the gateway ends"])
async def test_streams_end_and_who_comes_back_goes_on(
    what: str, topics: MemoryTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "LOOKED_AT", 0.0)
    stop = asyncio.Event()
    stream = EventStream(topics.reader, stop)
    fill(topics, 0, 8)
    followings = [stream.follow("acme", None, BEAT) for _ in range(3)]
    _, standing = (await asyncio.gather(*(heard(one, 0) for one in followings)))[0]
    if what == "a topic is made again":
        topics.records[PLACES[0]] = [event("acme", 100)]
    elif what == "a partition is new":
        topics.records["problems", 2] = [event("acme", 200)]
    elif what == "Kafka is away":
        topics.broken = KafkaError("away")
    else:
        stop.set()
    assert await asyncio.gather(*(ended(one) for one in followings)) == [[]] * 3
    assert await ended(stream.follow("acme", standing, BEAT)) == [] if topics.broken or stop.is_set() else True
    await until(lambda: topics.open == 0)
    topics.broken = None
    again = EventStream(topics.reader, asyncio.Event()) if stop.is_set() else stream
    following = again.follow("acme", standing, BEAT)
    if what == "a partition is new":
        assert (await heard(following, 1))[0] == ["acme-200"]
    await heard(following, 0) if what != "a partition is new" else None
    topics.append(PLACES[1], event("acme", 300))
    assert (await heard(following, 1))[0] == ["acme-300"]
    await following.aclose()


async def test_reading_ends_some_time_after_the_last_stream(
    topics: MemoryTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "LINGER", 0.0)
    stream = EventStream(topics.reader, asyncio.Event())
    one, other = stream.follow("acme", None, BEAT), stream.follow("acme", None, BEAT)
    await heard(one, 0)
    await heard(other, 0)
    assert topics.open == 2, "what is new, and what is older"
    await one.aclose()
    topics.append(PLACES[0], event("acme", 0))
    assert (await heard(other, 1))[0] == ["acme-0"]
    assert topics.open == 2
    await other.aclose()
    await until(lambda: topics.open == 0)


async def test_with_the_gateway_the_reader_ends_whatever_it_waits_for(topics: MemoryTopics) -> None:
    async with EventStream(topics.reader, asyncio.Event()) as stream:
        following = stream.follow("acme", None, BEAT)
        await heard(following, 0)
        assert topics.open == 2
    assert topics.open == 0
    assert await ended(following) == []


async def test_one_that_is_left_while_it_is_read_for_keeps_nobody_waiting(
    topics: MemoryTopics, stream: EventStream
) -> None:
    happened = fill(topics, 0, 40)
    leaving = [asyncio.create_task(heard(stream.follow("acme", BEGIN, BEAT), 40)) for _ in range(5)]
    for number, task in enumerate(leaving):
        for _ in range(number * 3):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)
    assert sorted((await heard(stream.follow("acme", BEGIN, BEAT), 40))[0]) == sorted(happened)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("happens"), st.integers(0, 3), st.integers(1, 12), st.sampled_from(["acme", "globex"])),
        st.tuples(st.just("told"), st.integers(0, 2), st.integers(0, 9)),
        st.tuples(st.just("comes back"), st.integers(0, 2)),
        st.tuples(st.just("begins"), st.integers(0, 2)),
    ),
    max_size=30,
)


@given(STEPS, st.integers(1, 6), st.integers(1, 12))
def test_whatever_happens_nothing_is_missed_and_nothing_told_twice(
    steps: list[tuple[str, int]], piece: int, ring: int
) -> None:
    """Streams of two tenants that are told at any pace, left, taken up again from the last position, from the first."""
    asyncio.run(_played(steps, piece, ring))


class Listener:
    """A client of a tenant: what it must be told yet, by place and in order, and what it was told."""

    def __init__(self, topics: MemoryTopics, stream: EventStream, tenant: str) -> None:
        self.topics, self.stream, self.tenant = topics, stream, tenant
        self.standing: Positions | None = None
        self.following: AsyncGenerator[Happened, None] | None = None

    async def come_back(self, standing: Positions | None) -> None:
        """Begin there, after the old one has gone."""
        if self.following is not None:
            await self.following.aclose()
        self.following = self.stream.follow(self.tenant, standing, BEAT)
        _, self.standing = await heard(self.following, 0)

    def due(self) -> dict[tuple[str, int], list[str]]:
        """What is to be told from where it stands."""
        assert self.standing is not None
        return {
            (topic, number): [
                one.event_id for one in records[self.standing[topic][number] :] if one.tenant == self.tenant
            ]
            for (topic, number), records in self.topics.records.items()
        }

    async def told(self, count: int) -> None:
        """It is told so many, if there are, and each is the next one of its place."""
        due = self.due()
        assert self.following is not None
        for _ in range(min(count, sum(map(len, due.values())))):
            (found,), self.standing = await heard(self.following, 1)
            place = next((place for place, ids in due.items() if ids[:1] == [found]), None)
            assert place is not None, f"{found} where one of {due} was due"
            del due[place][0]
            assert due == self.due(), "its position says what it was told"


async def _played(steps: list[tuple[str, int]], piece: int, ring: int) -> None:
    topics, stop = MemoryTopics(piece=piece), asyncio.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_ring, "PIECE_COSTS", 0)
        patch.setattr(event_ring.EventRing.__init__, "__defaults__", (ring * RECORD,))
        stream, happened = EventStream(topics.reader, stop), 0
        listeners = [Listener(topics, stream, tenant) for tenant in ("acme", "acme", "globex")]
        for listener in listeners:
            await listener.come_back(None)
        for step in steps:
            match step:
                case ("happens", int(place), int(count), str(tenant)):
                    for _ in range(count):
                        happened += 1
                        topics.append(PLACES[place], event(tenant, happened))
                case ("told", int(number), int(count)):
                    await listeners[number].told(count)
                case ("comes back", int(number)):
                    await listeners[number].come_back(listeners[number].standing)
                case ("begins", int(number)):
                    await listeners[number].come_back(BEGIN)
        for listener in listeners:
            await listener.told(10_000)
            assert listener.following is not None
            await listener.following.aclose()
        stop.set()
        await until(lambda: topics.open == 0)
