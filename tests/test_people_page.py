"""What docs/people.md shows works: its URLs are taken, its rules file loads, its signs are those that arrive."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tocsin.connectors.people.addresses import checked
from tocsin.connectors.people.neutral import neutral
from tocsin.streams.rulesfile import check_rulebook

PAGE = (Path(__file__).parents[1] / "docs" / "people.md").read_text("utf-8")
FILLED = {
    "T/B/X": "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    "BOT_TOKEN": "123456789:abcdefg_hijklmnop",
    "CHAT_ID": "12315544",
    "ACCOUNT_SID": "AC" + "a" * 32,
    "AUTH_TOKEN": "b" * 32,
    "FROM": "12025550100",
    "/TO": "/12025550101",
    "ID/TOKEN": "4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
}
"""What stands for a part of a URL -> what it looks like."""

URLS = re.findall(r"`([a-z]+://[^`]+)`", PAGE.partition("## Services")[2].partition("## What arrives")[0])


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_taken(url: str) -> None:
    for name, value in FILLED.items():
        url = url.replace(name, value)
    assert checked(url, private="10.0.0.5" in url)


def test_the_first_rules_file_loads(tmp_path: Path) -> None:
    (rules,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (url,) = re.findall(r"export ANN_URL='(.*)'", PAGE)
    (tmp_path / "rules.yaml").write_text(rules)
    assert check_rulebook(tmp_path / "rules.yaml", {"ANN_URL": url}) == []


def test_what_is_never_sent_arrives_as_it_says() -> None:
    rows = re.findall(r"^\| (`@every.*|`https.*?) \| (`.*?`): ", PAGE, re.MULTILINE)
    assert len(rows) == 2
    for written, arrives in rows:
        assert [f"`{neutral(one, 100)}`" for one in re.findall("`([^`]+)`", written)] == arrives.split(", ")
