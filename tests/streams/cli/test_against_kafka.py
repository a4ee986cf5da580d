"""The commands that need a Kafka, against a real one, each as a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]

LINES = (
    '{"code": "e.p.xfer.first", "text": "one \\u001b[31mred\\u001b[0m"}\n'
    "{bad\n"
    '{"code": "w.m.me", "thread_id": "t1"}\n'
    '{"title": 7}\n'
)


@pytest.fixture
def here(tocsin: Tocsin, bootstrap: str, prefix: str) -> Tocsin:
    """`tocsin` on the shared Kafka, under a prefix of this test's own."""
    return partial(tocsin, BOOTSTRAP=bootstrap, PREFIX=prefix, PARTITIONS="2")


def events(shown: str) -> list[dict[str, object]]:
    """The lines of `--json`."""
    return [json.loads(line) for line in shown.splitlines()]


def test_topics_are_planned_made_and_found_right(here: Tocsin, prefix: str) -> None:
    missing = here("doctor")
    assert missing.returncode == 1
    assert "tocsin topics apply" in missing.stdout
    planned = here("topics", "plan", "--json")
    assert planned.returncode == 1
    assert f"{prefix}inbox" in {change["topic"] for change in json.loads(planned.stdout)["changes"]}
    assert here("publish", stdin='{"code": "e.p.x"}').returncode == 69
    assert here("topics", "apply").returncode == 0
    assert here("topics", "plan").returncode == 0
    well = here("doctor", "--json")
    assert well.returncode == 0
    levels = {check["name"]: check["level"] for check in json.loads(well.stdout)["checks"]}
    assert (levels["kafka"], levels["topics"], levels["dead letters"]) == ("ok", "ok", "ok")
    assert levels["worker"] == "warn"


def test_good_lines_are_published_and_bad_ones_named(here: Tocsin, prefix: str) -> None:
    here("topics", "apply")
    published = here("publish", "--tenant", "acme", stdin=LINES)
    assert published.returncode == 65
    lines, ids = zip(*(line.split() for line in published.stdout.splitlines()), strict=True)
    assert lines == ("1", "3")
    assert "publish only these again: line 2, 4" in published.stderr
    assert "stdin:2: not_json" in published.stderr
    assert "stdin:4: " in published.stderr
    assert "2 published, 2 refused" in published.stderr
    seen = here("tail", "inbox", "--from", "beginning", "--no-follow", "--json")
    assert [each["event"]["event_id"] for each in events(seen.stdout)] == list(ids)  # type: ignore[index]
    shown = here("tail", "inbox", "--from", "beginning", "--no-follow").stdout
    assert "text=one red" in shown
    assert "\x1b" not in shown
    some = here(
        "tail", "inbox", "--from", "beginning", "--no-follow", "--filter", 'event.problem.severity == "warning"'
    )
    assert len(some.stdout.splitlines()) == 1
    none = here("tail", f"{prefix}inbox", "--from", "beginning", "--no-follow", "--filter", "event.gone")
    assert (none.stdout, none.returncode) == ("", 0)
    assert "could not be worked out for any of 2 records" in none.stderr


def test_the_same_key_gives_the_same_event(here: Tocsin) -> None:
    here("topics", "apply")
    ids = {here("publish", "--idempotency-key", "k", stdin='{"code": "e.p.x"}').stdout for _ in range(2)}
    assert len(ids) == 1


def test_an_endpoint_of_the_rules_file_is_shown_and_rotated_there(here: Tocsin, tmp_path: Path) -> None:
    here("topics", "apply")
    rules = tmp_path / "rules.yaml"
    rules.write_text("endpoints:\n  desk: {sink: memory}\ndefault_route: desk\n")
    shown = here("endpoint", "show", "desk", "--json", RULES=str(rules))
    assert shown.returncode == 0, shown.stderr  # which may have a line of aiokafka: the topics are new
    said = json.loads(shown.stdout)
    assert (said["name"], said["origin"], said["sink"], said["state"]) == ("desk", "rules file", "memory", "enabled")
    assert said["file"] == str(rules)
    rotated = here("endpoint", "rotate", "desk", "--by", "ann", RULES=str(rules))
    assert (rotated.returncode, rotated.stdout) == (1, "")
    assert f"desk is an endpoint of the rules file {rules}" in rotated.stderr
    assert "`secrets`" in rotated.stderr
    guessed = here("endpoint", "show", "dekc", RULES=str(rules))
    assert (guessed.returncode, "did you mean desk?" in guessed.stderr) == (1, True)
    nothing = ("--from", "2h", "--dry-run")
    replayed = here("replay", "--endpoint", "dekc", *nothing, RULES=str(rules))
    assert (replayed.returncode, "did you mean desk?" in replayed.stderr) == (1, True)
    assert "nothing was delivered" not in replayed.stdout
    replayed = here("replay", "--endpoint", "desk", *nothing, RULES=str(rules))
    assert (replayed.returncode, replayed.stdout) == (1, "nothing was delivered there in that time\n")
