"""Cases that a digest opens or opens again, and what a case remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.schemas.events import DigestedCase, ProblemReported, ProblemsDigested, ThreadContext
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.cases import CASE_ENDPOINTS, open_by_digest, open_or_repeat, represented_by
from tocsin.streams.rules.config import DecideConfig, Route, default_rulebook
from tocsin.streams.rules.context.threads import MAX_TEXT
from tocsin.streams.rules.notification import Notice
from tocsin.streams.rules.report import Matched, Report, case_id, case_of
from tocsin.streams.rules.state import CaseRow, row_key
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import DAY, HOUR

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

NOW = 1_800_000_000_000_000


def a_report(event_id: str, thread: str = "t") -> ProblemReported:
    problem = Problem(dialect="canonical", code="e.p.x", code_key="e.p.x", thread_id=thread)
    return ProblemReported(event_id=event_id, tenant="acme", occurred_at=NOW, recorded_at=NOW, problem=problem)


CASE = case_of(a_report("r"))
KEY = row_key("case", "acme", CASE)


def a_turn(rows: DictRows) -> Turn:
    return Turn(rows, NOW, DecideConfig(book=default_rulebook(), case_ttl=DAY), "acme")


def stands_for(rows: DictRows, report: ProblemReported) -> str | None:
    return represented_by(a_turn(rows), Report(report))


def tell(rows: DictRows, report: ProblemReported, *endpoints: str) -> Notice:
    flying = Report(report, context=ThreadContext(first_seen=NOW, last_seen=NOW))
    flying.matched = [Matched("all", Route(name="all", endpoints=endpoints), names_code=False)]
    flying.endpoints = endpoints
    return open_or_repeat(a_turn(rows), flying)


def digest(rows: DictRows, last_report: str = "r2", *endpoints: str) -> None:
    told = ProblemsDigested(
        event_id="d", tenant="acme", occurred_at=NOW, recorded_at=NOW, group="g", why="grouped",
        since=NOW - HOUR, until=NOW, count=2, endpoints=list(endpoints or ("desk",)),
        cases=[DigestedCase(case=CASE, code="e.p.x", count=2, last_report=last_report)],
    )  # fmt: skip
    open_by_digest(a_turn(rows), told, "t")


def the_case(rows: DictRows, **changes: Any) -> CaseRow:
    row = rows.get(KEY)
    assert isinstance(row, CaseRow)
    return row


def test_a_digest_opens_a_case_that_nobody_was_told_of(rows: DictRows) -> None:
    digest(rows)
    row = the_case(rows)
    assert (row.status, row.count, row.last_report, row.represented_by) == ("open", 2, "r2", "d")
    assert (row.endpoints, row.code, row.thread, rows.due(KEY)) == (("desk",), "e.p.x", "t", NOW + DAY)


# how the case stood, and how it stands after the digest
STANDING: dict[str, tuple[dict[str, Any], str]] = {
    "resolved": ({"status": "resolved"}, "open"),
    "open": ({"status": "open"}, "open"),
    "somebody has it": ({"status": "acknowledged"}, "acknowledged"),
    "snoozed": ({"status": "snoozed", "until": NOW + 1}, "snoozed"),
    "a snooze that is over": ({"status": "snoozed", "until": NOW}, "open"),
}


@pytest.mark.parametrize(("before", "after"), STANDING.values(), ids=list(STANDING))
def test_a_known_case_is_told_of_again(rows: DictRows, before: dict[str, Any], after: str) -> None:
    rows.put(
        KEY, CaseRow(7, "r0", "r2", first_seen=1, last_seen=2, endpoints=("owner",), represented_by="s", **before), 99
    )
    digest(rows, "r2", "desk", "owner")
    row = the_case(rows)
    assert (row.status, row.represented_by) == (after, "d")
    assert row.endpoints == ("owner", "desk"), "who was told by the digest alone will hear when it is over"
    assert (row.count, row.first_report, rows.due(KEY)) == (7, "r0", 99), "its reports were counted when they came"


def test_what_stands_for_the_reports_of_a_case_that_a_digest_opened(rows: DictRows) -> None:
    digest(rows, "r2")
    assert stands_for(rows, a_report("r2")) == "d"
    tell(rows, a_report("r3"), "owner")
    assert stands_for(rows, a_report("r3")) == derived_id("repeated", "r3")
    assert stands_for(rows, a_report("r2")) is None, "no event says that r2 opened the case"


def test_what_stands_for_the_reports_of_a_case_that_was_told(rows: DictRows) -> None:
    tell(rows, a_report("r1"), "owner")
    tell(rows, a_report("r2"), "owner")
    assert stands_for(rows, a_report("r1")) == derived_id("opened", "r1")
    assert stands_for(rows, a_report("r2")) == derived_id("repeated", "r2")


def test_a_case_remembers_every_endpoint_that_a_rules_file_may_name(rows: DictRows) -> None:
    names = tuple(f"e{number}" for number in range(CASE_ENDPOINTS + 1))
    assert CASE_ENDPOINTS == 100
    tell(rows, a_report("r1"), *names[:60])
    tell(rows, a_report("r2"), *names)
    assert the_case(rows).endpoints == names[:100]


def test_the_thread_that_a_case_remembers_is_bounded(rows: DictRows) -> None:
    report = a_report("r1", "x" * 100_000)
    tell(rows, report, "owner")
    row = rows.get(row_key("case", "acme", case_of(report)))
    assert isinstance(row, CaseRow)
    assert row.thread == "x" * MAX_TEXT


def test_one_way_to_name_a_case() -> None:
    assert case_id("acme", "t", "e.p.x") == CASE
