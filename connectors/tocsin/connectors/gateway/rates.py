"""How much a tenant may publish: documents and bytes a second, with a burst (token buckets, one pair a tenant).

They hold for one gateway and are not kept: a restart gives every tenant its burst again. aiolimiter waits where we
refuse, and `limits` counts in windows, which let twice as much through at their edge; a bucket is a dozen lines.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from msgspec import Struct

from tocsin.connectors.gateway.problems import RATE_LIMITED, Refusal

MAX_TENANTS = 10_000
"""How many tenants are remembered; whoever invents more names than that gains nothing by one that is forgotten."""


class Rate(Struct, frozen=True):
    """So many a second, and so many at once; no limit when `each_second` is 0."""

    each_second: float
    burst: float


class _Bucket(Struct):
    level: float
    at: float


class TenantRates:
    """What each tenant has left. `clock` is in seconds."""

    def __init__(self, documents: Rate, size: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._documents = documents
        self._size = size
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def admit(self, tenant: str) -> None:
        """Raises Refusal when the tenant has nothing left: to be asked before its body is read."""
        self._need("documents", self._documents, tenant, 1)
        self._need("bytes", self._size, tenant, 1)

    def charge_bytes(self, tenant: str, size: int) -> None:
        """Count a body that was read; beyond what the tenant had left, the next one waits for it."""
        if self._size.each_second:
            self._bucket("bytes", self._size, tenant).level -= size

    def charge_documents(self, tenant: str, count: int) -> None:
        """Count so many documents. Raises Refusal when they are more than the tenant has left; a batch beyond the burst
        needs a full bucket."""
        self._need("documents", self._documents, tenant, count)
        if self._documents.each_second:
            self._bucket("documents", self._documents, tenant).level -= count

    def _need(self, what: str, rate: Rate, tenant: str, amount: int) -> None:
        if not rate.each_second:
            return
        missing = min(amount, rate.burst) - self._bucket(what, rate, tenant).level
        if missing > 0:
            wait = max(1, ceil(missing / rate.each_second))
            raise Refusal(RATE_LIMITED, limit=what, each_second=rate.each_second, burst=rate.burst, retry_after=wait)

    def _bucket(self, what: str, rate: Rate, tenant: str) -> _Bucket:
        key, now = (what, tenant), self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(rate.burst, now)
            if len(self._buckets) > 2 * MAX_TENANTS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        bucket.level = min(rate.burst, bucket.level + (now - bucket.at) * rate.each_second)
        bucket.at = now
        return bucket
