"""How many messages a second one core packs and unpacks, by packing, with keys resolved once. Prints JSON.

A benchmark, not a test: `python -m tests.bench.didcomm [--seconds 1]`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.connectors.didcomm.parties import MESSAGE, MESSAGE_1, identity, is_version_1, names, side
from tocsin.connectors.didcomm.port import Packer, Packing


async def _rate(once: Callable[[], Awaitable[object]], seconds: float) -> int:
    """How often in a second of CPU time."""
    for _ in range(20):  # keys are resolved, code is warm
        await once()
    done, started = 0, time.process_time()
    while (used := time.process_time() - started) < seconds:
        await once()
        done += 1
    return round(done / used)


async def _of(packing: Packing, alice: Packer, bob: Packer, seconds: float) -> dict[str, int]:
    message, to = MESSAGE_1 if is_version_1(packing) else MESSAGE, names(bob, packing)
    envelope = await alice.pack(message, to, None, packing)
    return {
        "packs_per_s": await _rate(lambda: alice.pack(message, to, None, packing), seconds),
        "unpacks_per_s": await _rate(lambda: bob.unpack(envelope.content), seconds),
        "bytes": len(envelope.content),
    }


async def didcomm_figures(seconds: float) -> dict[str, dict[str, int]]:
    """By packing: packs and unpacks in a second of CPU time, and the size of the envelope."""
    with tempfile.TemporaryDirectory() as folder:
        async with side(Path(folder), identity()) as alice, side(Path(folder), identity()) as bob:
            return {packing.value: await _of(packing, alice, bob, seconds) for packing in Packing}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    sys.stdout.write(json.dumps(asyncio.run(didcomm_figures(parser.parse_args().seconds))) + "\n")


if __name__ == "__main__":
    main()
