"""How far a partition is behind."""

from __future__ import annotations

import pytest

from tocsin.streams.engine.lag import Lag, Lags

SECOND = 1_000_000

FOLDED, LOOKED = "folded", "looked"
Step = tuple[str, str, int] | tuple[str, str, int, int]
"""The method, the partition, (how many wait,) and the second."""

TABLE: dict[str, tuple[list[Step], Lag]] = {
    "never looked at": ([], Lag()),
    "nothing waits": ([(LOOKED, "p", 0, 90)], Lag()),
    "of another partition": ([(LOOKED, "q", 5, 90)], Lag()),
    "found waiting ten seconds ago": ([(LOOKED, "p", 5, 90)], Lag(5, 10.0)),
    "an old record was taken long ago": ([(FOLDED, "p", 1), (LOOKED, "p", 5, 90)], Lag(5, 10.0)),
    "it moves, always a little behind": (
        [(LOOKED, "p", 5, 10), (LOOKED, "p", 7, 95), (FOLDED, "p", 98)], Lag(7, 2.0)
    ),
    "it caught up in between": ([(LOOKED, "p", 5, 10), (LOOKED, "p", 0, 20), (LOOKED, "p", 1, 99)], Lag(1, 1.0)),
    "a clock behind the broker's": ([(LOOKED, "p", 1, 99), (FOLDED, "p", 200)], Lag(1, 0.0)),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "lag"), TABLE.values(), ids=TABLE)
def test_lag(steps: list[Step], lag: Lag) -> None:
    lags = Lags()
    for method, place, *numbers, second in steps:
        getattr(lags, method)(place, *numbers, second * SECOND)
    assert lags.of("p", 100 * SECOND) == lag
