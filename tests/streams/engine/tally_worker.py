"""A worker: `tally_worker.py BOOTSTRAP PREFIX GROUP [DEAD_LETTER_LIMIT]`; dies at TOCSIN_FAILPOINT, ends on SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from tests.streams.engine.tally import Tally
from tocsin.streams.engine.dead import DeadLetterLimit
from tocsin.streams.engine.engine import Engine
from tocsin.streams.engine.engine_settings import EngineSettings
from tocsin.streams.engine.worker import build_app, run_worker


async def main(bootstrap: str, prefix: str, group: str, dead: str = "100") -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    rule_sets = (Tally(),)
    engine = Engine(
        rule_sets,
        EngineSettings(
            bootstrap,
            prefix,
            dead_letters=DeadLetterLimit(int(dead)),
            failpoint=os.environ.get("TOCSIN_FAILPOINT"),
            retry_delay=0.3 if dead == "100" else 0.03,
        ),
    )
    app = build_app(group, engine, rule_sets, bootstrap, prefix, session_timeout=6.0)
    await run_worker(app, engine, stop, ready)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
