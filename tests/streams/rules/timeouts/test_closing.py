"""What ends an expectation besides a reply: a problem on the thread, and rules that no longer want it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.harness.waiting import START, TENANT, Story, config_with
from tocsin.schemas.events import ProblemReported, ThreadContext
from tocsin.schemas.problem import Problem, Severity
from tocsin.streams.rules.policies import TimeoutPolicy
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import ExpectationRow, LatencyRow, row_key
from tocsin.streams.rules.timeouts.expectations import close_by_problem
from tocsin.streams.rules.values import DAY, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

ASK = TimeoutPolicy(messages=("ask",), floor=30 * SECOND, unlearned=30 * SECOND, waits=0, retries=0)


def a_problem(
    states: str | None, tenant: str = TENANT, severity: Severity = Severity.ERROR, **context: object
) -> Report:
    report = ProblemReported(
        event_id="r",
        tenant=tenant,
        occurred_at=START,
        recorded_at=START,
        problem=Problem(dialect="didcomm-2.0", code="e.p.msg", severity=severity, thread_id=states),
    )
    known = msgspec.structs.replace(ThreadContext(first_seen=START, last_seen=START), **context)
    return Report(report, "case", known)


@pytest.mark.parametrize(
    ("report", "closes"),
    [
        pytest.param(a_problem("t"), True, id="it states the thread"),
        pytest.param(a_problem("own", thread_id="t"), True, id="its ids led to the thread"),
        pytest.param(a_problem("own", found_by="parent", parents=["t", "u"]), True, id="the thread is its parent"),
        pytest.param(a_problem("own", found_by="parent", parents=["u", "t"]), False, id="the thread is further up"),
        pytest.param(a_problem("own", found_by="thread", parents=["t"]), False, id="a thread within the thread"),
        pytest.param(a_problem("t", severity=Severity.WARNING), False, id="a warning, so the reply is still to come"),
        pytest.param(a_problem("t", effect="continues"), False, id="the protocol goes on after it"),
        pytest.param(a_problem("t", effect="ended"), True, id="the protocol ends with it"),
        pytest.param(a_problem("u"), False, id="another thread"),
        pytest.param(a_problem(None), False, id="no thread"),
        pytest.param(a_problem("t", tenant="mill"), False, id="another tenant's thread"),
    ],
)
def test_a_problem_ends_it(rows: DictRows, report: Report, closes: bool) -> None:
    story = Story(rows, config_with(ASK)).play("0 sent ask")
    close_by_problem(story.turn(report.tenant), report)
    assert len(story.until(900).noticed()) == (0 if closes else 1)


def test_a_problem_does_not_take_back_what_was_given_up(rows: DictRows) -> None:
    """A real reply after all must still find it, to end its case."""
    story = Story(rows, config_with(ASK)).play("0 sent ask")
    assert len(story.until(900).noticed()) == 1
    close_by_problem(story.turn(), a_problem("t"))
    row = rows.get(row_key("expectation", TENANT, "t"))
    assert isinstance(row, ExpectationRow)
    assert row.state == "given_up"


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(TimeoutPolicy(enabled=False), id="switched off"),
        pytest.param(TimeoutPolicy(messages=("other",)), id="no policy fits any more"),
        pytest.param(TimeoutPolicy(), id="the first contact waits now"),
    ],
)
def test_rules_that_changed_meanwhile(rows: DictRows, later: TimeoutPolicy) -> None:
    story = Story(rows, config_with(ASK)).play("0 sent ask")
    story.config = config_with(later)
    assert story.until(900).noticed() == []
    assert rows.rows == {}


def test_a_message_that_was_only_watched_is_counted_as_unanswered(rows: DictRows) -> None:
    story = Story(rows, config_with(TimeoutPolicy())).play("0 sent chat")
    story.until(3 * DAY / SECOND)
    row = rows.get(row_key("latency", TENANT, "chat"))
    assert isinstance(row, LatencyRow)
    assert (row.count, row.unanswered) == (0, 1)
    assert story.noticed() == []


def test_unanswered_messages_without_end_are_a_bounded_count(rows: DictRows) -> None:
    story = Story(rows, config_with(TimeoutPolicy()))
    for number in range(2500):
        story.play(f"{number} sent chat")
    row = rows.get(row_key("latency", TENANT, "chat"))
    assert isinstance(row, LatencyRow)
    assert row.unanswered <= 1000


# the code that the message of a report is told with, whether it ends the wait
CODES = {
    "e.m.msg": True,
    "w.m.msg": False,
    "W.M.MSG": False,
    "version-with-degraded-features": False,  # a warning by the catalogue alone
    "Fields_ignored_due_to_version_mismatch": False,
    "message-parse-failure": True,
    "nobody-knows-it": True,
    "x" * 5000: True,
}


@pytest.mark.parametrize(("code", "ends"), CODES.items(), ids=[code[:40] for code in CODES])
def test_the_message_of_a_warning_ends_nothing(rows: DictRows, code: str, ends: bool) -> None:
    story = Story(rows, config_with(ASK)).play("0 sent ask", f"5 report code={code}")
    assert len(story.until(900).noticed()) == (0 if ends else 1)
