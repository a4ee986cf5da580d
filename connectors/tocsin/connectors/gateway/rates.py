"""How much a tenant, and each of its keys, may ask for: documents, bytes and reads a second, with a burst (token
buckets), and streams that are open at a time.

They hold for one gateway and are not kept: a restart gives everybody the burst again. aiolimiter waits where we
refuse, and `limits` counts in windows, which let twice as much through at their edge; a bucket is a dozen lines.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import ceil

from msgspec import Struct

from tocsin.connectors.gateway.access_kinds import GUESSING, TOO_MANY_STREAMS
from tocsin.connectors.gateway.problems import RATE_LIMITED, Refusal

MAX_TENANTS = 10_000
"""How many tenants are remembered; whoever invents more names than that gains nothing by one that is forgotten."""

KEY_BURST = 5
"""How many seconds of a key's own rate it may publish at once."""


class Rate(Struct, frozen=True):
    """So many a second, and so many at once; no limit when `each_second` is 0."""

    each_second: float
    burst: float


NO_LIMIT = Rate(0, 0)


class Payer(Struct, frozen=True):
    """Whose allowance is used up: the tenant's, and that of the key if it has one, in documents a second."""

    tenant: str
    key: str | None = None
    key_rate: int | None = None


class _Bucket(Struct):
    level: float
    at: float


class Buckets:
    """What each has left. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = 2 * MAX_TENANTS) -> None:
        self._clock, self._most = clock, most
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def wait(self, what: str, who: str, rate: Rate, amount: float) -> int:
        """0 when `who` has so much left, else the seconds until then. What is beyond the burst needs a full bucket."""
        if not rate.each_second:
            return 0
        missing = min(amount, rate.burst) - self._bucket(what, who, rate).level
        return max(1, ceil(missing / rate.each_second)) if missing > 0 else 0

    def take(self, what: str, who: str, rate: Rate, amount: float) -> None:
        """Count it; what is taken beyond what was left is owed."""
        if rate.each_second:
            self._bucket(what, who, rate).level -= amount

    def _bucket(self, what: str, who: str, rate: Rate) -> _Bucket:
        key, now = (what, who), self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(rate.burst, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        bucket.level = min(rate.burst, bucket.level + (now - bucket.at) * rate.each_second)
        bucket.at = now
        return bucket


class TenantRates:
    """What each tenant and each key has left. `clock` is in seconds."""

    def __init__(
        self,
        documents: Rate,
        size: Rate,
        clock: Callable[[], float] = time.monotonic,
        *,
        reads: Rate = NO_LIMIT,
        streams: int = 0,
    ) -> None:
        """`streams`: how many a tenant may have open at a time; 0 = no limit."""
        self._documents, self._size, self._reads, self._streams = documents, size, reads, streams
        self._buckets = Buckets(clock)
        self._keys = Buckets(clock)
        self._open: Counter[str] = Counter()

    def admit(self, payer: Payer) -> None:
        """Raises Refusal when the tenant or the key has nothing left: to be asked before its body is read."""
        self._need("documents", self._documents, payer.tenant, 1)
        self._need("bytes", self._size, payer.tenant, 1)
        self._need_of_key(payer, 1)

    def charge_bytes(self, payer: Payer, size: int) -> None:
        """Count a body that was read; beyond what the tenant had left, the next one waits for it."""
        self._buckets.take("bytes", payer.tenant, self._size, size)

    def charge_documents(self, payer: Payer, count: int) -> None:
        """Count so many documents. Raises Refusal when they are more than the tenant or the key has left; a batch
        beyond the burst needs a full bucket."""
        self.charge_tenants(payer, {payer.tenant: count})

    def charge_tenants(self, payer: Payer, counts: Mapping[str, int]) -> None:
        """Count the documents of one request, so many of each tenant, and all of them of the key. Raises Refusal, and
        then none is counted."""
        total = sum(counts.values())
        for tenant, count in counts.items():
            self._need("documents", self._documents, tenant, count)
        self._need_of_key(payer, total)
        for tenant, count in counts.items():
            self._buckets.take("documents", tenant, self._documents, count)
        if payer.key is not None and payer.key_rate is not None:
            self._keys.take("key", payer.key, _rate_of_key(payer.key_rate), total)

    def charge_read(self, payer: Payer) -> None:
        """Count a request that only reads. Raises Refusal when the tenant has none left."""
        self._need("reads", self._reads, payer.tenant, 1)
        self._buckets.take("reads", payer.tenant, self._reads, 1)

    @contextmanager
    def stream(self, payer: Payer) -> Iterator[None]:
        """While the block runs, the tenant has a stream open. Raises Refusal when it has too many."""
        if self._streams and self._open[payer.tenant] >= self._streams:
            raise Refusal(TOO_MANY_STREAMS, limit=self._streams)
        self._open[payer.tenant] += 1
        try:
            yield
        finally:
            self._open[payer.tenant] -= 1
            if not self._open[payer.tenant]:
                del self._open[payer.tenant]

    def _need(self, what: str, rate: Rate, who: str, amount: int) -> None:
        wait = self._buckets.wait(what, who, rate, amount)
        if wait:
            raise Refusal(RATE_LIMITED, limit=what, each_second=rate.each_second, burst=rate.burst, retry_after=wait)

    def _need_of_key(self, payer: Payer, amount: int) -> None:
        if payer.key is None or payer.key_rate is None:
            return
        rate = _rate_of_key(payer.key_rate)
        wait = self._keys.wait("key", payer.key, rate, amount)
        if wait:
            raise Refusal(
                RATE_LIMITED, limit="documents of this key", each_second=rate.each_second, burst=rate.burst,
                retry_after=wait,
            )  # fmt: skip


class Guesses:
    """How many credentials that do not hold may come from an address. `clock` is in seconds."""

    RATE = Rate(5, 50)

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets = Buckets(clock)

    def allow(self, address: str) -> None:
        """Raises Refusal when too many came from there."""
        wait = self._buckets.wait("guesses", address, self.RATE, 1)
        if wait:
            raise Refusal(GUESSING, retry_after=wait)

    def count(self, address: str) -> None:
        """One that does not hold."""
        self._buckets.take("guesses", address, self.RATE, 1)


def _rate_of_key(each_second: int) -> Rate:
    return Rate(each_second, KEY_BURST * each_second)
