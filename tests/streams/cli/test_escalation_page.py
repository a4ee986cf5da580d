"""docs/escalation.md: its rules do what its scenario says, and its table has every key of a policy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.site.source import ROOT
from tests.snippets.blocks import block
from tocsin.connectors.sections import file_model
from tocsin.streams.cli.main import application
from tocsin.streams.rules.policies import EscalationPolicy

PAGE = "docs/escalation.md"
ON_TIME, TOO_LATE = "at: 36m, command", "at: 34m, command"


@pytest.mark.parametrize(("moment", "code"), [(ON_TIME, 0), (TOO_LATE, 1)], ids=["as printed", "taken earlier"])
def test_the_scenario(moment: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(block(PAGE, "endpoints:"))
    text = block(PAGE, "scenarios:")
    assert ON_TIME in text
    (tmp_path / "scenario.yaml").write_text(text.replace(ON_TIME, moment))
    words = ["test", str(tmp_path / "rules.yaml"), "--scenario", str(tmp_path / "scenario.yaml")]
    ended = CliRunner().invoke(application("rules"), ["rules", *words], prog_name="tocsin")
    assert ended.exit_code == code, ended.output


def test_every_key_has_its_row() -> None:
    table = (ROOT / PAGE).read_text("utf-8").partition("## The policy")[2].partition("\n## ")[0]
    rows = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))))
    assert rows == set(file_model(EscalationPolicy).model_fields)
