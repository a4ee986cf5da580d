"""The names that one limit has, as docs/reliability.md lists them."""

from __future__ import annotations

import re
from pathlib import Path

from tocsin.streams.ask.stage_words import STAGE_WORDS
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.rules.verdict import Limit, Reason

PAGE = Path(__file__).parents[4] / "docs" / "reliability.md"


def test_each_limit_is_listed_with_its_names() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:`limits\.(\w+)`|-) \| (?:`(\w+)`|-) \| `(\w+)` \|$", PAGE.read_text(), re.M)
    assert [row[0] for row in rows] == [*Limit]
    assert {setting for _, setting, _, _ in rows if setting} <= set(LoopLimits.__struct_fields__)
    assert {reason for _, _, reason, _ in rows if reason} <= {*Reason}
    assert {stage for _, _, _, stage in rows} <= STAGE_WORDS.keys()
