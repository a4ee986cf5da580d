"""The topic `settings`, and what a process says when the bus is not there."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from typing import cast

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from tocsin.schemas.codec import encode
from tocsin.schemas.events import Matcher, MatchOperator, SilenceSet, SubscriptionSet
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.processes.lifecycle import beside
from tocsin.streams.settings import Settings
from tocsin.streams.silences import settings_topic
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.silences.silences import Silences
from tocsin.streams.silences.subscriptions import key_of
from tocsin.streams.topics import TopicsMissing, apply


async def test_missing_topics_are_named_at_once(bootstrap: str, prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    topic = SettingsTopic(bootstrap, prefix, SchemaBook(), "worker")
    with pytest.raises(TopicsMissing, match=rf"missing: {prefix}inbox, .*; run: tocsin topics apply") as missing:
        await topic.__aenter__()
    assert missing.value.exit_code == 69
    assert "not found in cluster metadata" not in caplog.text


async def test_once_they_are_made_it_opens(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await apply(admin, Settings(bootstrap=bootstrap, prefix=prefix, partitions=1))
    await admin.close()
    async with SettingsTopic(bootstrap, prefix, SchemaBook(), "worker"):
        pass


async def test_nothing_is_left_open_when_kafka_is_away(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(KafkaConnectionError):
        await SettingsTopic(nobody, "p.", SchemaBook(), "worker").__aenter__()
    gc.collect()
    assert "Unclosed" not in caplog.text


async def test_the_reader_is_closed_when_opening_fails_half_way(
    bootstrap: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def announced(topic: SettingsTopic) -> None:
        raise KafkaConnectionError("gone meanwhile")

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await apply(admin, Settings(bootstrap=bootstrap, prefix=prefix, partitions=1))
    await admin.close()
    monkeypatch.setattr(SettingsTopic, "_announce", announced)
    with pytest.raises(KafkaConnectionError):
        await SettingsTopic(bootstrap, prefix, SchemaBook(), "worker").__aenter__()
    gc.collect()  # an unclosed reader warns, and warnings are errors


def a_silence(name: str, *, ends_in: float = 3600, removed: bool = False) -> SilenceSet:
    now = time.time_ns() // 1000
    return SilenceSet(
        event_id=f"{name}-{removed}",
        tenant="acme",
        occurred_at=now,
        recorded_at=now,
        silence=name,
        matchers=[Matcher(field="code", operator=MatchOperator.PREFIX, value="e.p")],
        starts_at=0,
        ends_at=now + int(ends_in * 1e6),
        by="ann",
        removed=removed,
    )


async def test_a_silence_is_known_everywhere_now_and_after_a_restart(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await apply(admin, Settings(bootstrap=bootstrap, prefix=prefix, partitions=1))
    await admin.close()

    def names(topic: SettingsTopic) -> list[str]:
        return [one.name for one in topic.silences.in_force]

    async def until(topic: SettingsTopic, wanted: list[str]) -> None:
        async with asyncio.timeout(60):
            while names(topic) != wanted:  # noqa: ASYNC110 - it follows the topic by itself
                await asyncio.sleep(0.05)

    async with (
        SettingsTopic(bootstrap, prefix, SchemaBook(), "worker") as worker,
        SettingsTopic(bootstrap, prefix, SchemaBook(), "gateway") as gateway,
    ):
        await gateway.put_silence(a_silence("old", ends_in=-2 * 86400))
        await gateway.put_silence(a_silence("s"))
        assert names(gateway) == ["s"], "at once where it was made"
        await until(worker, ["s"])
        async with SettingsTopic(bootstrap, prefix, SchemaBook(), "worker") as restarted:
            assert names(restarted) == ["s"]
            assert restarted.silences.ended() == [], "the old one was tombstoned on the way"
        await gateway.put_silence(a_silence("s", removed=True))
        await until(worker, [])


def a_record(silence: SilenceSet, offset: int) -> ConsumerRecord[bytes, bytes | None]:
    key = f"silence/{silence.silence}".encode()
    return ConsumerRecord("settings", 0, offset, 0, 0, key, encode(silence), None, len(key), 0, ())


Look = list[ConsumerRecord[bytes, bytes | None]] | Exception | asyncio.Event


class ScriptedReader:
    """Instead of Kafka's: each read gives what is next, raises it, or waits for it; then nothing comes."""

    def __init__(self, *looks: Look) -> None:
        self.looks = list(looks)

    async def getmany(self, timeout_ms: int) -> dict[str, list[ConsumerRecord[bytes, bytes | None]]]:
        if not self.looks:
            await asyncio.sleep(3600)
        look = self.looks.pop(0)
        if isinstance(look, Exception):
            raise look
        if isinstance(look, asyncio.Event):
            await look.wait()
            return {}
        return {"settings": look}


