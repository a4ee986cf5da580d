"""Mute times: recurring times, in a time zone, in which a route tells nobody (Alertmanager's mute_time_intervals).

A time belongs to the day on which it begins: `fri 22:00 to 06:00` ends on Saturday morning. Clock times are local: at a
change of the clock, one that does not exist is taken as if the clock had not changed yet, and of one that is there
twice the first begins and the second ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from tocsin.streams.rules.config import TimeOfWeek
from tocsin.streams.rules.report import Report, Waiting
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import DAY, SECOND
from tocsin.streams.rules.verdict import Reason

_LAST = 253_402_300_799 * SECOND
_DAY_MINUTES = 1440
MAX_JOINED = 366
"""How many times that touch each other are followed to find the end."""


def judge(turn: Turn, report: Report) -> None:
    """Let the routes that are muted now wait for the end of their mute times. A limit notice waits for nothing: after
    it there is nothing more to tell."""
    if report.limit is not None:
        return
    for one in report.matched:
        muted = muted_until(one.route.mute, turn.config.book.mute_times, turn.now) if one.route.mute else None
        if muted is not None:
            report.waiting[one.path] = Waiting(
                reason=Reason.MUTED, detail=muted[0], group=f"muted/{one.path}", until=muted[1]
            )  # fmt: skip


def muted_until(
    names: tuple[str, ...], times: Mapping[str, tuple[TimeOfWeek, ...]], now: int
) -> tuple[str, int] | None:
    """The name of the mute time that holds at `now` and when (microseconds) no time of these names holds any more; None
    when none holds."""
    every = [(name, one) for name in names for one in times.get(name, ())]
    holding = next(((name, end) for name, one in every if (end := end_of(one, now)) is not None), None)
    if holding is None:
        return None
    name, end = holding
    for _ in range(MAX_JOINED):
        later = max((found for _, one in every if (found := end_of(one, end)) is not None), default=end)
        if later <= end:
            break
        end = later
    return name, end


def end_of(one: TimeOfWeek, now: int) -> int | None:
    """When (microseconds) the occurrence that holds at `now` ends, or None; its beginning is in it, its end is not."""
    zone = _zone(one.timezone)
    instant = min(max(now, DAY), _LAST - 3 * DAY)
    today = datetime.fromtimestamp(instant // SECOND, UTC).astimezone(zone).date()
    ends = [_occurrence(one, today - timedelta(days=back), zone) for back in (0, 1)]
    return max((end for begin, end in filter(None, ends) if begin <= now < end), default=None)


def _occurrence(one: TimeOfWeek, day: date, zone: ZoneInfo) -> tuple[int, int] | None:
    """Begin and end (microseconds) of the occurrence that begins on `day`."""
    if (one.days and day.weekday() not in one.days) or (one.months and day.month not in one.months):
        return None
    over_midnight = one.end <= one.start
    return _instant(day, one.start, zone, fold=0), _instant(day + timedelta(days=over_midnight), one.end, zone, fold=1)


def _instant(day: date, minutes: int, zone: ZoneInfo, *, fold: int) -> int:
    midnight, rest = divmod(minutes, _DAY_MINUTES)
    local = datetime.combine(day + timedelta(days=midnight), time(rest // 60, rest % 60, fold=fold), zone)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        local = local.replace(fold=0)  # a time that is not there: with fold 1 it would lie an hour earlier
    return int(local.timestamp()) * SECOND


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
