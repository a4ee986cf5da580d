"""Times as a person types them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.cli.moments import moment, window
from tocsin.streams.processes.exit_codes import CommandFailed

NOW = 1_800_000_000_000_000
SECOND = 1_000_000

GOOD = {
    "a span": ("2h", NOW - 7200 * SECOND),
    "several": ("1h30m", NOW - 5400 * SECOND),
    "no time at all": ("0s", NOW),
    "a moment": ("2030-01-31T18:00:00Z", 1_896_112_800 * SECOND),
    "a moment elsewhere": ("2030-01-31T20:00:00+02:00", 1_896_112_800 * SECOND),
    "longer ago than there was time": ("999999d", 0),
    "before the epoch": ("1969-12-31T23:59:59Z", 0),
}


@pytest.mark.parametrize(("text", "meant"), GOOD.values(), ids=list(GOOD))
def test_a_moment(text: str, meant: int) -> None:
    assert moment(text, "--from", NOW) == meant


@pytest.mark.parametrize(
    "text", ["", "now", "2", "h", "-2h", "2h ago", "2030-01-31", "2030-01-31T18:00:00", "\x00", "٢h"]
)
def test_what_is_no_moment_names_its_flag(text: str) -> None:
    with pytest.raises(CommandFailed, match=r"--to is wrong: expected a time with its zone"):
        moment(text, "--to", NOW)


@given(st.text())
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    with suppress(CommandFailed):
        assert moment(text, "--from", NOW) >= 0


@given(
    at=st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)),
    hours=st.integers(-23, 23),
    parts=st.tuples(st.integers(0, 999), st.integers(0, 99), st.integers(0, 99)),
)
def test_moments_and_spans_mean_what_they_say(at: datetime, hours: int, parts: tuple[int, int, int]) -> None:
    whole = at.replace(tzinfo=UTC, microsecond=0)
    written = whole.astimezone(timezone(timedelta(hours=hours))).isoformat()
    assert moment(written, "--from", NOW) == (whole - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    days, minutes, seconds = parts
    ago = (days * 86400 + minutes * 60 + seconds) * SECOND
    assert moment(f"{days}d{minutes}m{seconds}s", "--from", NOW) == max(0, NOW - ago)


def test_a_window_has_an_order() -> None:
    assert window("2h", "1h", NOW) == (NOW - 7200 * SECOND, NOW - 3600 * SECOND)
    assert window(None, None, NOW) == (None, None)
    for since, until in (("1h", "2h"), ("1h", "1h")):
        with pytest.raises(CommandFailed, match="--from must be before --to"):
            window(since, until, NOW)
