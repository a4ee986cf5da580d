"""The streaming quantile against the exact one, on several distributions."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import ceil, sqrt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.rules.timeouts.quantile import BOUNDS, LARGEST, SMALLEST, WINDOW, Buckets, quantile_of, with_latency
from tocsin.streams.rules.values import DAY, HOUR, MINUTE, SECOND

QUANTILES = (0.01, 0.5, 0.9, 0.99, 0.999)
Draw = Callable[[random.Random], float]
DISTRIBUTIONS: dict[str, Draw] = {
    "all the same": lambda _: 7 * SECOND,
    "evenly from 1 s to 10 s": lambda seed: seed.uniform(SECOND, 10 * SECOND),
    "exponential, 3 s": lambda seed: seed.expovariate(1 / (3 * SECOND)),
    "log-normal, as answers of machines are": lambda seed: seed.lognormvariate(13, 1.5),
    "Pareto: a heavy tail": lambda seed: SECOND * seed.paretovariate(1.1),
    "machines and people: 50 ms, one in ten an hour": lambda seed: HOUR if seed.random() < 0.1 else SECOND // 20,
    "growing all the time": lambda seed: seed.uniform(1, 1.01) * SECOND,
}


def exact(values: list[int], quantile: float) -> int:
    """Nearest rank."""
    return sorted(values)[max(1, ceil(quantile * len(values))) - 1]


def sketch_of(values: list[int]) -> Buckets:
    buckets: Buckets = ()
    for value in values:
        buckets = with_latency(buckets, value)
    return buckets


@given(
    values=st.lists(st.integers(SMALLEST, LARGEST), min_size=1, max_size=200),
    quantile=st.floats(0, 1, exclude_min=True),
)
def test_never_less_than_the_exact_one_and_at_most_a_tenth_more(values: list[int], quantile: float) -> None:
    found, right = quantile_of(sketch_of(values), quantile), exact(values, quantile)
    assert right <= found <= right * 1.1 + 1


@given(st.lists(st.integers(0, 2 * LARGEST), max_size=100), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(values: list[int], seed: random.Random) -> None:
    shuffled = list(values)
    seed.shuffle(shuffled)
    assert sketch_of(shuffled) == sketch_of(values)


@pytest.mark.parametrize("draw", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS.keys())
@pytest.mark.parametrize("count", [1, 20, WINDOW])
def test_on_distributions_before_anything_is_halved(draw: Draw, count: int) -> None:
    seed = random.Random(count)
    values = [max(SMALLEST, int(draw(seed))) for _ in range(count)]
    for quantile in QUANTILES:
        right = exact(values, quantile)
        assert right <= quantile_of(sketch_of(values), quantile) <= right * 1.1 + 1


@pytest.mark.parametrize("draw", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS.keys())
@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.99])
def test_on_long_streams_it_is_as_good_as_a_sample_of_half_a_window_and_the_state_stays_small(
    draw: Draw, quantile: float
) -> None:
    seed = random.Random(5)
    values = [max(SMALLEST, int(draw(seed))) for _ in range(20 * WINDOW)]
    buckets = sketch_of(values)
    found = quantile_of(buckets, quantile)
    weighed = WINDOW // 2
    off = 4 * sqrt(quantile * (1 - quantile) / weighed) + 1 / weighed
    assert exact(values, quantile - off) <= found <= exact(values, min(quantile + off, 1)) * 1.1 + 1
    assert WINDOW // 2 <= sum(count for _, count in buckets) <= WINDOW
    assert len(buckets) <= len(BOUNDS) < 300
    assert len(msgspec.msgpack.encode(buckets)) < 2000


def test_what_is_recent_counts_more() -> None:
    quick, slow = [SECOND] * 5 * WINDOW, [MINUTE] * WINDOW
    before = quantile_of(sketch_of(quick), 0.99)
    assert before < 2 * SECOND
    assert quantile_of(sketch_of(quick + slow[: WINDOW // 20]), 0.99) >= MINUTE
    assert quantile_of(sketch_of(slow + quick), 0.5) < 2 * SECOND
    assert quantile_of(sketch_of(slow + quick + quick), 0.99) < 2 * SECOND


@pytest.mark.parametrize(
    ("latency", "counts_as"),
    [
        pytest.param(0, SMALLEST, id="nothing counts as a millisecond"),
        pytest.param(SMALLEST, SMALLEST, id="a bound belongs to the bucket below it"),
        pytest.param(SMALLEST + 1, SMALLEST * 11 // 10, id="and what is more to the next one"),
        pytest.param(1000 * DAY, BOUNDS[-1], id="too long counts as the last bound"),
    ],
)
def test_the_ends(latency: int, counts_as: int) -> None:
    assert quantile_of(with_latency((), latency), 0.99) == counts_as


def test_an_empty_sketch_says_nothing() -> None:
    assert quantile_of((), 0.99) == 0
