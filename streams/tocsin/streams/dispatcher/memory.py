"""Which attempts have an outcome in Kafka: what is not to be made again.

When the group has no committed offsets (first start, or they expired) all attempts are read anew. Those older than
`RECALL` are not made: whatever of them has no outcome is asked for again by its lease, which is never longer
(`DeliverConfig.max_lease`). Of the younger ones, the outcomes in `deliveries` say which were made (recall.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from time import time

RECALL = 3600 + 300
"""Seconds: the longest lease, and a margin for clocks."""
REMEMBERED = 20_000
"""Attempts that are remembered, besides those that were recalled at the start."""
REMEMBERED_FOR = 3600
"""Seconds: no longer than `deliver` remembers the end of a delivery (`DeliverConfig.finished_ttl`). A replay that
comes later counts its attempts from 1 again, and those are new ones."""

Identity = tuple[str, int]
"""Delivery id and attempt number."""


class AttemptMemory:
    """The attempts that ended, with the time (seconds since the epoch) when their outcome was acknowledged."""

    def __init__(self) -> None:
        self._ended: OrderedDict[Identity, float] = OrderedDict()
        self._recalled: dict[Identity, float] = {}

    def recall(self, ended: Mapping[Identity, float], now: float) -> None:
        """Add what an earlier process left in `deliveries`, and forget what it left long ago."""
        kept = {identity: at for identity, at in self._recalled.items() if now - at < RECALL}
        self._recalled = kept | dict(ended)

    def add(self, identity: Identity, now: float) -> None:
        """The attempt's outcome was acknowledged at `now`."""
        self._ended[identity] = now
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)

    def knows(self, identity: Identity, now: float, asked: float = 0.0) -> bool:
        """Whether the attempt ended within the last REMEMBERED_FOR seconds, or was ended by an earlier process.

        `asked` is when the attempt was asked for: an outcome from before is that of another attempt with the same
        number, before a replay.
        """
        ended, recalled = self._ended.get(identity), self._recalled.get(identity)
        by_another = recalled is not None and recalled >= asked
        return by_another or (ended is not None and now - ended < REMEMBERED_FOR)


def is_stale(timestamp: int) -> bool:
    """Whether an attempt of this record timestamp (milliseconds) is left to its lease."""
    return timestamp < (time() - RECALL) * 1000
