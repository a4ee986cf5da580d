"""Commits and rebalances take turns."""

from __future__ import annotations

import asyncio

from tocsin.connectors.kafka import Settled


async def test_nothing_is_committed_before_the_group_is_joined_and_while_it_rebalances() -> None:
    settled, allowed = Settled(), []
    for change in (None, settled.joined, settled.leaving, settled.joined):
        if change is not None and (waiting := change()) is not None:
            await waiting
        async with settled.commit() as may:
            allowed.append(may)
    assert allowed == [False, True, False, True]


async def test_a_rebalance_waits_for_the_commit_under_way() -> None:
    settled, order, answered = Settled(), [], asyncio.Event()
    settled.joined()

    async def commit() -> None:
        async with settled.commit() as may:
            assert may
            order.append("commit sent")
            await answered.wait()
            order.append("commit answered")

    committing = asyncio.create_task(commit())
    await asyncio.sleep(0)
    leaving = asyncio.create_task(settled.leaving())
    await asyncio.sleep(0)
    answered.set()
    await leaving
    order.append("joining")
    await committing
    assert order == ["commit sent", "commit answered", "joining"]
