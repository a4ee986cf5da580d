"""What docs/didcomm.md shows of sending to peers: its rules file loads, and its settings are those that there are."""

from __future__ import annotations

import re
from pathlib import Path

from tocsin.connectors.sections import file_model
from tocsin.connectors.sinks.didcomm import DidcommConfig
from tocsin.connectors.sinks.didcomm.choosing import OLD_V1_MEDIA_TYPE
from tocsin.streams.rules.config import Recipient
from tocsin.streams.rulesfile import check_rulebook, load_rulebook

PAGE = (Path(__file__).parents[4] / "docs" / "didcomm.md").read_text("utf-8")
SECTION = PAGE.partition("## Sending to peers")[2].partition("## What becomes of a message")[0]


def test_the_rules_file_loads(tmp_path: Path) -> None:
    (rules,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
    (tmp_path / "rules.yaml").write_text(rules)
    assert check_rulebook(tmp_path / "rules.yaml", {}) == []
    peers = load_rulebook(tmp_path / "rules.yaml", {}).endpoints["peers"]
    assert (peers.sink, peers.recipient, peers.audience, peers.body) == ("didcomm", Recipient(), "peer", "auto")


def test_each_setting_of_the_sink_has_its_row() -> None:
    rows = set(re.findall(r"`([a-z_]+)`", " ".join(re.findall(r"^\| (`.*?) \|", SECTION, re.MULTILINE))))
    assert file_model(DidcommConfig).model_fields.keys() <= rows
    assert OLD_V1_MEDIA_TYPE in SECTION
