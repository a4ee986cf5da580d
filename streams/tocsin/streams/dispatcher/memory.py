"""Which attempts have an outcome in Kafka: what is not to be made again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from tocsin.streams.dispatcher.recall import RECALL

REMEMBERED = 20_000
"""Attempts that are remembered, besides those that were recalled at the start."""
REMEMBERED_FOR = 3600
"""Seconds: no longer than `deliver` remembers the end of a delivery (rules.deliver_config.finished_ttl). A replay that
comes later counts its attempts from 1 again, and those are new ones."""

Identity = tuple[str, int]
"""Delivery id and attempt number."""


class AttemptMemory:
    """The attempts that ended, with the time (seconds since the epoch) when their outcome was acknowledged."""

    def __init__(self) -> None:
        self._ended: OrderedDict[Identity, float] = OrderedDict()
        self._recalled: Mapping[Identity, float] = {}

    def recall(self, ended: Mapping[Identity, float]) -> None:
        """Add what an earlier process left in `deliveries`."""
        self._recalled = ended

    def add(self, identity: Identity, now: float) -> None:
        """The attempt's outcome was acknowledged at `now`."""
        self._ended[identity] = now
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)

    def knows(self, identity: Identity, now: float) -> bool:
        """Whether the attempt ended within the last REMEMBERED_FOR seconds, or RECALL if an earlier process made it."""
        ended, recalled = self._ended.get(identity), self._recalled.get(identity)
        # As long as its record is not stale: what is read anew is exactly what is not stale.
        by_another = recalled is not None and now - recalled < RECALL
        return by_another or (ended is not None and now - ended < REMEMBERED_FOR)
