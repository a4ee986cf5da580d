"""Reports that a test publishes, and the wait until they have arrived."""

from __future__ import annotations

import asyncio

from tests.harness.receiver import Receiver
from tocsin.connectors.publish import Publisher, problem
from tocsin.schemas.ids import derived_id


async def publish_some(bootstrap: str, prefix: str, count: int) -> set[str]:
    """Publish `count` reports of nine tenants; the delivery ids that must arrive."""
    async with Publisher(bootstrap, prefix=prefix) as publisher:
        receipts = [
            await publisher.publish(problem("e.p.msg", text=str(number)), tenant=f"tenant-{number % 9}")
            for number in range(count)
        ]
    return {derived_id("delivery", receipt.event_id, "owner") for receipt in receipts}


async def arrived(receiver: Receiver, wanted: set[str], within: float = 60.0) -> None:
    """Until all of these deliveries have arrived; fails after `within` seconds."""
    try:
        async with asyncio.timeout(within):
            while not wanted <= receiver.delivered().keys():  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    except TimeoutError:
        missing = len(wanted - receiver.delivered().keys())
        raise AssertionError(f"{missing} of {len(wanted)} did not arrive within {within:.0f} s") from None
