"""`repeat` of a route: an open case is told again until somebody takes it, with the semantics of Alertmanager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.harness.routed_reports import NOW, Bus, a_book, a_problem
from tocsin.schemas.events import ProblemsDigested
from tocsin.streams.rules.config import Route, Silence, TimeOfWeek
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.state import CaseRow, ReminderRow, SeenRow, row_key
from tocsin.streams.rules.values import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

HOURLY = 3600


def thread(name: str) -> Any:
    return a_problem(thread_id=name)


REPEATING = Route(name="all", endpoints=("owner",), repeat=HOUR)


def status(rows: DictRows, case: str, status: Any, until: int | None = None) -> None:
    key = row_key("case", "acme", case)
    row = rows.get(key)
    assert isinstance(row, CaseRow)
    rows.put(key, msgspec.structs.replace(row, status=status, until=until), rows.due(key))


def test_an_open_case_is_told_again_and_again(rows: DictRows) -> None:
    bus = Bus(rows, a_book(REPEATING))
    bus.report(0, thread("a"))
    assert bus.until(HOURLY - 1) == []
    assert bus.until(HOURLY) == ["digest of 0: repeat", "-> owner"]
    assert bus.until(2 * HOURLY) == ["digest of 0: repeat", "-> owner"]
    assert bus.report(2.5 * HOURLY, thread("a")) == ["e.p.xfer: repeated", "-> owner"]
    assert bus.until(3.4 * HOURLY) == [], "the hour begins anew when something is told"
    assert bus.until(3.5 * HOURLY) == ["digest of 0: repeat", "-> owner"]
    ids = [event.event_id for event in bus.events]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("taken", ["acknowledged", "resolved"])
def test_a_case_that_is_taken_or_over_is_not_told_again(rows: DictRows, taken: str) -> None:
    bus = Bus(rows, a_book(REPEATING))
    bus.report(0, thread("a"))
    status(rows, bus.events[0].case, taken)
    assert bus.until(3 * HOURLY) == []
    assert not [key for key in rows.rows if key.startswith("reminder/")]


def test_a_snoozed_case_waits(rows: DictRows) -> None:
    bus = Bus(rows, a_book(REPEATING))
    bus.report(0, thread("a"))
    status(rows, bus.events[0].case, "snoozed", NOW + 2 * HOUR + MINUTE)
    assert bus.until(2 * HOURLY + 59) == []
    assert bus.until(2 * HOURLY + 60) == ["digest of 0: repeat", "-> owner"], "the end of the snooze, not an hour on"
    assert bus.until(3 * HOURLY + 60) == ["digest of 0: repeat", "-> owner"], "a snooze that is over says nothing"


def test_a_case_is_remembered_as_long_as_it_is_told_again(rows: DictRows) -> None:
    bus = Bus(rows, a_book(msgspec.structs.replace(REPEATING, repeat=DAY)))
    bus.report(0, thread("a"))
    assert bus.until(100 * 24 * HOURLY) == ["digest of 0: repeat", "-> owner"] * 100
    status(rows, bus.events[0].case, "acknowledged")
    assert bus.until(200 * 24 * HOURLY) == []
    assert not rows.rows, "and then it is forgotten"


def test_a_reminder_that_is_rarer_than_cases_are_forgotten(rows: DictRows) -> None:
    bus = Bus(rows, a_book(msgspec.structs.replace(REPEATING, repeat=60 * DAY)))
    bus.report(0, thread("a"))
    assert bus.until(121 * 24 * HOURLY) == ["digest of 0: repeat", "-> owner"] * 2


def test_a_reminder_is_answered_by_its_own_id(rows: DictRows) -> None:
    bus = Bus(rows, a_book(REPEATING))
    bus.report(0, thread("a"))
    bus.until(HOURLY)
    [reminder] = [event for event in bus.events if isinstance(event, ProblemsDigested)]
    seen = rows.get(row_key("seen", "acme", reminder.event_id))
    assert isinstance(seen, SeenRow)
    assert seen.case == bus.events[0].case


def test_a_thread_whose_id_is_endless_is_not_remembered(rows: DictRows) -> None:
    bus = Bus(rows, a_book(REPEATING))
    bus.report(0, thread("a" * 100_000))
    row = rows.get(row_key("reminder", "acme", bus.events[0].case))
    assert isinstance(row, ReminderRow)
    assert row.thread is None


def test_nothing_is_repeated_in_a_silence_or_a_mute_time(rows: DictRows) -> None:
    noon = {"noon": (TimeOfWeek(start=10 * 60 + 30, end=12 * 60),)}
    route = msgspec.structs.replace(REPEATING, mute=("noon",))
    silence = Silence(name="s", match=Match.of(code=("e.p",)), since=NOW + 1, until=NOW + 2 * HOUR)
    bus = Bus(rows, a_book(route, mute_times=noon, silences=(silence,)))
    bus.report(0, thread("a"))
    assert bus.until(2 * HOURLY - 1) == []
    assert bus.until(2 * HOURLY) == ["digest of 0: repeat", "-> owner"], "the end of the silence"
    assert bus.until(4 * HOURLY - 1) == []
    assert bus.until(4 * HOURLY) == ["digest of 0: repeat", "-> owner"], "the end of the mute time"


def test_a_route_that_is_gone_repeats_nothing(rows: DictRows) -> None:
    bus = Bus(rows, a_book(REPEATING))
    bus.report(0, thread("a"))
    bus.config = msgspec.structs.replace(bus.config, book=a_book(Route(name="new", endpoints=("owner",))))
    assert bus.until(3 * HOURLY) == []
    assert not [key for key in rows.rows if key.startswith("reminder/")]


def test_a_reminder_counts_what_was_not_told(rows: DictRows) -> None:
    bus = Bus(rows, a_book(REPEATING))
    bus.report(0, thread("a"))
    key = row_key("reminder", "acme", bus.events[0].case)
    row = rows.get(key)
    assert isinstance(row, ReminderRow)
    bus.config = msgspec.structs.replace(
        bus.config, silences=(Silence(name="s", match=Match(), since=NOW, until=NOW + 10 * MINUTE),)
    )
    assert bus.report(10, thread("a")) == ["suppressed: silenced"]
    assert bus.until(HOURLY) == ["digest of 1: repeat", "-> owner"]
