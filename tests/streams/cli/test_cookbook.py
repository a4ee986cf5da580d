"""Every recipe of the cookbook does what its scenario says, every part of its rules is needed for that, and its page
shows the files as they are."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cookbook import FOLDER, PAGES, RECIPES, SHOWN, environment, with_files
from tests.scenarios.all_scenarios import spoilt
from tocsin.streams.cli.rules_scenarios import played
from tocsin.streams.rules.config import RuleBook
from tocsin.streams.rulesfile import read_rules
from tocsin.streams.rulesfile.document import read_document
from tocsin.streams.scenarios import VirtualBus, differences, parse_scenarios

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]
INDEX = FOLDER.parent / "cookbook.md"

recipes = pytest.mark.parametrize("recipe", [pytest.param(one, id=one.name) for one in RECIPES])


def book_of(rules: Any) -> RuleBook | None:
    """The rules as data, None when they cannot be used."""
    return read_rules("rules.yaml", environment(), content=json.dumps(rules).encode())[0]


def as_expected(recipe: Path, book: RuleBook) -> bool:
    return all(one.differences is None for one in played(book, [recipe / "scenario.yaml"]))


def without_a_part(rules: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rules without one part each: a route, a member of it, a silence, a limit, ...; endpoints stay."""
    for path in _parts({name: part for name, part in rules.items() if name not in ("endpoints", "default_route")}):
        less = copy.deepcopy(rules)
        at: Any = less
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]
        yield ".".join(map(str, path)), less


def _parts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path and path[-1] not in SAID:
        yield path
    if isinstance(value, dict | list):
        for step, inside in value.items() if isinstance(value, dict) else enumerate(value):
            if not isinstance(value, list) or isinstance(inside, dict):
                yield from _parts(inside, (*path, step))


NOT_SHOWN = {
    "14-business-hours": {"mute_times.weekends.0.timezone"},  # the hours that differ are evenings in either zone
    "18-no-reply": {"timeouts.0.floor", "timeouts.0.ceiling"},  # hold once 20 replies were seen
}
"""Parts whose absence a scenario of some lines cannot show."""

SAID = frozenset({"name", "by", "why"})
"""What only says something to people, and (`by` of a group) what the rules cannot be used without."""


@pytest.fixture
def with_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)


@recipes
@pytest.mark.usefixtures("with_secrets")
def test_it_can_be_used_and_does_what_its_scenario_says(tocsin: Tocsin, recipe: Path) -> None:
    rules, scenario = str(recipe / "rules.yaml"), str(recipe / "scenario.yaml")
    checked = tocsin("rules", "check", rules)
    assert (checked.returncode, checked.stdout.count("\n")) == (0, 1 + checked.stdout.count("endpoint peers tells"))
    tested = tocsin("rules", "test", rules, "--scenario", scenario)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    (script,) = re.findall(r"```sh\n(.*?)```", INDEX.read_text("utf-8"), re.DOTALL)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {"PATH": path, "TOCSIN_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(["sh", "-ec", script], cwd=FOLDER.parents[1], env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count("as expected"), done.stderr) == (0, 1, "")


@recipes
def test_a_wrong_expectation_is_seen(recipe: Path) -> None:
    book, _ = read_rules(recipe / "rules.yaml", environment())
    assert book is not None
    for scenario in parse_scenarios((recipe / "scenario.yaml").read_text("utf-8"), recipe.name):
        lines = VirtualBus(scenario, book).run()
        for wrong in spoilt(scenario.then):
            assert differences(wrong, lines, notified=scenario.notified) is not None


@pytest.mark.parametrize(
    ("recipe", "endpoint", "not_told"),
    [
        pytest.param("23-tell-the-peer", "peers", ("db7", "root", "504"), id="our insides"),
        pytest.param("25-personal-data", "partner", ("1990", "Alice", "7568", "ya29"), id="personal data"),
    ],
)
def test_what_is_left_out_is_nowhere(recipe: str, endpoint: str, not_told: tuple[str, ...]) -> None:
    book, _ = read_rules(FOLDER / recipe / "rules.yaml", environment())
    assert book is not None
    text = (FOLDER / recipe / "scenario.yaml").read_text("utf-8")
    (scenario,) = parse_scenarios(text, recipe)
    lines = VirtualBus(scenario, book).run()
    told = [json.dumps(line.fields) for line in lines if (line.head, line.value) == ("notify", endpoint)]
    assert [word for word in not_told if word not in text] == []
    assert [(word, line) for word in not_told for line in told if word in line] == []
    assert told


@recipes
def test_every_part_of_its_rules_is_needed(recipe: Path) -> None:
    rules = read_document((recipe / "rules.yaml").read_text("utf-8"))[0]
    books = {part: book_of(less) for part, less in without_a_part(rules)}
    needless = {part for part, book in books.items() if book is not None and as_expected(recipe, book)}
    assert needless == NOT_SHOWN.get(recipe.name, set()), "can be left out, and its scenario does not show it"


@recipes
def test_a_page_shows_it(recipe: Path) -> None:
    shown = [name for page in PAGES for name, _ in SHOWN.findall(page.read_text("utf-8"))]
    assert [name for name in shown if name.startswith(f"{recipe.name}/")] == [
        f"{recipe.name}/rules.yaml",
        f"{recipe.name}/scenario.yaml",
    ]


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_a_page_shows_files_as_they_are(page: Path) -> None:
    assert page.read_text("utf-8") == with_files(page.read_text("utf-8")), "run: make documents"


def test_a_file_that_has_changed_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "rules.yaml").write_text("routes: []\n")
    page = "[`a/rules.yaml`](a/rules.yaml)\n\n```yaml\n{}```\n"
    assert with_files(page.format("routes: []\n"), tmp_path) == page.format("routes: []\n")
    assert with_files(page.format("routes: [x]\n"), tmp_path) == page.format("routes: []\n")


def test_there_are_enough_and_all_are_listed() -> None:
    listed = re.findall(r"\(cookbook/[a-z]+\.md#([a-z-]+)\) \|", INDEX.read_text("utf-8"))
    assert [one.name[3:] for one in RECIPES] == listed
    assert len(listed) >= 20
    assert f"rules for {len(RECIPES)} situations" in (FOLDER.parents[1] / "README.md").read_text("utf-8")
