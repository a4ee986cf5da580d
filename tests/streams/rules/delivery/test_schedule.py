"""Retry times: a table of the schedule, and properties over all of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.rules.delivery.schedule import (
    MAX_RETRY_AFTER,
    retry_at,
    schedule_length,
)
from tocsin.streams.rules.jitter import jitter, max_jitter
from tocsin.streams.rules.policies import RETRY_SCHEDULE
from tocsin.streams.rules.values import HOUR, MINUTE, SECOND

NOW = 1_800_000_000_000_000


@pytest.mark.parametrize(
    ("attempts", "delay", "most"),
    [
        pytest.param(1, 5 * SECOND, 1 * SECOND, id="after the first failure 5 s, jitter at least 1 s wide"),
        pytest.param(2, 30 * SECOND, 3 * SECOND, id="then 30 s and 10 %"),
        pytest.param(3, 5 * MINUTE, 30 * SECOND, id="then 5 min"),
        pytest.param(4, 30 * MINUTE, 3 * MINUTE, id="then 30 min"),
        pytest.param(5, 2 * HOUR, 12 * MINUTE, id="then 2 h"),
        pytest.param(6, 5 * HOUR, 15 * MINUTE, id="then 5 h, jitter at most 15 min"),
        pytest.param(7, 10 * HOUR, 15 * MINUTE, id="then 10 h"),
        pytest.param(8, 14 * HOUR, 15 * MINUTE, id="then 14 h"),
        pytest.param(9, 20 * HOUR, 15 * MINUTE, id="then 20 h"),
        pytest.param(10, 24 * HOUR, 15 * MINUTE, id="then 24 h"),
    ],
)
def test_delay_before_the_next_attempt(attempts: int, delay: int, most: int) -> None:
    due = retry_at(RETRY_SCHEDULE, "some-delivery", attempts, NOW)
    assert due is not None
    assert delay <= due - NOW <= delay + most
    assert max_jitter(delay) == most


def test_the_schedule_ends_after_eleven_attempts() -> None:
    assert retry_at(RETRY_SCHEDULE, "d", 11, NOW) is None
    assert retry_at((), "d", 0, NOW) is None


def test_the_first_attempt_is_immediate() -> None:
    assert retry_at(RETRY_SCHEDULE, "d", 0, NOW) == NOW


def test_the_whole_schedule_takes_three_days() -> None:
    without_jitter = sum(RETRY_SCHEDULE)
    assert without_jitter == 75 * HOUR + 35 * MINUTE + 35 * SECOND
    assert without_jitter < schedule_length(RETRY_SCHEDULE) < without_jitter + 2 * HOUR


@pytest.mark.parametrize(
    ("hint", "at_least"),
    [
        pytest.param(None, 5 * SECOND, id="no hint"),
        pytest.param(1, 5 * SECOND, id="a short hint does not hurry"),
        pytest.param(-HOUR, 5 * SECOND, id="a negative hint is ignored"),
        pytest.param(10 * MINUTE, 10 * MINUTE, id="a longer hint delays"),
        pytest.param(300 * HOUR, MAX_RETRY_AFTER, id="an absurd hint delays by an hour"),
    ],
)
def test_retry_after_only_delays(hint: int | None, at_least: int) -> None:
    due = retry_at(RETRY_SCHEDULE, "d", 1, NOW, hint)
    assert due is not None
    assert NOW + at_least <= due <= NOW + max(at_least, 6 * SECOND)


@given(
    delivery=st.text(),
    attempts=st.integers(0, 12),
    now=st.integers(0, 2**60),
    hint=st.none() | st.integers(-(2**62), 2**62),
)
def test_never_early_and_within_bounds(delivery: str, attempts: int, now: int, hint: int | None) -> None:
    due = retry_at(RETRY_SCHEDULE, delivery, attempts, now, hint)
    assert (due is None) == (attempts >= len(RETRY_SCHEDULE))
    if due is not None:
        delay = RETRY_SCHEDULE[attempts]
        assert now + delay <= due <= now + max(delay + max_jitter(delay), MAX_RETRY_AFTER)
        assert due == retry_at(RETRY_SCHEDULE, delivery, attempts, now, hint)
        plain = retry_at(RETRY_SCHEDULE, delivery, attempts, now)
        assert plain is not None
        assert due >= plain


def test_jitter_spreads() -> None:
    found = [jitter(HOUR, f"delivery {number}", 2) for number in range(1000)]
    assert min(found) < max_jitter(HOUR) // 20
    assert max(found) > max_jitter(HOUR) * 19 // 20
    assert len(set(found)) > 990
