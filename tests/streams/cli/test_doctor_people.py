"""What `tocsin doctor` says of people who are told: whether they can answer by a link."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.streams.rulesfile.test_people import URL, rules
from tocsin.streams.cli.doctor_checks import Level
from tocsin.streams.cli.doctor_people import people_checks
from tocsin.streams.settings import Settings
from tocsin.streams.up.home import HomeLock

BUS = "https://bus.example"

# public address, key -> level, and what is said
SAID: dict[str, tuple[str | None, str | None, Level, str]] = {
    "no address": (None, None, Level.WARN, "set TOCSIN_PUBLIC_URL"),
    "no key": (BUS, None, Level.WARN, "set TOCSIN_LINK_KEY"),
    "a key that is none": (BUS, "short", Level.FAIL, "32 characters"),
    "an address of this machine": ("http://127.0.0.1:8700", "k" * 32, Level.WARN, "on this machine alone"),
    "a name of this machine": ("http://localhost:8700", "k" * 32, Level.WARN, "on this machine alone"),
    "all of it": (BUS, "k" * 32, Level.OK, "1 endpoint tells people (ann), with links"),
}


@pytest.mark.parametrize(("url", "key", "level", "says"), SAID.values(), ids=list(SAID))
def test_it_says_what_is_missing(tmp_path: Path, url: str | None, key: str | None, level: Level, says: str) -> None:
    settings = Settings(home=tmp_path, rules=rules(tmp_path, f"url: '{URL}'"), public_url=url, link_key=key)
    (check,) = people_checks(settings)
    assert check.level is level
    assert says in check.line()
    assert "s3cret" not in check.line()


def test_a_bus_that_runs_has_made_its_key(tmp_path: Path) -> None:
    home = HomeLock(tmp_path)
    home.write_state({"bootstrap": "b:1"})
    settings = Settings(home=tmp_path, rules=rules(tmp_path, f"url: '{URL}'"), public_url=BUS)
    (check,) = people_checks(settings)
    home.release()
    assert check.level is Level.OK


def test_where_nobody_is_told_nothing_is_said(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("endpoints: {log: {sink: log}}\ndefault_route: {endpoint: log}\n")
    assert people_checks(Settings(home=tmp_path, rules=file)) == []
    assert people_checks(Settings(home=tmp_path)) == []
