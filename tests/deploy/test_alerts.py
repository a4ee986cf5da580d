"""The rules for Prometheus: each alert fires when it must and only then, and has its page."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.deploy.alert_cases import CASES, DEAD, Case, Series
from tests.harness.extras import needs
from tests.harness.prometheus import promtool

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "deploy" / "prometheus").glob("*.rules.yaml"))
RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ("What it means", "How to see", "What to do")


def alerts() -> dict[str, dict[str, Any]]:
    """Every alert, by its name."""
    groups = [group for file in RULES for group in YAML(typ="safe").load(file.read_text("utf-8"))["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def _firing(name: str, case: Case, series: Series, expected: list[dict[str, str]]) -> dict[str, Any]:
    """A test of promtool: exactly these alerts of the name fire at the time of the case."""
    fixed = {"__name__": "ALERTS", "alertname": name, "alertstate": "firing", **alerts()[name]["labels"]}
    samples = [{"labels": _selector(fixed | labels), "value": 1} for labels in expected]
    return {
        "interval": f"{case.step}m",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{name}", alertstate="firing"}}',
                "eval_time": f"{case.at * case.step}m",
                "exp_samples": samples,
            }
        ],
    }


def _selector(labels: dict[str, str]) -> str:
    name = labels.pop("__name__")
    return f"{name}{{{', '.join(f'{label}={json.dumps(value)}' for label, value in labels.items())}}}"


@pytest.mark.parametrize("name", alerts())
def test_it_fires_when_it_must_and_only_then(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    tests = [_firing(name, case, case.fires, [case.labels])]
    if name != "TocsinHeartbeat":
        tests.append(_firing(name, case, case.quiet, []))
    _passes(tmp_path, tests, case.step)


@pytest.mark.parametrize(
    ("name", "values"), [("TocsinDeliveriesLateFast", "0+2x400"), ("TocsinDeliveriesLateSlow", "0 0 0+0.5x450")]
)
def test_few_dead_deliveries_are_no_burn(name: str, values: str, tmp_path: Path) -> None:
    _passes(tmp_path, [_firing(name, CASES[name], {DEAD: values}, [])], 1)


def _passes(folder: Path, tests: list[dict[str, Any]], step: int) -> None:
    file = folder / "alert.yaml"
    file.write_text(
        json.dumps({"rule_files": [*map(str, RULES)], "evaluation_interval": f"{step}m", "tests": tests}), "utf-8"
    )
    ran = subprocess.run([promtool(), "test", "rules", str(file)], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_rules_are_well_formed() -> None:
    ran = subprocess.run([promtool(), "check", "rules", *map(str, RULES)], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_each_alert_has_its_case() -> None:
    assert set(CASES) == set(alerts())


def test_each_alert_has_its_page_and_each_page_its_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("Tocsin*.md")} == set(alerts())
    assert {rule["annotations"]["runbook_url"] for rule in alerts().values()} == {
        f"https://runbooks.example/{name}.md" for name in alerts()
    }
    index = (RUNBOOKS / "README.md").read_text("utf-8")
    assert set(re.findall(r"\]\((Tocsin\w+)\.md\)", index)) == set(alerts())


@pytest.mark.parametrize("name", alerts())
def test_a_page_says_what_to_do(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text("utf-8")
    assert page.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == list(SECTIONS)
    assert all(len(part.strip()) > 40 for part in re.split(r"^## .+$", page, flags=re.MULTILINE)[1:])


@pytest.mark.parametrize("name", alerts())
def test_what_an_alert_says(name: str) -> None:
    rule = alerts()[name]
    assert rule["labels"]["severity"] in ("page", "ticket", "heartbeat")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}


def test_the_example_for_alertmanager() -> None:
    file = ROOT / "deploy" / "prometheus" / "alertmanager.example.yaml"
    ran = subprocess.run([needs("amtool"), "check-config", str(file)], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    document = YAML(typ="safe").load(file.read_text("utf-8"))
    named = {
        name
        for rule in document["inhibit_rules"]
        for side in ("source_matchers", "target_matchers")
        for name in re.findall(r"Tocsin\w+", str(rule[side]))
    }
    assert named <= set(alerts())
    routed = {matcher for route in document["route"]["routes"] for matcher in route["matchers"]}
    assert routed == {'severity="heartbeat"', 'severity="page"'}, "tickets are what is left"