def a_topic(*looks: Look) -> SettingsTopic:
    topic = SettingsTopic("nowhere", "t.", SchemaBook(), "gateway")
    topic._consumer = cast(AIOKafkaConsumer, ScriptedReader(*looks))
    return topic


def in_force(topic: SettingsTopic) -> list[str]:
    return [one.name for one in topic.silences.in_force]


async def test_following_goes_on_whatever_happens_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_topic, "AGAIN_AFTER", 0.01)
    readable = asyncio.Event()
    topic = a_topic(KeyError("nobody thought of it"), readable, [a_record(a_silence("s"), 0)])
    async with beside(topic._follow()):
        async with asyncio.timeout(60):
            while topic.note() is None:  # noqa: ASYNC110 - it follows the topic by itself
                await asyncio.sleep(0.01)
        assert topic.note() == "the topic t.settings cannot be read: KeyError"
        readable.set()
        async with asyncio.timeout(60):
            while in_force(topic) != ["s"]:  # noqa: ASYNC110 - it follows the topic by itself
                await asyncio.sleep(0.01)
        assert topic.note() is None


async def test_a_record_that_cannot_be_learnt_keeps_no_other_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    learn = Silences.learn

    def picky(silences: Silences, event: SilenceSet) -> None:
        if event.silence == "odd":
            raise ZeroDivisionError
        learn(silences, event)

    monkeypatch.setattr(Silences, "learn", picky)
    topic = a_topic([a_record(a_silence("odd"), 0), a_record(a_silence("s"), 1)])
    await topic._read(0)
    assert in_force(topic) == ["s"]


async def test_what_was_followed_meanwhile_is_newer_than_what_was_put_before() -> None:
    topic = a_topic([a_record(a_silence("s"), 5), a_record(a_silence("s", removed=True), 6)])
    await topic._read(0)
    topic._apply_own(a_silence("s"), 5)
    assert in_force(topic) == []


async def test_what_was_put_is_known_at_once_and_not_undone_by_what_came_before_it() -> None:
    topic = a_topic(
        [a_record(a_silence("s"), 5)],
        [a_record(a_silence("s", removed=True), 6)],
        [a_record(a_silence("s"), 7)],
    )
    topic._apply_own(a_silence("s", removed=True), 6)
    for wanted in ([], [], ["s"]):
        await topic._read(0)
        assert in_force(topic) == wanted


def test_many_that_came_second_fill_no_log() -> None:
    topic = SettingsTopic("127.0.0.1:9", "p.", SchemaBook(), "worker")
    with capture_logs() as lines:
        for number in range(120):
            event = SubscriptionSet(
                event_id=f"e{number}", tenant="acme", occurred_at=1, recorded_at=1, subscription="s", endpoint="hook",
                sink="webhook", by="ann",
            )  # fmt: skip
            topic._follow_record(key_of(event).encode(), encode(event), number)
    assert [line["so_far"] for line in lines] == [1, 10, 100]
