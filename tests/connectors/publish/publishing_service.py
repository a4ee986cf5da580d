"""A service that publishes at a steady rate from a plain thread: `python -m ... BOOTSTRAP PREFIX SPOOL RATE`. In the
place of BOOTSTRAP may stand the URL of a gateway.

Prints the id of each event when its call has returned; ends when its input does.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from tocsin.connectors.publish import HttpPublisher, Publisher, Spool, problem


def main(bootstrap: str, prefix: str, spool: str, rate: int) -> None:
    """Publish until nobody listens any more."""
    ended = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    made = (
        HttpPublisher.sync(bootstrap, spool=Spool(Path(spool), kind="http"))
        if "://" in bootstrap
        else Publisher.sync(bootstrap, prefix=prefix, spool=Spool(Path(spool)), spool_after=0.5)
    )
    with made as publisher:
        while not ended.is_set():
            receipt = publisher.publish(problem("e.p.job.steady", text="x" * 500))
            print("spooled" if receipt.spooled else "stored", receipt.event_id, flush=True)
            time.sleep(1 / rate)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
