"""streams/FEATURES.md agrees with the scenario files, the modules and the tests that it names."""

from __future__ import annotations

from tests.scenarios.all_scenarios import all_scenarios
from tests.scenarios.features_document import FILE, ISSUE, NUMBERS, ROOT, document, module_path, sections, shown_by

FEATURES = {number: feature for section in sections() for number, feature in section.features.items()}


def test_the_document_is_up_to_date() -> None:
    assert FILE.read_text("utf-8") == document(), "run: make documents"


def test_every_number_is_listed_once() -> None:
    assert [number for number in NUMBERS if number not in FEATURES] == []
    assert sum(len(section.features) for section in sections()) == len(FEATURES)


def test_every_number_of_this_issue_has_a_scenario() -> None:
    tagged = shown_by(all_scenarios())
    assert [number for number in ISSUE if number not in tagged] == []


def test_every_feature_has_something_that_shows_it_or_is_said_not_to_be_built() -> None:
    tagged = shown_by(all_scenarios())
    bare = [number for number, one in FEATURES.items() if not (number in tagged or one.tests or one.not_built)]
    assert bare == []


def test_every_tag_of_a_scenario_is_known() -> None:
    unknown = {(one.file, tag) for one in all_scenarios() for tag in one.features if tag not in FEATURES}
    assert unknown == set()


def test_every_scenario_shows_something() -> None:
    assert [one.name for one in all_scenarios() if not one.features] == []


def test_every_module_and_test_that_is_named_exists() -> None:
    modules = {module for one in FEATURES.values() for module in one.where}
    assert [module for module in sorted(modules) if not module_path(module).exists()] == []
    tests = {test for one in FEATURES.values() for test in one.tests}
    assert [test for test in sorted(tests) if not (ROOT / "tests" / test).is_file()] == []
