"""Retry-After, whatever it says: nothing or up to an hour, and nothing is raised. `make fuzz` does more of it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.connectors.http_outcomes import MAX_RETRY_AFTER, of_status, parse_retry_after

PATIENCE = int(os.environ.get("TOCSIN_FUZZ", "1"))
"""How many times as many examples: `make fuzz` sets it."""

SECOND = 1_000_000
nows = st.integers(0, 4_102_444_800) | st.just(1_700_000_000)  # to the year 2100
"""Seconds since 1970."""

words = [
    "Sun", "Mon", "Tue", "Jan", "Feb", "Foo", "GMT", "UTC", "EST", "Z", "+", "-", "+0000", "-2359", "+9999",
    "24:00:00", "23:59:60", "12:00", "0", "1", "31", "99", "0000", "9999", "99999",
]  # fmt: skip
small = st.integers(0, 99)
years = st.integers(0, 9_999) | st.integers(0, 10**20)
pieces = st.sampled_from(words) | st.integers(-10, 100_000).map(str) | st.text("0123456789:+-., ", max_size=8)
values = (
    st.text(max_size=70)
    | st.lists(pieces, max_size=8).map(" ".join)
    | st.builds(
        "{}, {:02} {} {} {:02}:{:02}:{:02} {}".format,
        *(pieces, small, st.sampled_from(["Jan", "dec", "Foo"]), years, small, small, small, pieces),
    )
    | st.integers(0, 10**70).map(str)
    | st.floats().map(str)
    | st.floats(0, 1e9).map("{:f}".format)
)


@settings(max_examples=200 * PATIENCE**2, derandomize=True, deadline=None)
@given(value=values, now=nows, status=st.sampled_from([429, 503, 500, 301, 410, 200]))
def test_it_is_within_an_hour_or_nothing(value: str, now: int, status: int) -> None:
    after = parse_retry_after(value, now * SECOND)
    assert after is None or (type(after) is int and 0 <= after <= MAX_RETRY_AFTER * SECOND)
    assert getattr(of_status(status, value, now * SECOND), "after", after) == after


@settings(max_examples=30 * PATIENCE**2, derandomize=True, deadline=None)
@given(seconds=st.integers(0, 10_000), space=st.sampled_from(["", " ", "\t"]))
def test_seconds_are_seconds(seconds: int, space: str) -> None:
    assert parse_retry_after(f"{space}{seconds}{space}", 0) == min(seconds, MAX_RETRY_AFTER) * SECOND


@settings(max_examples=30 * PATIENCE**2, derandomize=True, deadline=None)
@given(now=nows, ahead=st.integers(-100_000, 100_000))
def test_a_date_is_the_time_until_then(now: int, ahead: int) -> None:
    at = datetime.fromtimestamp(now, UTC) + timedelta(seconds=ahead)
    after = parse_retry_after(format_datetime(at, usegmt=True), now * SECOND)
    assert after == min(max(ahead, 0), MAX_RETRY_AFTER) * SECOND
