"""Silences, inhibitions and what is quiet by default, in the order in which things happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.harness.routed_reports import NOW, Bus, a_book, a_problem
from tocsin.streams.rules.config import Inhibition, Route, Silence
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.state import CaseRow, InhibitRow, row_key
from tocsin.streams.rules.state.routing import MAX_SOURCES
from tocsin.streams.rules.values import HOUR, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

ALL = Route(name="all", endpoints=("owner",))
XFER = Match.of(code=("e.p.xfer",))
TOLD = ["e.p.xfer: opened", "-> owner"]
AGAIN = ["e.p.xfer: repeated", "-> owner"]


def a_silence(since: float, until: float, match: Match = XFER, **more: Any) -> Silence:
    return Silence(name="works", match=match, since=NOW + int(since * SECOND), until=NOW + int(until * SECOND), **more)


@pytest.mark.parametrize(
    ("silence", "at", "said"),
    [
        pytest.param(a_silence(0, 10), 0, ["suppressed: silenced"], id="from its beginning"),
        pytest.param(a_silence(0, 10), 9.9, ["suppressed: silenced"], id="just before its end"),
        pytest.param(a_silence(0, 10), 10, TOLD, id="not at its end"),
        pytest.param(a_silence(5, 10), 4.9, TOLD, id="not before its beginning"),
        pytest.param(a_silence(0, 10, Match.of(code=("e.m",))), 1, TOLD, id="not what does not fit"),
        pytest.param(a_silence(0, 10, tenant="acme"), 1, ["suppressed: silenced"], id="the tenant's own"),
        pytest.param(a_silence(0, 10, tenant="other"), 1, TOLD, id="not another tenant's"),
    ],
)
@pytest.mark.parametrize("made", ["in the file", "while running"])
def test_silences(rows: DictRows, made: str, silence: Silence, at: float, said: list[str]) -> None:
    book = a_book(ALL, silences=(silence,) if made == "in the file" else ())
    bus = Bus(rows, book, (silence,) if made == "while running" else ())
    assert bus.report(at, a_problem()) == said


def test_a_suppression_names_the_silence(rows: DictRows) -> None:
    bus = Bus(rows, a_book(ALL, silences=(a_silence(0, 10),)))
    bus.report(1, a_problem())
    assert (bus.events[0].reason, bus.events[0].detail, bus.events[0].survivor) == ("silenced", "works", None)


CONNECTION_DOWN = Inhibition(
    name="connection-down",
    source=Match.of(scope=("connection",)),
    target=Match.of(scope=("thread",)),
    equal=("connection",),
    lasting=HOUR,
)
WORSE = a_problem("e.p.trust", scope="connection", thread_id="t1", source={"connection": "c1"})
LESSER = a_problem("e.p.xfer", scope="thread", thread_id="t2", source={"connection": "c1"})
ELSEWHERE = a_problem("e.p.xfer", scope="thread", thread_id="t3", source={"connection": "c2"})


def test_while_a_connection_is_broken_its_threads_are_not_told(rows: DictRows) -> None:
    bus = Bus(rows, a_book(ALL, inhibit=(CONNECTION_DOWN,)))
    assert bus.report(0, LESSER) == TOLD, "before the worse problem"
    assert bus.report(1, WORSE) == ["e.p.trust: opened", "-> owner"]
    told = bus.events[-2].event_id
    assert bus.report(2, LESSER) == ["suppressed: inhibited"]
    assert (bus.events[-1].detail, bus.events[-1].survivor) == ("connection-down", told)
    assert bus.report(3, ELSEWHERE) == TOLD, "another connection"
    assert bus.report(4, LESSER, tenant="other") == TOLD, "another tenant"


def test_it_ends_when_the_source_is_resolved(rows: DictRows) -> None:
    bus = Bus(rows, a_book(ALL, inhibit=(CONNECTION_DOWN,)))
    bus.report(0, WORSE)
    case = bus.events[0].case
    assert bus.report(1, LESSER) == ["suppressed: inhibited"]
    key = row_key("case", "acme", case)
    row = rows.get(key)
    assert isinstance(row, CaseRow)
    rows.put(key, msgspec.structs.replace(row, status="acknowledged"), rows.due(key))
    assert bus.report(2, LESSER) == ["suppressed: inhibited"], "somebody works on it"
    rows.put(key, msgspec.structs.replace(row, status="resolved"), rows.due(key))
    assert bus.report(3, LESSER) == TOLD
    assert bus.report(4, WORSE)[0] == "e.p.trust: opened"
    assert bus.report(5, LESSER) == ["suppressed: inhibited"], "open again"


def test_it_ends_some_time_after_the_last_source_and_nothing_stays(rows: DictRows) -> None:
    bus = Bus(rows, a_book(ALL, inhibit=(CONNECTION_DOWN,)))
    bus.report(0, WORSE)
    bus.report(1800, WORSE)
    assert bus.report(3700, LESSER) == ["suppressed: inhibited"], "prolonged by the second one"
    assert bus.report(1800 + 3600, LESSER) == TOLD
    bus.until(3 * 3600)
    assert not [key for key in rows.rows if key.startswith("inhibit/")]


def test_many_sources_are_bounded(rows: DictRows) -> None:
    bus = Bus(rows, a_book(ALL, inhibit=(CONNECTION_DOWN,)))
    for number in range(3 * MAX_SOURCES):
        bus.report(number, msgspec.structs.replace(WORSE, thread_id=f"t{number}"))
    (row,) = [rows.get(key) for key in rows.rows if key.startswith("inhibit/")]
    assert isinstance(row, InhibitRow)
    assert len(row.sources) == MAX_SOURCES


def test_what_fits_both_sides_does_not_keep_its_equals_quiet(rows: DictRows) -> None:
    both = Inhibition(name="both", source=Match.of(code=("e.p",)), target=Match(), equal=("connection",), lasting=HOUR)
    bus = Bus(rows, a_book(ALL, inhibit=(both,)))
    assert bus.report(0, WORSE)[0] == "e.p.trust: opened"
    assert bus.report(1, LESSER) == TOLD, "it fits the source too, as the first one fits the target"
    warning = a_problem("w.p.xfer", thread_id="t9", source={"connection": "c1"})
    assert bus.report(2, warning) == ["suppressed: inhibited"], "it fits the target only"


def test_a_silenced_source_inhibits_nothing(rows: DictRows) -> None:
    silence = a_silence(0, 10, Match.of(scope=("connection",)))
    bus = Bus(rows, a_book(ALL, inhibit=(CONNECTION_DOWN,), silences=(silence,)))
    assert bus.report(0, WORSE) == ["suppressed: silenced"]
    assert bus.report(1, LESSER) == TOLD


VERSION_WARNING = "fields-ignored-due-to-version-mismatch"


@pytest.mark.parametrize(
    ("routes", "code", "said"),
    [
        pytest.param((ALL,), VERSION_WARNING, ["suppressed: quiet_by_default"], id="nobody asked for it"),
        pytest.param((), VERSION_WARNING, ["suppressed: quiet_by_default"], id="not even a route"),
        pytest.param(
            (Route(name="asked", match=Match.of(code=(VERSION_WARNING,)), endpoints=("desk",)),), VERSION_WARNING,
            [f"{VERSION_WARNING}: opened", "-> desk"], id="a route names it",
        ),
        pytest.param(
            (Route(name="asked", match=Match.of(code=(VERSION_WARNING,)), endpoints=("desk",),
                   routes=(Route(name="inner", endpoints=("owner",)),)),), VERSION_WARNING,
            [f"{VERSION_WARNING}: opened", "-> owner"], id="a route around it names it",
        ),
        pytest.param((ALL,), "e.p.xfer", TOLD, id="another code"),
    ],
)  # fmt: skip
def test_warnings_of_versions_are_quiet_by_default(
    rows: DictRows, routes: tuple[Route, ...], code: str, said: list[str]
) -> None:
    assert Bus(rows, a_book(*routes)).report(0, a_problem(code)) == said
