"""Every scenario twice over: with each event handed in twice, and with a neighbour to whom the same happens."""

from __future__ import annotations

import msgspec
import pytest

from tests.scenarios.all_scenarios import WatchedBus, all_scenarios
from tocsin.connectors.dialects import DIALECTS
from tocsin.streams.scenarios.names import Line
from tocsin.streams.scenarios.reading import ACTIVITIES, Given, Scenario

REPORTS = ("report", *DIALECTS)
MESSAGES = (*ACTIVITIES, "activity")
SCENARIOS = [pytest.param(one, id=f"{one.file}: {one.name}") for one in all_scenarios()]


def _run(scenario: Scenario) -> list[Line]:
    return WatchedBus(scenario).run()


def _said(lines: list[Line]) -> list[tuple[object, ...]]:
    """All but what is said of repeats, and what readers and dead letters say each time."""
    repeats = ("same_event_id", "conflict")
    spoken = [one for one in lines if one.head not in ("refused", "no problem", "dead")]
    kept = [one for one in spoken if one.fields.get("reason") not in repeats and one.value != "ConflictNoticed"]
    return [(one.at, one.head, one.value, one.fields, one.tenant) for one in kept]


def _twice(given: Given) -> list[Given]:
    """At least once means: sometimes twice, under the same event id."""
    once = given.what in ("deaf", "rules", "silence", "trouble", "exception") or (
        given.what in REPORTS and given.name is None
    )
    return [given] if once else [given, given]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_is_handed_in_twice_counts_once(scenario: Scenario) -> None:
    doubled = msgspec.structs.replace(scenario, given=tuple(each for one in scenario.given for each in _twice(one)))
    assert _said(_run(doubled)) == _said(_run(scenario))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_neighbour_with_the_same_ids_changes_nothing(scenario: Scenario) -> None:
    mirrored = [
        msgspec.structs.replace(one, tenant=f"z{one.tenant}", name=one.name and f"z {one.name}")
        for one in scenario.given
        if one.what in REPORTS + MESSAGES
    ]
    both = tuple(sorted((*scenario.given, *mirrored), key=lambda one: one.at))
    lines = _run(msgspec.structs.replace(scenario, given=both))
    own = {one.tenant for one in scenario.given}
    assert _said([line for line in lines if line.tenant in own]) == _said(_run(scenario))
