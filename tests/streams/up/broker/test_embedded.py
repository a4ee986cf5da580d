"""The embedded Kafka, as those who depend on it see it: it answers, keeps records, and never outlives its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tocsin.streams.processes.kafka import answers
from tocsin.streams.up.broker import BrokerUnavailable, EmbeddedBroker

OWNER = """
import asyncio, sys, threading
from pathlib import Path
from tocsin.streams.up.broker import EmbeddedBroker

async def main():
    broker = EmbeddedBroker(Path(sys.argv[1]))
    await broker.start()
    print(broker.pid, broker.bootstrap, flush=True)

# Started by a thread that ends at once: the death signal must not be bound to it.
starter = threading.Thread(target=lambda: asyncio.run(main()))
starter.start()
starter.join()
sys.stdin.read()
"""


async def _write(bootstrap: str, topic: str, values: list[bytes]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def _read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    async with consumer:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.seek_to_beginning()
        async with asyncio.timeout(60):
            return [(await consumer.getone()).value for _ in range(count)]


async def test_unknown_topics_are_not_made_up(broker: EmbeddedBroker, prefix: str) -> None:
    async with asyncio.timeout(60):
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        [found] = await admin.describe_topics([f"{prefix}nobody-made-it"])
        await admin.close()
    assert found["error_code"] == 3  # UNKNOWN_TOPIC_OR_PARTITION


async def test_records_and_port_survive_a_kill_and_a_restart(own_broker: EmbeddedBroker) -> None:
    bootstrap = own_broker.bootstrap
    await _write(bootstrap, "kept", [b"1", b"2"])
    own_broker.kill()
    assert own_broker.pid is None
    assert not await answers(bootstrap)
    await own_broker.restart()
    assert own_broker.bootstrap == bootstrap
    assert await _read(bootstrap, "kept", 2) == [b"1", b"2"]
    await own_broker.restart()
    assert await _read(bootstrap, "kept", 2) == [b"1", b"2"]


async def test_a_second_broker_is_kept_off_the_data(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    with pytest.raises(BrokerUnavailable, match="in use by another broker") as refused:
        await EmbeddedBroker(tmp_path).start()
    assert refused.value.exit_code == 69
    assert await answers(own_broker.bootstrap)


async def test_a_start_that_fails_shows_the_log_and_leaves_nothing(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    await own_broker.stop()
    (tmp_path / "kafka" / "data" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=x\n")
    with pytest.raises(BrokerUnavailable, match="starting Kafka: it ended with 1") as failed:
        await own_broker.start()
    assert "Stored node id 7 doesn't match" in str(failed.value)
    assert own_broker.pid is None


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
async def test_a_killed_owner_leaves_no_orphan_and_no_lock(broker: EmbeddedBroker, tmp_path: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        OWNER,
        str(tmp_path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert owner.stdout
    pid, bootstrap = (await asyncio.wait_for(owner.stdout.readline(), 60)).decode().split()
    assert await answers(bootstrap), "Kafka must survive the thread that asked for it"
    owner.send_signal(signal.SIGKILL)
    await owner.wait()
    deadline = time.monotonic() + 60
    while _alive(int(pid)):
        assert time.monotonic() < deadline, "Kafka outlived the process that started it"
        await asyncio.sleep(0.02)
    async with EmbeddedBroker(tmp_path) as heir:
        assert heir.bootstrap == bootstrap


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # an orphan that died may wait for whoever reaps it
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


async def test_a_folder_whose_formatting_was_cut_short_is_used_again(tmp_path: Path) -> None:
    async with EmbeddedBroker(tmp_path):
        pass
    (tmp_path / "kafka" / "formatted").unlink()  # what a signal between formatting and noting it leaves
    async with EmbeddedBroker(tmp_path) as broker:
        assert await answers(broker.bootstrap)
