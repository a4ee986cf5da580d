"""`python -m tests.bench.outage [--seconds 60] [--rate 500]`: a service publishes while a real Kafka is away.

`paused`: Kafka is stopped (SIGSTOP) for so many seconds. `killed`: Kafka is killed, then the service (SIGKILL), and
both start again. `disk_full`: Kafka is killed, and the service's disk is a tmpfs that fills up (needs root; else left
out). Told: memory and the slowest call every ten seconds, what is in the spool, and what Kafka holds afterwards. Prints
JSON; ends with 1 when a promise was broken: something accepted is not there, bytes are damaged, a call took longer than
it may.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer

from tests.bench.steady_service import DEADLINE
from tests.bench.workload import make_topics
from tocsin.schemas.codec import decode
from tocsin.streams.up.broker import EmbeddedBroker

ROOT = Path(__file__).parents[2]
BEFORE, EVERY, LATE = 3, 10, 2.0
"""Seconds with Kafka before the outage, between two lines that are told; what a call may take beyond its deadline."""
PATIENCE = 180.0
DISK = 4 * 1024 * 1024
Told = dict[str, Any]


class Service:
    """A process of `steady_service`, and what it tells."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told: list[Told] = []

    async def until(self, condition: Callable[[Told], bool]) -> Told:
        """Listen until it tells something of this kind."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while True:
                line = await self.process.stdout.readline()
                if not line:
                    raise SystemExit(f"bench: the service has ended with {await self.process.wait()}")
                self.told.append(json.loads(line))
                if condition(self.told[-1]):
                    return self.told[-1]

    async def for_seconds(self, seconds: int) -> Told:
        """Listen for so many seconds of its own."""
        last = self.told[-1]["second"] if self.told else 0
        return await self.until(lambda told: bool(told["second"] >= last + seconds))

    async def end(self) -> None:
        """Ask it to end, and wait for that."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(PATIENCE):
            await self.process.communicate()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()


@asynccontextmanager
async def service(bootstrap: str, prefix: str, folder: Path, rate: float) -> AsyncIterator[Service]:
    """Start one; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.steady_service", bootstrap, prefix, str(folder), str(rate), cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield Service(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def stored(bootstrap: str, topic: str) -> list[str]:
    """The ids of all that a topic holds, in its order."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        found: list[str] = []
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                found += [decode(record.value).event_id for record in records]
        return found
    finally:
        await consumer.stop()


async def compared(bootstrap: str, prefix: str, folder: Path, told: list[Told], open_calls: int = 0) -> Told:
    """What was accepted beside what Kafka holds. `open_calls`: so many may have been stored that nobody was told of."""
    accepted = (folder / "accepted").read_text("ascii").split()
    there = await stored(bootstrap, f"{prefix}inbox")
    lost, unknown = len({*accepted} - {*there}), len({*there} - {*accepted})
    slowest = max(one["slowest_call_ms"] for one in told)
    damaged, left = max(one["damaged"] for one in told), sorted(path.name for path in (folder / "disk/spool").glob("*"))
    calls = [one["slowest_call_ms"] for one in told]
    kept = lost == 0 and unknown <= open_calls and damaged == 0 and not left and slowest <= 1000 * (DEADLINE + LATE)
    return {
        "kept": kept, "accepted": len(accepted), "lost": lost, "sent_twice": len(there) - len({*there}),
        "stored_but_not_told": unknown, "damaged_bytes": damaged, "left_in_spool": left, "slowest_call_ms": slowest,
        "failed_calls": told[-1]["failed"], "refused_for_room": told[-1]["no_room"],
        "rss_mb": [one["rss_mb"] for one in told][::EVERY], "spool_mb": [_mb(one) for one in told][::EVERY],
        "slowest_ms": [max(calls[at : at + EVERY]) for at in range(0, len(calls), EVERY)],
    }  # fmt: skip


def _mb(told: Told) -> float:
    return float(round(told["spool_bytes"] / 2**20, 1))


async def paused(broker: EmbeddedBroker, folder: Path, seconds: int, rate: float) -> Told:
    """Kafka does not answer for a while."""
    async with service(broker.bootstrap, "paused.", folder, rate) as one:
        await one.until(lambda told: not told["away"] and told["accepted"] > BEFORE * rate)
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            await one.for_seconds(seconds)
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        await one.until(lambda told: not told["away"] and told["spool_bytes"] == 0)
        await one.for_seconds(2)
        await one.end()
    return await compared(broker.bootstrap, "paused.", folder, one.told)


async def killed(broker: EmbeddedBroker, folder: Path, seconds: int, rate: float) -> Told:
    """Kafka is gone, and the service is killed meanwhile."""
    async with service(broker.bootstrap, "killed.", folder, rate) as first:
        await first.until(lambda told: not told["away"] and told["accepted"] > BEFORE * rate)
        broker.kill()
        last = await first.for_seconds(seconds)
        first.kill()
    await broker.restart()
    async with service(broker.bootstrap, "killed.", folder, rate) as second:
        await second.until(lambda told: not told["away"] and told["spool_bytes"] == 0)
        await second.end()
    open_calls = last["calls_open"] + int(rate)  # of the second that it did not tell of any more
    return await compared(broker.bootstrap, "killed.", folder, [*first.told, *second.told], open_calls)


async def disk_full(broker: EmbeddedBroker, folder: Path, seconds: int, rate: float) -> Told:
    """Kafka is gone, the disk fills up; then room is made on it, it fills up again, and Kafka returns."""
    with small_disk(folder / "disk") as disk:
        (disk / "of_others").write_bytes(bytes(DISK // 2))
        async with service(broker.bootstrap, "full.", folder, rate) as one:
            await one.until(lambda told: not told["away"] and told["accepted"] > BEFORE * rate)
            broker.kill()
            full = await one.until(lambda told: told["no_room"] > rate)
            (disk / "of_others").unlink()
            more = await one.until(lambda told: told["accepted"] > full["accepted"] + rate)
            await one.until(lambda told: told["no_room"] > more["no_room"] + rate)
            await broker.restart()
            await one.until(lambda told: not told["away"] and told["spool_bytes"] == 0)
            await one.for_seconds(2)
            await one.end()
        return await compared(broker.bootstrap, "full.", folder, one.told)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, of DISK bytes. Raises PermissionError."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "tmpfs", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise PermissionError(done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def main(seconds: int, rate: float) -> int:
    """All three, one after the other."""
    found: Told = {}
    with tempfile.TemporaryDirectory() as home:
        async with EmbeddedBroker(Path(home) / "kafka") as broker:
            await make_topics(broker.bootstrap, {f"{name}.inbox": {} for name in ("paused", "killed", "full")})
            for story in (paused, killed, disk_full):
                folder = Path(home) / story.__name__
                folder.mkdir()
                try:
                    found[story.__name__] = await story(broker, folder, seconds, rate)
                except PermissionError as error:
                    found[story.__name__] = {"kept": None, "left_out": str(error)}
                sys.stderr.write(f"{story.__name__}: kept={found[story.__name__]['kept']}\n")
    load = [round(one, 1) for one in os.getloadavg()]
    sys.stdout.write(json.dumps({**found, "seconds": seconds, "rate": rate, "load": load}, indent=2) + "\n")
    return 0 if all(one["kept"] is not False for one in found.values()) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=float, default=500)
    chosen = parser.parse_args()
    sys.exit(asyncio.run(main(chosen.seconds, chosen.rate)))
