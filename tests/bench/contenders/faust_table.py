"""Plain Faust: a table and a send for each event, as its guide shows it. Arguments: bootstrap prefix events."""

from __future__ import annotations

import asyncio
import sys
import tempfile

import faust
from faust.contrib.asgi import faust_app_running

from tests.bench.workload import Stopwatch, counted
from tocsin.schemas.codec import decode_as, encode
from tocsin.schemas.events import ActivityObserved


async def main(bootstrap: str, prefix: str, events: int) -> None:
    watch = Stopwatch(events)
    app = faust.App(
        f"{prefix}faust", broker=f"kafka://{bootstrap}", store="memory://", topic_partitions=12, web_enabled=False,
        topic_disable_leader=True, datadir=tempfile.mkdtemp(), broker_commit_interval=1.0,
    )  # fmt: skip
    source = app.topic(f"{prefix}in", key_serializer="raw", value_serializer="raw")
    target = app.topic(f"{prefix}faust-out", key_serializer="raw", value_serializer="raw")
    counts = app.Table("counts", default=int, partitions=12)

    @app.agent(source)
    async def count(stream: object) -> None:
        async for record in stream.events():  # type: ignore[attr-defined]
            watch.begin()
            event = decode_as(record.value, ActivityObserved)
            counts[event.tenant] += 1
            await target.send(key=record.key, value=encode(counted(event, counts[event.tenant])))
            watch.count(1)

    async with faust_app_running(app, stop_timeout=20.0):
        await watch.done.wait()
        watch.tell()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
