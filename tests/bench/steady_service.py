"""A service that publishes at a steady rate, whatever the bus does: `python -m ... BOOTSTRAP PREFIX FOLDER RATE`.

The id of each event is written to FOLDER/accepted once its call has returned. Each second a line of JSON tells how it
goes; it ends when its input does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from tocsin.connectors.publish import NoRoom, Publisher, PublishFailed, Spool, problem

DEADLINE = 10.0
PAGE = os.sysconf("SC_PAGE_SIZE")


class Service:
    """What is published, and how the calls end."""

    def __init__(self, publisher: Publisher, accepted: int) -> None:
        """`accepted`: the file of ids, open."""
        self.publisher, self.accepted = publisher, accepted
        self.calls: set[asyncio.Task[None]] = set()
        self.done = self.no_room = self.failed = 0
        self.slowest = 0.0

    async def call(self) -> None:
        """One call, as a service makes it."""
        began = time.perf_counter()
        try:
            receipt = await self.publisher.publish(problem("e.p.job.steady", text="x" * 500))
        except NoRoom:
            self.no_room += 1
        except PublishFailed:
            self.failed += 1
        else:
            self.done += 1
            os.write(self.accepted, f"{receipt.event_id}\n".encode())
        self.slowest = max(self.slowest, time.perf_counter() - began)

    async def run(self, rate: float, ended: asyncio.Event) -> None:
        """Call at a steady rate, until it is ended."""
        began, made, told = time.perf_counter(), 0, 0
        while not ended.is_set():
            now = time.perf_counter() - began
            while made < now * rate:
                made += 1
                call = asyncio.create_task(self.call())
                self.calls.add(call)
                call.add_done_callback(self.calls.discard)
            if now >= told + 1:
                told += 1
                self.tell(told)
            await asyncio.sleep(0.005)
        await asyncio.gather(*self.calls)

    def tell(self, second: int) -> None:
        """How it goes, as a line of JSON."""
        stats = self.publisher.stats()
        resident = int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE
        told = {
            "second": second, "rss_mb": round(resident / 2**20, 1), "accepted": self.done, "no_room": self.no_room,
            "failed": self.failed, "slowest_call_ms": round(1000 * self.slowest, 1), "calls_open": len(self.calls),
            "in_hand": stats.in_hand, "spool_bytes": stats.waiting, "damaged": stats.damaged, "away": stats.away,
        }  # fmt: skip
        self.slowest = 0.0
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


async def main(bootstrap: str, prefix: str, folder: Path, rate: float) -> None:
    """Publish until the input ends."""
    ended = asyncio.Event()
    asyncio.get_running_loop().run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: ended.set())
    accepted = os.open(folder / "accepted", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    spool = Spool(folder / "disk" / "spool")
    async with Publisher(bootstrap, prefix=prefix, spool=spool, deadline=DEADLINE) as publisher:
        await Service(publisher, accepted).run(rate, ended)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), float(sys.argv[4])))
