"""The section `mediation`: the table that it names is checked with it, each finding in its own file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tocsin.streams.rulesfile import RulesFileError, check_rulebook, load_mediation

TOP = "endpoints: {desk: {sink: memory}}\ndefault_route: desk\n"
TABLE = {
    "name": "mine",
    "title": "Mine",
    "columns": ["now", "later"],
    "otherwise": "G1",
    "scenarios": {
        "G1": {"title": "x", "chosen": {"now": "A"}, "options": {"A": {"do": "report", "code": "e.p.me"}}},
    },
}


def shown(folder: Path, section: str, table: object = TABLE) -> list[str]:
    (folder / "mine.json").write_text(json.dumps(table, indent=1))
    file = folder / "rules.yaml"
    file.write_text(TOP + section)
    return [str(finding).replace(f"{folder}/", "") for finding in check_rulebook(file, {})]


ONE_OF = "expected a JSON file, or one of identus-mediator, identus-agent, tocsin-didcomm"


@pytest.mark.parametrize(
    ("section", "found"),
    [
        pytest.param("mediation: identus-mediator\n", [], id="only a name"),
        pytest.param("mediation: {table: identus-agent, column: current}\n", [], id="a name and a column"),
        pytest.param("mediation: {table: mine.json, column: later}\n", [], id="a file beside the rules"),
        pytest.param(
            "mediation:\n  table: identus-mediator\n  column: tomorrow\n",
            [
                "rules.yaml:5: table identus-mediator has no column tomorrow "
                "(expected one of current, roadmap, upstream)"
            ],
            id="a column that the table lacks",
        ),
        pytest.param(
            "mediation:\n  table: identus-mediatr\n",
            [
                f"rules.yaml:4: the table identus-mediatr cannot be used ({ONE_OF})",
                "identus-mediatr:1: the table cannot be read: No such file or directory "
                "(name a file, or one of identus-mediator, identus-agent, tocsin-didcomm)",
            ],
            id="no such table",
        ),
        pytest.param(
            "mediation:\n  colum: current\n  table: identus-mediator\n",
            [
                "rules.yaml:4: mediation.colum is not a key that there is "
                "(expected one of table, column, escalate_to; did you mean column?)"
            ],
            id="a key that is misspelt",
        ),
        pytest.param("mediation: {}\n", ["rules.yaml:3: mediation.table is missing (add it)"], id="no table"),
    ],
)
def test_findings(tmp_path: Path, section: str, found: list[str]) -> None:
    assert shown(tmp_path, section) == found


def test_a_fault_in_the_table_is_told_at_its_own_line_after_those_of_the_rules_file(tmp_path: Path) -> None:
    table = TABLE | {"otherwise": "G7"}
    assert shown(tmp_path, "mediation: {table: mine.json, column: now}\n", table) == [
        f"rules.yaml:3: the table mine.json cannot be used ({ONE_OF})",
        "mine.json:8: there is no scenario G7",
    ]


def test_load_mediation(tmp_path: Path) -> None:
    section = "mediation: {table: mine.json, column: later, escalate_to: 'mailto:a@b.example'}\n"
    assert shown(tmp_path, section) == []
    rules = load_mediation(tmp_path / "rules.yaml")
    assert rules is not None
    assert (rules.table.name, rules.column, rules.escalate_to) == ("mine", "later", "mailto:a@b.example")


def test_load_mediation_without_the_section_and_with_a_fault(tmp_path: Path) -> None:
    shown(tmp_path, "")
    assert load_mediation(tmp_path / "rules.yaml") is None
    shown(tmp_path, "mediation: nothing\n")
    with pytest.raises(RulesFileError, match="the table nothing cannot be used"):
        load_mediation(tmp_path / "rules.yaml")
