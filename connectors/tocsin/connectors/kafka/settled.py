"""When a consumer may commit: only while its group is settled.

aiokafka answers a commit that Kafka refused with IllegalGeneration or UnknownMember by forgetting its membership and
joining anew. A commit that is under way while the group rebalances therefore throws the consumer out of the generation
that it is just joining, which makes the group rebalance again, and so on for as long as something is committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PATIENCE = 5.0
"""Seconds that a commit may take. aiokafka tries for as long as Kafka is away, and a rebalance, or the end of the
process, waits for it."""


class Settled:
    """Whether the consumer's group is settled: from `joined` until `leaving`."""

    def __init__(self) -> None:
        self._committing = asyncio.Lock()
        self._settled = False

    def joined(self) -> None:
        """The partitions of this generation were assigned."""
        self._settled = True

    async def leaving(self) -> None:
        """The group rebalances: returns when no commit is under way, and there will be none until `joined`."""
        async with self._committing:
            self._settled = False

    @asynccontextmanager
    async def commit(self) -> AsyncIterator[bool]:
        """Hold the group's rebalance back for one commit; gives False when there must be none now. Raises TimeoutError
        in the place of a commit that takes longer than PATIENCE."""
        async with self._committing, asyncio.timeout(PATIENCE):
            yield self._settled
