"""Events replayed in memory: timers fire at their due and before what comes later."""

from __future__ import annotations

import pytest

from tocsin.schemas.events import ProblemReported, ProblemsDigested
from tocsin.schemas.problem import Problem
from tocsin.streams.rules import replay
from tocsin.streams.rules.config import DecideConfig, Endpoint, RuleBook
from tocsin.streams.rules.decision import Emit
from tocsin.streams.rules.replay import MemoryRows, Replay
from tocsin.streams.rules.values import MINUTE, SECOND

NOW = 1_800_000_000 * SECOND
CONFIG = DecideConfig(book=RuleBook(endpoints={"desk": Endpoint(name="desk", sink="memory")}, default_endpoint="desk"))


def a_report(number: int, at: int) -> ProblemReported:
    problem = Problem(dialect="canonical", code="e.p.x", code_key="e.p.x", thread_id="t")
    return ProblemReported(event_id=f"r{number}", tenant="acme", occurred_at=at, recorded_at=at, problem=problem)


def test_a_timer_that_was_moved_or_taken_back_does_not_fire() -> None:
    rows = MemoryRows()
    rows.put("a", "row", 5)
    rows.put("a", "row", 9)
    rows.put("b", "row", 6)
    rows.put("b", "row")
    rows.put("c", "row", 7)
    rows.delete("c")
    assert rows.next_due(8) is None
    assert (rows.next_due(9), rows.earliest()) == ("a", (9, "a"))
    rows.delete("a")
    assert rows.earliest() is None


def test_timers_fire_at_their_due_before_what_comes_later() -> None:
    partition = Replay(CONFIG)
    partition.hear(a_report(1, NOW), NOW)
    partition.hear(a_report(2, NOW + SECOND), NOW + SECOND)
    *timers, report = partition.hear(a_report(3, NOW + 2 * MINUTE), NOW + 2 * MINUTE)
    assert (report.at, report.event) == (NOW + 2 * MINUTE, a_report(3, NOW + 2 * MINUTE))
    digests = [
        (decided.at, decided.event)
        for decided in timers
        for one in decided.decisions
        if isinstance(one, Emit) and isinstance(one.event, ProblemsDigested)
    ]
    assert digests == [(NOW + MINUTE, None)]
    assert partition.left_due == []


def test_a_rule_that_leaves_its_timer_due_is_noted_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    partition = Replay(CONFIG, now=NOW)
    partition.rows.put("nobody/knows", None, NOW + SECOND)
    monkeypatch.setattr(replay, "fire", lambda key, rows, now, config: [])
    assert [one.at for one in partition.wait(NOW + MINUTE)] == [NOW + SECOND]
    assert (partition.left_due, partition.rows.earliest()) == (["nobody/knows"], None)
