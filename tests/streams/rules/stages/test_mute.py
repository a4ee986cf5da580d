"""Mute times: plain days, over midnight, months, time zones and changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.rules.config import TimeOfWeek
from tocsin.streams.rules.stages.mute import end_of, muted_until
from tocsin.streams.rules.values import MINUTE, SECOND

NIGHT = TimeOfWeek(start=22 * 60, end=6 * 60)
FRIDAY_NIGHT = TimeOfWeek(days=(4,), start=22 * 60, end=6 * 60)
WEEKEND = TimeOfWeek(days=(5, 6))
OFFICE = TimeOfWeek(days=(0, 1, 2, 3, 4), start=9 * 60, end=17 * 60)
DECEMBER = TimeOfWeek(months=(12,))
ZURICH = TimeOfWeek(start=22 * 60, end=6 * 60, timezone="Europe/Zurich")
GAP = TimeOfWeek(start=2 * 60 + 30, end=3 * 60 + 30, timezone="Europe/Zurich")
TWICE = TimeOfWeek(start=2 * 60, end=3 * 60, timezone="Europe/Zurich")
FIRST_OF_TWICE = TimeOfWeek(start=2 * 60 + 15, end=2 * 60 + 45, timezone="Europe/Zurich")


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("time", "now", "end"),
    [
        pytest.param(OFFICE, "2026-11-20 09:00:00", "2026-11-20 17:00:00", id="its beginning is in it"),
        pytest.param(OFFICE, "2026-11-20 17:00:00", None, id="its end is not"),
        pytest.param(OFFICE, "2026-11-21 12:00:00", None, id="another day"),
        pytest.param(NIGHT, "2026-11-20 23:00:00", "2026-11-21 06:00:00", id="before midnight"),
        pytest.param(NIGHT, "2026-11-21 05:59:59", "2026-11-21 06:00:00", id="after midnight"),
        pytest.param(NIGHT, "2026-11-21 06:00:00", None, id="the morning"),
        pytest.param(FRIDAY_NIGHT, "2026-11-21 01:00:00", "2026-11-21 06:00:00", id="Saturday belongs to Friday night"),
        pytest.param(FRIDAY_NIGHT, "2026-11-20 01:00:00", None, id="Friday's small hours belong to Thursday"),
        pytest.param(WEEKEND, "2026-11-21 00:00:00", "2026-11-22 00:00:00", id="a whole day"),
        pytest.param(DECEMBER, "2026-12-31 23:59:59", "2027-01-01 00:00:00", id="the last of a month"),
        pytest.param(DECEMBER, "2027-01-01 00:00:00", None, id="another month"),
        pytest.param(ZURICH, "2026-11-20 21:00:00", "2026-11-21 05:00:00", id="winter time"),
        pytest.param(ZURICH, "2026-07-20 20:00:00", "2026-07-21 04:00:00", id="summer time"),
        pytest.param(ZURICH, "2026-03-28 21:00:00", "2026-03-29 04:00:00", id="the night that is an hour shorter"),
        pytest.param(ZURICH, "2026-10-24 20:00:00", "2026-10-25 05:00:00", id="the night that is an hour longer"),
        pytest.param(GAP, "2026-03-29 01:30:00", None, id="from a time that is not there: empty"),
        pytest.param(GAP, "2026-03-30 00:30:00", "2026-03-30 01:30:00", id="the day after, as ever"),
        pytest.param(TWICE, "2026-10-25 00:00:00", "2026-10-25 02:00:00", id="an hour that is there twice"),
        pytest.param(FIRST_OF_TWICE, "2026-10-25 01:30:00", "2026-10-25 01:45:00", id="and a part of it"),
    ],
)
def test_one_time(time: TimeOfWeek, now: str, end: str | None) -> None:
    assert end_of(time, micros(now)) == (None if end is None else micros(end))


def test_times_that_touch_end_together() -> None:
    times = {"weekend": (WEEKEND,), "night": (NIGHT,), "never": ()}
    friday = micros("2026-11-20 23:00:00")
    assert muted_until(("night", "weekend"), times, friday) == ("night", micros("2026-11-23 06:00:00"))
    assert muted_until(("weekend",), times, friday) is None
    assert muted_until(("never", "unknown"), times, friday) is None
    assert muted_until((), times, friday) is None


def test_a_time_that_never_ends_has_an_end_all_the_same() -> None:
    always = {"always": (TimeOfWeek(),)}
    name, until = muted_until(("always",), always, micros("2026-11-20 23:00:00")) or ("", 0)
    assert name == "always"
    assert micros("2027-11-01 00:00:00") < until < micros("2027-12-31 00:00:00")


TIMES = st.builds(
    TimeOfWeek,
    days=st.frozensets(st.integers(0, 6)).map(lambda days: tuple(sorted(days))),
    start=st.integers(0, 1439),
    end=st.integers(0, 1440),
    months=st.frozensets(st.integers(1, 12), max_size=3).map(lambda months: tuple(sorted(months))),
    timezone=st.sampled_from(["UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(time=TIMES, instant=INSTANTS)
def test_it_holds_when_the_clock_on_the_wall_says_so(time: TimeOfWeek, instant: datetime) -> None:
    instant = instant.replace(second=0, microsecond=0)
    zone = ZoneInfo(time.timezone)
    # not within a day of a change of the clock: there the table above says what is right
    around = {(instant + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in range(-48, 49, 6)}
    if len(around) > 1:
        return
    end = end_of(time, int(instant.timestamp()) * SECOND)
    assert (end is not None) == _wall_says(time, instant.astimezone(zone))


def _wall_says(time: TimeOfWeek, local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    yesterday = local - timedelta(days=1)
    if time.end > time.start:
        return _on(time, local) and time.start <= minute < time.end
    return (_on(time, local) and minute >= time.start) or (_on(time, yesterday) and minute < time.end)


def _on(time: TimeOfWeek, day: datetime) -> bool:
    return (not time.days or day.weekday() in time.days) and (not time.months or day.month in time.months)


@given(time=TIMES, now=st.integers(-(10**18), 10**18))
def test_it_is_total_and_its_end_is_later_and_outside_of_it(time: TimeOfWeek, now: int) -> None:
    end = end_of(time, now)
    if end is not None:
        assert end > now
        assert end - now <= 2 * 25 * 60 * MINUTE
        later = end_of(time, end)
        assert later is None or later > end
