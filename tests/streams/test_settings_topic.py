"""The topic `settings`, and what a process says when the bus is not there."""

from __future__ import annotations

import asyncio
import gc
import socket
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from tocsin.schemas.events import Matcher, MatchOperator, SilenceSet
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.settings import Settings
from tocsin.streams.settings_topic import SettingsTopic, TopicsMissing
from tocsin.streams.topics import apply


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
        async with asyncio.timeout(10):
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
