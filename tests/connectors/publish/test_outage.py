"""A publisher with a spool while a real Kafka is away: nobody waits for it, and nothing that was accepted is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.connectors.publish.test_kafka import make_topics, stored_ids
from tocsin.connectors.publish import Publisher, Spool, TopicMissing, problem
from tocsin.streams.up.broker import EmbeddedBroker

REPOSITORY = Path(__file__).parents[3]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(90):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def spooling(bootstrap: str, prefix: str, folder: Path, **settings: float) -> Publisher:
    return Publisher(bootstrap, prefix=prefix, spool=Spool(folder), spool_after=0.5, **settings)  # type: ignore[arg-type]


class Published:
    """What a publisher was given, and how it was answered."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher, self.ids = publisher, list[str]()

    async def publish(self, count: int) -> list[bool]:
        """So many at once; whether each was spooled."""
        wanted = (self.publisher.publish(problem("e.p.x", text="y" * 500)) for _ in range(count))
        receipts = await asyncio.gather(*wanted)
        self.ids += [receipt.event_id for receipt in receipts]
        return [receipt.spooled for receipt in receipts]

    async def until_all_are(self, spooled: bool) -> None:
        """Publish until Kafka is there, or noticed to be away."""
        async with asyncio.timeout(90):
            while set(await self.publish(5)) != {spooled}:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def test_kafka_is_away_for_a_while(own_broker: EmbeddedBroker, prefix: str, tmp_path: Path) -> None:
    await make_topics(own_broker.bootstrap, prefix)
    async with spooling(own_broker.bootstrap, prefix, tmp_path / "spool", max_in_flight=20_000) as publisher:
        service = Published(publisher)
        for fault in ("paused", "killed"):
            await service.until_all_are(spooled=False)
            assert own_broker.pid is not None
            own_broker.kill() if fault == "killed" else os.kill(own_broker.pid, signal.SIGSTOP)
            await service.until_all_are(spooled=True)
            before = publisher.stats()
            assert before.away
            for _ in range(20):
                assert all(await service.publish(50)), "nobody waits any more"
                assert publisher.stats().in_hand <= 20_000, "memory does not grow"
            assert publisher.stats().waiting >= before.waiting + 1000 * 500
            if fault == "killed":
                await own_broker.restart()
            else:
                os.kill(own_broker.pid, signal.SIGCONT)
            await until(lambda: publisher.stats().waiting == 0)
        await service.until_all_are(spooled=False)
    stored = await stored_ids(own_broker.bootstrap, f"{prefix}inbox", len(service.ids))
    assert set(stored) == set(service.ids), "everything is there, once by id"
    last = {event_id: place for place, event_id in enumerate(stored)}
    assert sorted(service.ids, key=last.__getitem__) == service.ids, "in the order of asking"
    assert publisher.stats().counts.spooled == publisher.stats().counts.drained >= 2000
    assert not list((tmp_path / "spool").iterdir())


async def test_a_service_is_killed_while_kafka_is_away(own_broker: EmbeddedBroker, prefix: str, tmp_path: Path) -> None:
    bootstrap, folder = own_broker.bootstrap, str(tmp_path / "spool")
    await make_topics(bootstrap, prefix)
    command = [sys.executable, "-m", "tests.connectors.publish.publishing_service", bootstrap, prefix, folder, "200"]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def read(service: subprocess.Popen[str], count: int, how: str) -> list[str]:
        assert service.stdout is not None
        found: list[str] = []
        while len(found) < count:
            said, event_id = service.stdout.readline().split()
            accepted.append(event_id)
            found += [event_id] if said == how else []
        return found

    accepted: list[str] = []
    with await asyncio.to_thread(start) as service:
        await asyncio.to_thread(read, service, 10, "stored")
        own_broker.kill()
        await asyncio.to_thread(read, service, 100, "spooled")
        service.kill()
        assert service.stdout is not None
        accepted += [line.split()[1] for line in service.stdout.readlines() if line.endswith("\n")]
    assert list((tmp_path / "spool").glob("*/*.spool"))
    await own_broker.restart()
    with await asyncio.to_thread(start) as service:
        await asyncio.to_thread(read, service, 10, "stored")
        rest, _ = await asyncio.to_thread(service.communicate)
        accepted += [line.split()[1] for line in rest.splitlines()]
        assert service.returncode == 0
    stored = await stored_ids(bootstrap, f"{prefix}inbox", len(set(accepted)))
    assert set(accepted) <= set(stored), "nothing that was accepted is lost"
    assert len(set(stored) - set(accepted)) <= 1, "but what was accepted when the process was killed"
    assert not list((tmp_path / "spool").iterdir())


async def test_a_topic_that_is_made_later(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with spooling(bootstrap, prefix, tmp_path) as publisher:
        with pytest.raises(TopicMissing):
            await publisher.check()
        receipt = await publisher.publish(problem("e.p.x"))
        assert receipt.spooled
        await until(lambda: "tocsin topics apply" in publisher.stats().counts.last_error)
        await make_topics(bootstrap, prefix)
        await until(lambda: publisher.stats().counts.drained)
    assert await stored_ids(bootstrap, f"{prefix}inbox", 1) == [receipt.event_id]


async def test_what_is_spooled_is_what_would_be_sent_without_its_secrets(tmp_path: Path) -> None:
    async with spooling("127.0.0.1:1", "x.", tmp_path, deadline=0.2) as publisher:
        await publisher.publish({"code": "e.p.x", "note": "password=hunter22222"}, context={"record_id": "r-17"})
        [file] = tmp_path.glob("*/*.spool")  # noqa: ASYNC240
        written = file.read_bytes()
    assert b"r-17" in written
    assert b"hunter22222" not in written


async def test_a_short_script_sends_what_it_has_before_it_ends(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    await make_topics(bootstrap, prefix)
    async with spooling(bootstrap, prefix, tmp_path) as publisher:
        receipt = await publisher.publish(problem("e.p.x"))
    assert await stored_ids(bootstrap, f"{prefix}inbox", 1) == [receipt.event_id]
    assert publisher.stats().waiting == 0
