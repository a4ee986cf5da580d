"""A streaming quantile of latencies in constant memory: counts in buckets whose bounds grow by a tenth.

As DDSketch (Masson, Rim, Lee: VLDB 2019) it has a relative error that is guaranteed, whatever the distribution, the
order and the quantile; P-square has neither, and is bound to one quantile while the rules file may change ours. Bounds
and counts are integers, so every machine says the same. What is recent counts more: a full sketch is halved.
"""

from __future__ import annotations

from bisect import bisect_left
from math import ceil

from tocsin.streams.rules.values import DAY

SMALLEST = 1000
"""Microseconds; what is shorter counts as this."""

LARGEST = 100 * DAY
"""What is longer counts as the last bound, which is the first one over this."""

WINDOW = 1000
"""Latencies that a sketch weighs; one more, and all that it has counts half."""

Buckets = tuple[tuple[int, int], ...]
"""(bucket, count), by bucket; a count is at least 1."""


def _bounds() -> tuple[int, ...]:
    bounds = [SMALLEST]
    while bounds[-1] < LARGEST:
        bounds.append(bounds[-1] * 11 // 10)
    return tuple(bounds)


BOUNDS = _bounds()
"""The upper bound (microseconds, inclusive) of each bucket, at most a tenth over the bound before it."""


def with_latency(buckets: Buckets, latency: int) -> Buckets:
    """The sketch with one more latency (microseconds), the older ones halved when it had WINDOW of them."""
    counts = dict(buckets)
    bucket = min(bisect_left(BOUNDS, latency), len(BOUNDS) - 1)
    counts[bucket] = counts.get(bucket, 0) + 1
    grown = tuple(sorted(counts.items()))
    return _halved(grown) if sum(counts.values()) > WINDOW else grown


def quantile_of(buckets: Buckets, quantile: float) -> int:
    """An upper estimate of the quantile (0 to 1, nearest rank) in microseconds: never less than the exact one, and at
    most a tenth more, as long as nothing was halved and all lay between SMALLEST and LARGEST. 0 for an empty sketch."""
    rank = max(1, ceil(quantile * sum(count for _, count in buckets)))
    seen = 0
    for bucket, count in buckets:
        seen += count
        if seen >= rank:
            return BOUNDS[bucket]
    return BOUNDS[buckets[-1][0]] if buckets else 0


def _halved(buckets: Buckets) -> Buckets:
    # By the sums from the left, so that no rank is off by more than one; each count by itself would lose the tail.
    halved: list[tuple[int, int]] = []
    before = after = 0
    for bucket, count in buckets:
        before += count
        half = before // 2
        if half > after:
            halved.append((bucket, half - after))
        after = half
    return tuple(halved)
