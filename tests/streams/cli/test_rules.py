"""`tocsin rules test` and `check --last-day`: recorded events through the real rules."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.harness.routed_reports import NOW, a_problem
from tocsin.schemas.events import CommandIssued, CommandKind, Event, ProblemReported
from tocsin.streams.cli.rules_test import Recorded, Rehearsing, recorded_in
from tocsin.streams.processes.exit_codes import CommandFailed
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.values import MINUTE, SECOND
from tocsin.streams.rulesfile import load_rulebook

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]

RULES = """
endpoints: {desk: {sink: memory}, lead: {sink: memory}}
default_route: desk
routes:
  - {name: errors, match: {code: e.p}, endpoints: lead, escalate: pager, group: {by: code}}
silences:
  - {name: works, match: {code: e.m}, from: 2020-01-01T00:00:00Z, until: 2040-01-01T00:00:00Z}
escalations:
  pager: {steps: [{wait: 15m, endpoints: desk}]}
"""


def line(event: Event, at: int, partition: int = 0) -> str:
    """As `tocsin tail inbox --json` prints it."""
    from datetime import UTC, datetime

    time = datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="milliseconds")
    seen = {"topic": "tocsin.inbox", "partition": partition, "offset": 0, "time": time, "key": event.tenant}
    return json.dumps(seen | {"type": type(event).__name__, "event": msgspec.to_builtins(event)})


def a_report(number: int, code: str, at: int, thread: str | None = None) -> ProblemReported:
    problem = a_problem(code, thread_id=thread)
    return ProblemReported(
        event_id=f"r{number}", tenant="acme", occurred_at=at, recorded_at=at, problem=problem, raw=b'{"a": 1}'
    )


STORY = [
    line(a_report(1, "e.p.xfer", NOW, "t1"), NOW),
    line(a_report(2, "e.p.xfer", NOW, "t2"), NOW + 10 * SECOND),
    line(a_report(3, "w.x", NOW), NOW + 20 * SECOND),
    json.dumps({"type": "", "undecodable": "x", "time": "2027-01-15T08:00:00.000+00:00"}),
    line(a_report(4, "e.m.x", NOW), NOW + 30 * SECOND, partition=1),
]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    return file


def rehearsed(rules: Path, events: list[str], folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    file = folder / "events.jsonl"
    file.write_text("\n".join(events) + "\n\n")
    rehearsing = Rehearsing(DecideConfig(book=load_rulebook(rules, {})))
    effects = [one for recorded in recorded_in(file) for one in rehearsing.hear(recorded)]
    return effects + rehearsing.finish(), rehearsing.summary()


def test_each_event_says_what_happens_and_so_do_the_timers(rules: Path, tmp_path: Path) -> None:
    effects, summary = rehearsed(rules, STORY, tmp_path)
    assert [(one["because"], one["does"]) for one in effects] == [
        ("ProblemReported", "ProblemOpened"),
        ("ProblemReported", "EscalationRaised"),
        ("ProblemReported", "ProblemSuppressed"),
        ("ProblemReported", "ProblemOpened"),
        ("ProblemReported", "ProblemUnrouted"),
        ("ProblemReported", "ProblemSuppressed"),
        ("a timer", "ProblemsDigested"),
        ("a timer", "EscalationStepped"),
        ("a timer", "EscalationExhausted"),
    ]
    assert (effects[0]["routes"], effects[0]["endpoints"]) == (["errors"], ["lead"])
    assert effects[3]["routes"] == ["default_route"]
    assert (effects[2]["reason"], effects[2]["detail"]) == ("grouped", "errors")
    assert (effects[5]["reason"], effects[5]["detail"]) == ("silenced", "works")
    assert summary["problems"] == 4
    assert summary["suppressed"] == {"grouped": 1, "silenced": 1}
    assert summary["deliveries"]["lead"] == 2, "the first, and the digest"
    assert summary["too_much"] == []
    assert all("\n" not in one["line"] for one in effects)


def test_an_acknowledgement_stops_the_pager(rules: Path, tmp_path: Path) -> None:
    taken = CommandIssued(
        event_id="c",
        tenant="acme",
        occurred_at=NOW,
        recorded_at=NOW,
        kind=CommandKind.ACKNOWLEDGE,
        target="r1",
        by="me",
    )
    effects, _ = rehearsed(rules, [*STORY, line(taken, NOW + MINUTE)], tmp_path)
    assert "EscalationAcknowledged" in {one["does"] for one in effects}
    assert "EscalationStepped" not in {one["does"] for one in effects}


def test_the_same_events_always_say_the_same(rules: Path, tmp_path: Path) -> None:
    assert rehearsed(rules, STORY, tmp_path) == rehearsed(rules, STORY, tmp_path)


@pytest.mark.parametrize(
    "bad",
    ["{", "[]", "7", '{"type": "Nonsense", "event": {}}', '{"type": "ProblemReported", "event": {"event_id": 7}}'],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, bad: str) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(f"{STORY[0]}\n{bad}\n")
    with pytest.raises(CommandFailed, match=r"events\.jsonl:2: this is no line of") as failed:
        list(recorded_in(file))
    assert failed.value.exit_code == 65


def test_partitions_do_not_disturb_each_other(rules: Path) -> None:
    rehearsing = Rehearsing(DecideConfig(book=load_rulebook(rules, {})))
    for partition in (0, 1):
        effects = rehearsing.hear(Recorded(a_report(1, "e.p.xfer", NOW, "t1"), partition, NOW))
        assert effects[0]["does"] == "ProblemOpened"


def test_a_rule_that_suppresses_most_of_them_needs_force(tocsin: Tocsin, rules: Path, tmp_path: Path) -> None:
    quiet = [line(a_report(10 + number, "e.m.x", NOW), NOW) for number in range(3)]
    (tmp_path / "few.jsonl").write_text("\n".join([*STORY[:4], quiet[0]]))
    (tmp_path / "most.jsonl").write_text("\n".join([STORY[0], *quiet]))
    fine = tocsin("rules", "test", "rules.yaml", "--events", "few.jsonl")
    assert fine.returncode == 0, fine.stderr
    assert "ProblemSuppressed reason=silenced detail=works" in fine.stdout
    assert "4 problems: " in fine.stdout
    refused = tocsin("rules", "test", "rules.yaml", "--events", "most.jsonl", "--json")
    assert refused.returncode == 1
    assert "silenced (works) suppresses 3 of 4 problems (75 %); is that right? then use --force" in refused.stderr
    assert json.loads(refused.stdout.splitlines()[-1])["too_much"]
    assert tocsin("rules", "test", "rules.yaml", "--events", "most.jsonl", "--force").returncode == 0


def test_rules_that_cannot_be_used_and_events_that_cannot_be_read(tocsin: Tocsin, rules: Path, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("{\n")
    assert tocsin("rules", "test", "rules.yaml", "--events", "gone.jsonl").returncode == 2
    assert tocsin("rules", "test", "rules.yaml", "--events", "events.jsonl").returncode == 65
    rules.write_text("a: b")
    refused = tocsin("rules", "test", "rules.yaml", "--events", "events.jsonl")
    assert refused.returncode == 1
    assert "rules.yaml:1: endpoints is missing" in refused.stderr


def test_the_last_day_of_the_inbox(tocsin: Tocsin, rules: Path, bootstrap: str, prefix: str) -> None:
    here = partial(tocsin, BOOTSTRAP=bootstrap, PREFIX=prefix, PARTITIONS="2")
    assert here("topics", "apply").returncode == 0
    empty = here("rules", "check", "rules.yaml", "--last-day")
    assert (empty.returncode, "suppresses" in empty.stdout) == (0, False)
    published = here("publish", stdin='{"code": "e.m.one"}\n{"code": "e.m.two"}\n{"code": "e.p.x"}\n')
    assert published.returncode == 0
    warned = here("rules", "check", "rules.yaml", "--last-day")
    assert warned.returncode == 0
    assert "warning: silenced (works) suppresses 2 of 3 problems (66 %) of the last day" in warned.stdout
    assert json.loads(here("rules", "check", "rules.yaml", "--last-day", "--json").stdout)["too_much"]
    # and what `tail` prints is what `test` reads
    lines = here("tail", "inbox", "--from", "beginning", "--no-follow", "--json").stdout
    (rules.parent / "events.jsonl").write_text(lines)
    assert here("rules", "test", "rules.yaml", "--events", "events.jsonl").returncode == 1
