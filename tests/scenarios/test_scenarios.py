"""Scenario files against the real rules: given these events at these times, then exactly these events."""

from __future__ import annotations

import pytest

from tests.scenarios.all_scenarios import FOLDER, WatchedBus, all_scenarios, spoilt
from tocsin.streams.scenarios.matching import differences, fits
from tocsin.streams.scenarios.reading import BadScenario, Scenario, parse_scenarios

SCENARIOS = all_scenarios()


@pytest.mark.parametrize("scenario", [pytest.param(one, id=f"{one.file}: {one.name}") for one in SCENARIOS])
def test_scenario(scenario: Scenario) -> None:
    bus = WatchedBus(scenario)
    wrong = differences(scenario.then, bus.run())
    if wrong is not None:
        pytest.fail(f"{scenario.file}: {scenario.name}\n{wrong}", pytrace=False)
    for name in (key.removesuffix(" came") for key in list(bus.ends) if key.endswith(" came")):
        assert bus.ends[f"{name} ended"] == bus.ends[f"{name} came"], f"{name} must end in exactly one way each time"
    for wrongly in spoilt(scenario.then):
        assert differences(wrongly, bus.lines[: len(scenario.then)]) is not None, "a wrong `then` must not pass"
    assert bus.leftovers() == [], "rows that nothing ever forgets"


def test_scenarios_have_names_of_their_own() -> None:
    names = [(one.file, one.name) for one in SCENARIOS]
    assert len(set(names)) == len(names)


def test_every_file_lies_in_a_folder_of_its_topic() -> None:
    assert {path.parent.name for path in FOLDER.rglob("*.yaml")} == {
        FOLDER.name,
        *("commands", "context", "dialects", "escalations", "loops", "mediation", "routes", "timeouts"),
    }


GOOD = """
scenarios:
  - name: one
    features: [H1]
    given:
      - {at: 0s, as: first, report: {code: e.p.xfer}}
    then:
      - {at: 0s, event: ProblemOpened}
"""


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param("scenarios:", "scenario:", "unknown field", id="an unknown key of the file"),
        pytest.param("features:", "feature:", "x.yaml:3", id="an unknown key of a scenario"),
        pytest.param("report: {", "reported: {", "x.yaml:6", id="an unknown kind of given"),
        pytest.param("as: first,", "named: first,", "x.yaml:6: no such key: named", id="an unknown key of a given"),
        pytest.param("event: P", "events: P", "x.yaml:8", id="an unknown kind of then"),
        pytest.param("ProblemOpened", "ProblemOpend", "there is no event ProblemOpend", id="an unknown event"),
        pytest.param("ProblemOpened", "ProblemOpened, cod: x", "has no cod", id="an unknown field of an event"),
        pytest.param("at: 0s, as", "at: 0, as", "is no time", id="a time without its unit"),
    ],
)
def test_a_mistake_in_a_file_is_an_error(before: str, after: str, said: str) -> None:
    assert len(parse_scenarios(GOOD, "x.yaml")) == 1
    with pytest.raises(BadScenario, match=said):
        parse_scenarios(GOOD.replace(before, after), "x.yaml")


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        pytest.param("{at: 0s, event: ProblemOpened, code: e.p.me}", "code='e.p.me'", id="a wrong field"),
        pytest.param("{at: 1s, event: ProblemOpened}", "1s ProblemOpened", id="a wrong time"),
        pytest.param("{at: 0s, event: ProblemRepeated}", "0s ProblemRepeated", id="a wrong event"),
    ],
)
def test_what_differs_is_shown_side_by_side(changed: str, shown: str) -> None:
    (scenario,) = parse_scenarios(GOOD.replace("{at: 0s, event: ProblemOpened}", changed), "x.yaml")
    wrong = differences(scenario.then, WatchedBus(scenario).run())
    assert wrong is not None
    assert shown in wrong
    assert "| 0s ProblemOpened" in wrong
    assert "| 0s notify owner" in wrong, "and what is missing from the file is shown too"


@pytest.mark.parametrize(
    ("wanted", "actual", "fit"),
    [
        ("90s", "1m30s", True),
        ("90s", "1m31s", False),
        ("1s..5s", "3s", True),
        ("1s..5s", "6s", False),
        ("...", "x", True),
        ("...", None, False),
        (None, [], True),
        (None, "x", False),
        ({"a.b": 1}, {"a": {"b": 1, "c": 2}}, True),
        ({"a.b": 1}, {"a": {"b": 2}}, False),
        ({"a.b": 1}, {"a.b": 1}, True),
        (["a"], ["a", "b"], False),
        (1, True, False),
    ],
)
def test_how_values_are_compared(wanted: object, actual: object, fit: bool) -> None:
    assert fits(wanted, actual) is fit
