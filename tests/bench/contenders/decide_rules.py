"""The real `decide` agent on real reports: case, thread, seen rows; opened event and delivery for each.

Arguments: bootstrap prefix events.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from workload import Stopwatch

from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.decide import DecideAgent
from tocsin.streams.engine.engine import Engine, EngineSettings
from tocsin.streams.engine.worker import build_app, run_worker
from tocsin.streams.rules.decide import DecideConfig
from tocsin.streams.rules.rulebook import default_rulebook


async def main(bootstrap: str, prefix: str, events: int) -> None:
    watch = Stopwatch(events)
    config = DecideConfig(book=default_rulebook())
    agent = DecideAgent(lambda: config, prefix, SchemaBook())
    engine = Engine(
        [agent],
        EngineSettings(bootstrap, prefix),
        on_written=lambda rules, partition, folded: watch.count(folded.taken),
    )
    app = build_app(f"{prefix}decide", engine, [agent], bootstrap, prefix)
    offer = engine.offer

    def begin(batch: Any) -> None:
        watch.begin()
        offer(batch)

    engine.offer = begin  # type: ignore[method-assign]
    stop, ready = asyncio.Event(), asyncio.Event()
    working = asyncio.create_task(run_worker(app, engine, stop, ready))
    await watch.done.wait()
    watch.tell()
    stop.set()
    await working


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
