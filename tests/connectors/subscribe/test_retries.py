"""When a handler that failed is called again."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.connectors.subscribe import Retries

ROWS: dict[str, tuple[Retries, list[float | None]]] = {
    "the usual": (Retries(), [0.5, 1.5, 4.5, 13.5, None]),
    "once": (Retries(times=1), [None]),
    "never longer than": (Retries(times=4, first=1, factor=10, most=20), [1, 10, 20, None]),
    "at once": (Retries(times=3, first=0), [0, 0, None]),
}


@pytest.mark.parametrize(("retries", "waits"), ROWS.values(), ids=list(ROWS))
def test_waits(retries: Retries, waits: list[float | None]) -> None:
    assert [retries.after(attempt) for attempt in range(1, len(waits) + 1)] == waits


def test_for_ever() -> None:
    assert Retries(times=None).after(10**9) == 60.0


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"times": 0}, "times=0"),
        ({"first": -1}, "first=-1"),
        ({"factor": 0.5}, "factor"),
        ({"most": float("nan")}, "most"),
    ],
)
def test_what_cannot_be_is_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Retries(**wrong)
