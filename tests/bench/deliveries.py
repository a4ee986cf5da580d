"""Deliveries a second, and what each costs: Alertmanager, and the whole bus with one endpoint and with twelve.

All run side by side, are warmed up alike, and are measured in turn, round after round. Each problem is unlike all
others, and is told in one webhook (or in twelve). CPU is the operating system's accounting of every process of a
contender, from before the first problem is published until SETTLE seconds after the last delivery, since outcomes are
written down afterwards. Alertmanager has no history of what was sent; so the bus runs without its store, unless
`--store` is given. The receiver and the publisher are this process, whose CPU is not counted. A table is printed
on standard error, and one line of JSON on standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from tests.bench.alertmanager import ABSENT, NAME, alertmanager, installed
from tests.bench.comparison import Round, figures, table
from tests.bench.contender import Contender
from tests.bench.counting_receiver import Count, counting_receiver
from tests.bench.whole_bus import whole_bus

SETTLE = 0.5
WITHIN = 60.0
"""Seconds after the publishing of a round after which it is given up."""


async def measured(contender: Contender, count: Count, deliveries: int) -> Round:
    """Publish what makes so many deliveries, all at once, and wait until they have come."""
    problems = max(1, deliveries // contender.each)
    arrived, before, begin = count.arrived, contender.cpu(), time.monotonic()
    wanted = problems * contender.each
    await contender.publish(problems)
    await count.until(arrived + wanted, WITHIN)
    done, seconds = count.arrived - arrived, count.last - begin
    await asyncio.sleep(SETTLE)
    after = contender.cpu()
    spent = {word: after[word] - before.get(word, 0.0) for word in sorted(after)}
    return Round(done, wanted, seconds, spent)


async def in_turn(
    contenders: Sequence[Contender], count: Count, deliveries: int, rounds: int, warm_up: int
) -> dict[str, list[Round]]:
    """The rounds of each; the first ones, which warm it up, are not counted."""
    for contender in contenders:
        await measured(contender, count, warm_up)
    found: dict[str, list[Round]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            found[contender.name].append(await measured(contender, count, deliveries))
    return found


async def main(deliveries: int, rounds: int, warm_up: int, store: bool) -> None:
    console, program, load = Console(stderr=True, width=150), installed(), os.getloadavg()[0]
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        count = await stack.enter_async_context(counting_receiver())
        contenders: list[Contender] = []
        if program is not None:
            contenders.append(await stack.enter_async_context(alertmanager(program, folder, count.url)))
        contenders += await stack.enter_async_context(whole_bus(folder, count.url, store=store))
        found = await in_turn(contenders, count, deliveries, rounds, warm_up)
    to = NAME if program is not None else None
    console.print(table(found, to))
    told: dict[str, object] = {**figures(found, to), "rounds": rounds, "store": store, "load_before": round(load, 2)}
    if program is None:
        console.print(f"{NAME}: {ABSENT}")
        told[NAME] = ABSENT
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=6_000, help="of each contender in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm-up", type=int, default=3_000, help="deliveries of each that are not counted")
    parser.add_argument("--store", action="store_true", help="with the store, which takes its part of the cores")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.deliveries, chosen.rounds, chosen.warm_up, chosen.store))
