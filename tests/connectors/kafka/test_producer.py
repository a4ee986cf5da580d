"""The one producer: started once, replaced when a batch failed, and whoever waits always gets an answer."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError

from tocsin.connectors.kafka import BatchProducer, ProducerReplaced, TopicNotThere
from tocsin.connectors.kafka import producer as module


class Batch:
    """A filled batch; `closed` once it may go out."""

    closed = False

    def close(self) -> None:
        self.closed = True


class Fake:
    """aiokafka's producer: `answers` has the future of every batch by topic and partition."""

    made: list[Fake]
    refusals: int = 0

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.answers: dict[tuple[str, int], asyncio.Future[Any]] = {}
        self.stopped = asyncio.Event()
        self._sender = None
        self.topics: set[str] = {"t"}
        self.client = SimpleNamespace(
            cluster=SimpleNamespace(partitions_for_topic=lambda topic: {1, 0} if topic in self.topics else None),
            add_topic=lambda topic: None,
            force_metadata_update=self._update,
            close=self._close,
        )
        self.closed = False
        Fake.made.append(self)

    async def start(self) -> None:
        if Fake.refusals:
            Fake.refusals -= 1
            raise KafkaConnectionError("nobody listens")

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Future[Any]:
        assert batch.closed
        future = self.answers[topic, partition] = asyncio.get_running_loop().create_future()
        return future

    async def stop(self) -> None:
        await self.stopped.wait()

    async def _update(self) -> bool:
        return True

    async def _close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> list[Fake]:
    Fake.made, Fake.refusals = [], 0
    monkeypatch.setattr(module, "PacedProducer", Fake)
    monkeypatch.setattr(module, "RETRY_START", 0.001)
    return Fake.made


async def sending(producer: BatchProducer, *places: tuple[str, int], made: int = 1) -> asyncio.Task[Any]:
    """A send that waits for its acknowledgement, in the producer that was made as the `made`th."""
    task = asyncio.create_task(producer.send([(Batch(), *place) for place in places]))
    async with asyncio.timeout(5):
        while not all(len(Fake.made) == made and place in Fake.made[-1].answers for place in places):  # noqa: ASYNC110
            await asyncio.sleep(0)
    return task


async def test_many_callers_start_it_once(fakes: list[Fake]) -> None:
    producer = BatchProducer("host:1", linger_ms=0)
    assert len({id(one) for one in await asyncio.gather(*(producer.started() for _ in range(9)))}) == 1
    assert len(fakes) == 1
    assert fakes[0].settings == {
        "bootstrap_servers": "host:1", "acks": "all", "enable_idempotence": True, "linger_ms": 0,
    }  # fmt: skip


async def test_kafka_away_is_waited_for_or_told(fakes: list[Fake]) -> None:
    Fake.refusals = 3
    with pytest.raises(KafkaConnectionError):
        await BatchProducer("host:1").started()
    await BatchProducer("host:1", patient=True).started()
    assert len(fakes) == 4
    assert [fake.closed for fake in fakes] == [True, True, True, False]


async def test_a_topic_that_is_not_there_is_named() -> None:
    with pytest.raises(TopicNotThere, match="other"):
        await BatchProducer("host:1", topic="other", patient=True).started()
    producer = BatchProducer("host:1")
    assert await producer.partitions("t") == [0, 1]
    with pytest.raises(TopicNotThere):
        await producer.partitions("other")


async def test_batches_are_acknowledged_in_their_order(fakes: list[Fake]) -> None:
    task = await sending(BatchProducer("host:1"), ("t", 0), ("t", 1))
    fakes[0].answers["t", 1].set_result("second")
    fakes[0].answers["t", 0].set_result("first")
    assert await task == ["first", "second"]


async def test_after_a_failed_batch_the_others_have_time_and_the_next_goes_elsewhere(fakes: list[Fake]) -> None:
    producer = BatchProducer("host:1")
    other, failing = await sending(producer, ("t", 1)), await sending(producer, ("t", 0))
    fakes[0].answers["t", 0].set_exception(MessageSizeTooLargeError())
    with pytest.raises(MessageSizeTooLargeError):
        await failing
    again = await sending(producer, ("t", 0), made=2)
    fakes[1].answers["t", 0].set_result("stored")
    fakes[0].answers["t", 1].set_result("stored too")
    assert (await again, await other) == (["stored"], ["stored too"])
    fakes[0].stopped.set()
    fakes[1].stopped.set()
    await producer.close()
    assert [fake.closed for fake in fakes] == [True, True]


async def test_what_is_under_way_in_a_stuck_producer_ends(fakes: list[Fake]) -> None:
    producer = BatchProducer("host:1")
    first, second = await sending(producer, ("t", 0)), await sending(producer, ("t", 1))
    producer.replace()
    for task in (first, second):
        with pytest.raises(ProducerReplaced):
            await task
    assert not fakes[0].answers["t", 0].cancelled(), "aiokafka's sender dies of a cancelled batch"
    producer.replace()  # nothing is there to be replaced
    await producer.started()
    assert len(fakes) == 2


async def test_close_waits_for_a_flush_no_longer_than_it_may(fakes: list[Fake]) -> None:
    producer = BatchProducer("host:1")
    task = await sending(producer, ("t", 0))
    await producer.close(0.01)
    with pytest.raises(ProducerReplaced):
        await task
    assert fakes[0].closed


async def test_who_gives_up_waiting_does_not_take_the_batch_back(fakes: list[Fake]) -> None:
    producer = BatchProducer("host:1")
    task = await sending(producer, ("t", 0))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert not fakes[0].answers["t", 0].cancelled()


async def test_a_dead_sender_is_an_error_of_kafka(fakes: list[Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*args: object, **kwargs: object) -> None:
        raise AssertionError("sender is gone")

    monkeypatch.setattr(Fake, "send_batch", broken)
    with pytest.raises(KafkaError, match="sender is gone"):
        await BatchProducer("host:1").send([(Batch(), "t", 0)])
