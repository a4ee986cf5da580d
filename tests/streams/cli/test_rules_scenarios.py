"""`tocsin rules test --scenario`: whether a rules file notifies as a scenario says."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios.all_scenarios import FOLDER
from tocsin.streams.rulesfile import load_rulebook
from tocsin.streams.scenarios import VirtualBus, differences, parse_scenarios

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]
PAGE = (FOLDER.parents[1] / "docs" / "scenarios.md").read_text("utf-8")

RULES = """
endpoints: {owner: {sink: memory}, desk: {sink: memory}}
default_route: desk
routes: [{name: errors, match: {severity: error}, endpoints: owner}]
redaction: {members: [born]}
"""
SCENARIO = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]
"""The first one of the page."""

SECOND = "report: {code: w.p.msg, thread_id: t-2}"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    return file


@pytest.mark.parametrize(
    ("before", "after", "code", "said"),
    [
        pytest.param(
            "", "", 0, "errors go to the owner, anything else to the desk: as expected", id="as the page has it"
        ),
        pytest.param("notify: desk", "notify: owner", 1, "NOT as expected", id="another endpoint"),
        pytest.param("at: 1m, notify", "at: 2m, notify", 1, "! 2m notify desk", id="another time"),
        pytest.param("      - {at: 1m, notify: desk, type: problem.opened}\n", "", 1, "(nothing)", id="one too many"),
        pytest.param("{problem.code: e.p.xfer}}", "{problem.code: e.p.did}}", 1, "e.p.did", id="another member"),
        pytest.param("notified:", "then:", 1, "ProblemOpened", id="everything is compared"),
    ],
)
def test_what_is_expected_is_compared(
    tocsin: Tocsin, rules: Path, before: str, after: str, code: int, said: str
) -> None:
    (rules.parent / "s.yaml").write_text(SCENARIO.replace(before, after) if before else SCENARIO)
    done = tocsin("rules", "test", "rules.yaml", "--scenario", "s.yaml")
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout
    assert ("all that happened:\n  0s ProblemOpened report='first'" in done.stdout) is (code == 1)


def test_each_is_an_object_for_scripts(tocsin: Tocsin, rules: Path) -> None:
    (rules.parent / "good.yaml").write_text(SCENARIO)
    (rules.parent / "bad.yaml").write_text(SCENARIO.replace("notify: desk", "notify: owner"))
    done = tocsin("rules", "test", "rules.yaml", "--scenario", "good.yaml", "--scenario", "bad.yaml", "--json")
    good, bad = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, good["ok"], bad["ok"]) == (1, True, False)
    assert good == {"file": "good.yaml", "scenario": bad["scenario"], "ok": True}
    assert bad["happened"][-1] == "1m notify desk case='case of second' type='problem.opened'"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param("scenarios:", "scenario:", "unknown field `scenario`", id="an unknown key"),
        pytest.param("scenarios:", "a: &b\nscenarios:", "s.yaml:2: anchors and aliases", id="YAML that is not taken"),
        pytest.param("scenarios:", "rules: {endpoints: {}}\nscenarios:", "stand in the rules file", id="its own rules"),
        pytest.param("notified:", "then: []\n    notified:", "s.yaml:3: a scenario has", id="both"),
        pytest.param("notify: desk", "event: ProblemOpened", "s.yaml:9: an entry here has `at` and", id="an event"),
        pytest.param("as: first, ", "", "the report at 0s needs a name", id="a report without a name"),
        pytest.param(SECOND, "sent: {to: ann}", "has no to", id="an unknown member"),
        pytest.param(SECOND, "command: {kind: sing, target: first}", "'sing'", id="no such command"),
        pytest.param(SECOND, "command: {kind: resolve}", "s.yaml:6: command is a mapping with", id="no target"),
        pytest.param(SECOND, "sent: hello", "s.yaml:6: sent is a mapping", id="no mapping"),
        pytest.param(SECOND, "rules: {routes: []}", "rules:1: endpoints is missing", id="rules that cannot be used"),
        pytest.param(SECOND, "trouble: G1", "which `mediation` holds", id="trouble without a table"),
        pytest.param(SECOND, "trouble: [G1]", "s.yaml:6: trouble is a name", id="trouble that is no name"),
        pytest.param("as: second", "as: [second]", "s.yaml:6: Expected `str | null`", id="a name that is no text"),
        pytest.param("notified:", "settings: {x: 1}\n    notified:", "not x: 1", id="a setting that there is not"),
        pytest.param("notified:", "mediation: {table: x}\n    notified:", "cannot be read", id="no such table"),
        pytest.param(
            SECOND, "silence: {silence: s, starts_at: 0s, ends_at: 1h, matchers: x}", "Expected `array`", id="a silence"
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_none_says_where(tocsin: Tocsin, rules: Path, before: str, after: str, said: str) -> None:
    (rules.parent / "s.yaml").write_text(
        "# a comment\n" + SCENARIO.replace("# scenario.yaml\n", "").replace(before, after)
    )
    done = tocsin("rules", "test", "rules.yaml", "--scenario", "s.yaml")
    assert done.returncode == 65, done.stdout + done.stderr
    assert said in done.stderr


@pytest.mark.parametrize("given", [(), ("--events", "s.yaml", "--scenario", "s.yaml")], ids=["neither", "both"])
def test_it_is_either_events_or_scenarios(tocsin: Tocsin, rules: Path, given: tuple[str, ...]) -> None:
    (rules.parent / "s.yaml").write_text(SCENARIO)
    done = tocsin("rules", "test", "rules.yaml", *given)
    assert done.returncode == 2
    assert "--events FILE, or --scenario FILE" in done.stderr


def test_a_report_comes_without_its_secrets(rules: Path) -> None:
    text = SCENARIO.replace("{code: e.p.xfer, thread_id: t-1}", "{code: e.p.xfer, items: [{key: born, value: y}]}")
    text = text.replace("problem.code: e.p.xfer", 'problem.items.0.value: "[redacted value]"')
    (scenario,) = parse_scenarios(text, "s.yaml")
    lines = VirtualBus(scenario, load_rulebook(rules, {})).run()
    assert differences(scenario.then, lines, notified=True) is None
