"""A subscriber as a process: notes each event that it has handled in a file, to which others write too; and can be
killed anywhere.

`python -m tests.harness.subscriber_process FILE AT_ONCE`, with TOCSIN_BOOTSTRAP, TOCSIN_PREFIX and SEED set; with
DIE_AFTER it kills itself in the handler of event number so many, when what was done before has been committed.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys

from tocsin.connectors.subscribe import Received, Retries, Subscriber
from tocsin.connectors.subscribe.consuming import COMMIT_EVERY

GROUP = "killed"
ALWAYS_FAILS = "always-fails"
"""Events of this tenant fail each time."""


async def main(file: str, at_once: int) -> None:
    subscriber = Subscriber(
        group=GROUP, at_once=at_once, retries=Retries(times=3, first=0.02), kafka={"session_timeout_ms": 6000}
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, subscriber.stop)
    print("ready", flush=True)
    dice = random.Random(os.environ["SEED"])
    notes = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    die_after = int(os.environ.get("DIE_AFTER", "0"))
    calls = 0

    async def handler(told: Received) -> None:
        nonlocal calls
        calls += 1
        if calls == die_after:
            await asyncio.sleep(2 * COMMIT_EVERY)
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(dice.random() / 50)
        if told.tenant == ALWAYS_FAILS:
            raise ValueError("always")
        if dice.random() < 0.05 and told.attempt == 1:
            raise ConnectionError("sometimes")
        os.write(notes, f"{told.case} {told.event_id}\n".encode())  # one write: it is there whole or not at all

    await subscriber.run(handler)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
