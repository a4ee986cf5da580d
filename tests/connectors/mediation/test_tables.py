"""The tables that ship, against their documents; and what is found in tables that do not hold together."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.mediation import TABLES, Action, Context, TableError, decide, load_table, read_table
from tocsin.connectors.mediation.findings import lines_of

Rows = dict[str, tuple[str, str, str]]

# scenario -> (behaviour current, behaviour roadmap, code current); the document's table, codes really sent
MEDIATOR: Rows = {
    "G1": ("G1C", "G1C", "e.p.crypto.message.dejavu"),
    "G2": ("G2B", "G2B", "e.p.msg.unsupported"),
    "G3": ("G2B", "G3B", "e.p.msg.unsupported"),
    "G4": ("G4B", "G4B", "e.p.error"),
    "G5": ("G4B", "G5B", "e.p.error"),
    "G6": ("G4B", "G6B", "e.p.error"),
    "G7": ("G4B", "G7B", "e.p.error"),
    "G8": ("G8C", "G8C", "e.p.msg.<PIURI>"),
    "M1": ("M1B", "M1B", "e.p.req.not_enroll"),
    "M2": ("M2B", "M2B", "e.p.me.res.storage"),
    "M3": ("G4B", "M3B", "e.p.error"),
    "M4": ("M4B", "M4B", "e.p.req.not_enroll"),
    "M5": ("M5A", "M5B", "e.m.live-mode-not-supported"),
}
ROADMAP = {
    "G3": "e.p.msg.unsupported",
    "G5": "e.p.crypto",
    "G6": "e.p.did",
    "G7": "e.p.did.malformed",
    "M3": "e.p.me.res.storage",
    "M5": "e.m.live-mode-not-supported",
}
AGENT = {
    "G1": "e.p.msg.unsupported", "G2": "e.p.msg.unsupported", "G3": "e.p.error", "G4": "e.p.trust.crypto",
    "G5": "e.p.did", "G6": "e.p.did.malformed", "G7": "e.p.msg.<PIURI>",
    "C1": "e.p.msg.invitation-expired", "C2": "e.p.msg.malformed-invitation", "C3": "e.p.me.res.storage",
    "C4": "e.p.req.max-retries-exceeded", "C5": "e.p.error",
    "I1": "e.p.msg.credential-format-mismatch", "I2": "e.p.msg.invalid-signature", "I3": "e.p.msg.schema-mismatch",
    "I4": "e.p.me.res.storage", "I5": "e.p.req.max-retries-exceeded", "I6": "e.p.error",
    "V1": "e.p.msg.credential-format-mismatch", "V2": "e.p.msg.invalid-signature", "V3": "e.p.msg.revoked-credentials",
    "V4": "e.p.msg.expired-credentials", "V5": "e.p.msg.proof-mismatch", "V6": "e.p.msg.schema-mismatch",
    "V7": "e.p.msg.revoked-or-expired-issuer-key", "V8": "e.p.req.max-retries-exceeded", "V9": "e.p.error",
    "V10": "e.p.me.res.storage",
}  # fmt: skip


def test_the_mediator_table_has_the_scenarios_of_its_document() -> None:
    assert list(load_table("identus-mediator").scenarios) == list(MEDIATOR)


@pytest.mark.parametrize(("scenario", "row"), MEDIATOR.items(), ids=MEDIATOR)
def test_a_row_of_the_mediator_table(scenario: str, row: tuple[str, str, str]) -> None:
    table = load_table("identus-mediator")
    now = decide(table, scenario, Context())
    then = decide(table, scenario, Context(), column="roadmap")
    assert (now.behaviour, then.behaviour, now.code_template) == row
    assert then.code_template == ROADMAP.get(scenario, row[2])


def test_the_agent_table_has_the_codes_of_its_document() -> None:
    table = load_table("identus-agent")
    assert {name: decide(table, name, Context()).code_template for name in table.scenarios} == AGENT


@pytest.mark.parametrize("name", TABLES)
def test_every_code_and_option_of_a_shipped_table_holds(name: str) -> None:
    table = load_table(name)
    assert table.source is not None
    assert {row.scenario for row in table.exceptions} <= table.scenarios.keys()
    for scenario in table.scenarios.values():
        assert all(option.code for option in scenario.options.values() if option.do is Action.REPORT)


GOOD: dict[str, Any] = {
    "name": "mine",
    "title": "Mine",
    "columns": ["now"],
    "otherwise": "G1",
    "scenarios": {
        "G1": {
            "title": "x",
            "chosen": {"now": "A"},
            "options": {"A": {"do": "report", "code": "e.p.me", "comment": "{1}", "args": ["did"]}},
        },
        "G2": {"title": "y", "chosen": {"now": "G1"}, "options": {}},
    },
    "exceptions": [{"exception": "X", "scenario": "G1"}],
}
OPTION = ("scenarios", "G1", "options", "A")


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    table = copy.deepcopy(GOOD)
    place: Any = table
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return table


# each finding as (what stands on its line, how it begins)
@pytest.mark.parametrize(
    ("table", "found"),
    [
        pytest.param(GOOD, [], id="all is well"),
        pytest.param([], [("[]", "a scenario table is an object")], id="a list"),
        pytest.param(changed(("colums",), []), [('"colums"', "colums is not a member")], id="a member too much"),
        pytest.param(changed(("title",), 7), [('"title": 7', "title: expected `str`, got `int`")], id="a wrong type"),
        pytest.param(changed(("columns",), ["now", 7]), [("7", "columns.1: expected `str`")], id="inside a list"),
        pytest.param(changed(("otherwise",), "G9"), [('"otherwise"', "there is no scenario G9")], id="otherwise"),
        pytest.param(
            changed(("scenarios", "g1"), {}),
            [('"g1"', "'g1' is not the name of a scenario"), ('"g1"', "title is missing")],
            id="a name that is none",
        ),
        pytest.param(
            changed((*OPTION, "do"), "shout"), [('"do": "shout"', "scenarios.G1.options.A.do: invalid")], id="an action"
        ),
        pytest.param(changed((*OPTION, "cod"), "e"), [('"cod"', "cod is not a member")], id="a member of an option"),
        pytest.param(changed((*OPTION, "code"), None), [('"A"', "a report needs a code")], id="no code"),
        pytest.param(
            changed((*OPTION, "code"), "e.p."), [('"code"', "'e.p.' is not a problem code")], id="half a code"
        ),
        pytest.param(changed((*OPTION, "code"), "x.p.me"), [('"code"', "'x.p.me' is not a problem")], id="a sorter"),
        pytest.param(changed((*OPTION, "code"), "e.p.a_b"), [('"code"', "'e.p.a_b' breaks")], id="an underscore"),
        pytest.param(changed((*OPTION, "comment"), "{2}"), [('"comment"', "the comment says {2}")], id="no argument"),
        pytest.param(changed((*OPTION, "do"), "reply"), [('"A"', "a reply says with what")], id="an empty reply"),
        pytest.param(
            changed(("scenarios", "G1", "chosen"), {"now": "B"}),
            [
                ('"now": "B"', "scenario G1, column now: the choice 'B' leads to no option"),
                ('"now": "G1"', "scenario G2, column now: the choice 'G1' leads to no option"),
            ],
            id="a choice that is not there, and who falls back to it",
        ),
        pytest.param(
            changed(("scenarios", "G2", "chosen"), {"now": "G2"}),
            [('"now": "G2"', "scenario G2, column now: the choice 'G2' leads to no option")],
            id="a fallback to itself",
        ),
        pytest.param(
            changed(("scenarios", "G2", "chosen"), {"later": "A"}),
            [
                ('"chosen"', "scenario G2, column now: nothing is chosen"),
                ('"later"', "there is no column later"),
            ],
            id="a column that the table lacks",
        ),
        pytest.param(
            changed(("exceptions", 0, "scenario"), "G11"),
            [('"scenario": "G11"', "there is no scenario G11")],
            id="an exception's scenario",
        ),
    ],
)
def test_findings(tmp_path: Path, table: object, found: list[tuple[str, str]]) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(table, indent=1))
    read, findings = read_table(file)
    assert (read is None) == any(each.level == "error" for each in findings)
    assert len(findings) == len(found)
    for finding, (on_the_line, message) in zip(findings, found, strict=True):
        assert finding.message.startswith(message)
        assert on_the_line in file.read_text().splitlines()[finding.line - 1]
        assert str(finding).startswith(f"{file}:{finding.line}: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "1: this is not JSON that we take: empty", id="empty"),
        pytest.param('{\n "a": 1,\n "b"\n}', "4: this is not JSON that we take: not_json", id="not JSON"),
        pytest.param("[" * 100, "1: this is not JSON that we take: too_deep", id="too deep"),
    ],
)
def test_what_is_no_json(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(TableError) as refused:
        load_table(file)
    assert str(refused.value).startswith(f"{file}:{said}")


json_values = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(value=json_values, indent=st.sampled_from([None, 0, 2]))
def test_every_value_of_a_text_has_a_line(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    lines = lines_of(text)
    rows = text.split("\n")
    for path, line in lines.items():
        place: Any = value
        for step in path:
            place = place[step]
        start = json.dumps(path[-1]) if path and isinstance(path[-1], str) else json.dumps(place)[0]
        assert start in rows[line - 1]
