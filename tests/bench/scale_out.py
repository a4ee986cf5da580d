"""One, two and four workers on the same cores: what a delivered problem costs them, and how soon another takes over.

`killed`: one of the workers is killed (SIGKILL), `stopped`: one is asked to end (SIGTERM), then 240 problems of all
partitions are published at once; told are the seconds until all of them are delivered, and (`quiet`) how many they are
when nobody ends. Prints a table on standard error and one line of JSON on standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.counting_receiver import Count, counting_receiver
from tests.bench.process_times import cpu_below
from tests.harness.bus import Bus, Child
from tests.harness.receiver import SECRET
from tocsin.connectors.publish import Publisher, problem
from tocsin.streams.up.broker import EmbeddedBroker

WORKERS = (1, 2, 4)
PARTITIONS = 12
ENDPOINTS = 12
AFTER = 240
"""Problems that are published when a worker has ended."""
WITHIN = 90.0
NUMBERS = count()
Told = dict[str, float | None]


def rules(url: str) -> str:
    """Each code is told at an endpoint of its own, so that every partition of `deliveries` has work."""
    ways = range(ENDPOINTS)
    endpoints = "".join(
        f"  e{way}: {{sink: webhook, url: '{url}/{way}', secret: {SECRET}, allow_private: true}}\n" for way in ways
    )
    routes = "".join(f"  - {{name: r{way}, match: {{code: c{way}}}, endpoints: e{way}}}\n" for way in ways)
    limits = "limits: {thread_errors: 0, repeat_window: 0s}\n"
    return f"endpoints:\n{endpoints}default_route: e0\n{limits}routes:\n{routes}"


async def delivered(publisher: Publisher, receiver: Count, problems: int) -> float:
    """Publish so many at once; the seconds until the last is delivered. Raises AssertionError if not all are."""
    begin, wanted = time.monotonic(), receiver.arrived + problems

    async def one(number: int) -> None:
        told = problem(f"c{number % ENDPOINTS}.n{number}", text=f"problem {number}", thread_id=f"thread-{number}")
        await publisher.publish(told, tenant=f"tenant-{number % 50}")

    await asyncio.gather(*(one(next(NUMBERS)) for _ in range(problems)))
    await receiver.until(wanted, WITHIN)
    assert receiver.arrived >= wanted, f"only {receiver.arrived - wanted + problems} of {problems} came"
    return receiver.last - begin


async def with_workers(bootstrap: str, folder: Path, receiver: Count, workers: int, problems: int) -> Told:
    """The figures of a bus of its own with so many workers and one dispatcher."""
    async with Bus(bootstrap, f"w{workers}.", folder, PARTITIONS) as bus:
        bus.rules(rules(receiver.url))
        crew = [await bus.start("worker") for _ in range(workers)]
        dispatch = await bus.start("dispatch")
        for child in (*crew, dispatch):
            await child.ready()
        async with Publisher(bootstrap, prefix=bus.prefix) as publisher:
            await delivered(publisher, receiver, max(AFTER, problems // 4))  # warms all up
            before = _cpu(crew)
            seconds = await delivered(publisher, receiver, problems)
            await asyncio.sleep(0.5)  # the outcomes are written
            told: Told = {"worker_ms": round(1000 * (_cpu(crew) - before) / problems, 3)}
            told["per_s"] = round(problems / seconds)
            told["quiet_s"] = round(await delivered(publisher, receiver, AFTER), 2)
            told["stopped_s"] = await _without(bus, crew, signal.SIGTERM, publisher, receiver)
            told["killed_s"] = await _without(bus, crew, signal.SIGKILL, publisher, receiver)
            return told


def _cpu(crew: list[Child]) -> float:
    return sum(sum(cpu_below(child.process.pid).values()) for child in crew)


async def _without(bus: Bus, crew: list[Child], number: int, publisher: Publisher, receiver: Count) -> float | None:
    """The seconds from the signal until all is delivered; None of one worker alone. Another is started afterwards."""
    if len(crew) == 1:
        return None
    gone = crew.pop(0)
    gone.signal(number)
    seconds = await delivered(publisher, receiver, AFTER)
    await gone.process.wait()
    crew.append(await bus.start("worker"))
    await crew[-1].ready()
    await delivered(publisher, receiver, AFTER)
    return round(seconds, 2)


def table(found: dict[int, Told]) -> Table:
    """For people."""
    shown = Table(
        "workers", "CPU ms of all workers a problem", "deliveries/s", "nobody ends, s", "stopped, s", "killed, s"
    )
    for workers, told in found.items():
        cells = ("worker_ms", "per_s", "quiet_s", "stopped_s", "killed_s")
        shown.add_row(str(workers), *("" if told[name] is None else f"{told[name]:,}" for name in cells))
    return shown


async def main(problems: int) -> None:
    """All of WORKERS, one after the other, with one Kafka."""
    found: dict[int, Told] = {}
    with tempfile.TemporaryDirectory() as home:
        async with EmbeddedBroker(Path(home) / "kafka") as broker, counting_receiver() as receiver:
            for workers in WORKERS:
                with tempfile.TemporaryDirectory(dir=home) as folder:
                    told = await with_workers(broker.bootstrap, Path(folder), receiver, workers, problems)
                found[workers] = told
    Console(stderr=True, width=120).print(table(found))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=4_000, help="that are measured with each number of workers")
    asyncio.run(main(parser.parse_args().problems))
