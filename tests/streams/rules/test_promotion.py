"""A warning is promoted by an error on its thread, once, as DIDComm v2 allows it ("Replying to Warnings")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tocsin.connectors.dialects.codes import parse_code
from tocsin.schemas.events import ActivityKind, ActivityObserved, ProblemPromoted, ProblemReported
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem, Severity
from tocsin.streams.rules.config import DecideConfig, default_rulebook
from tocsin.streams.rules.context.activity import observe
from tocsin.streams.rules.context.enrich import enrich
from tocsin.streams.rules.decision import Decision, Emit
from tocsin.streams.rules.promotion import promote
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import CaseRow, row_key
from tocsin.streams.rules.turn import Turn

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

CONFIG = DecideConfig(book=default_rulebook())
NOW = 1_800_000_000_000_000
OWN = {"thread_id": "w1", "message_id": "w1", "thread_id_derived": True, "parent_thread_id": "t"}


def hear(rows: DictRows, event_id: str, code: str, **members: Any) -> Report:
    """A problem is reported: its context, as the pipeline has it."""
    parsed = parse_code(code)
    problem = Problem(dialect="didcomm-2.0", code=code, code_key=parsed.key, severity=parsed.severity, **members)
    report = Report(ProblemReported(event_id=event_id, tenant="acme", occurred_at=0, recorded_at=0, problem=problem))
    report.explain(enrich(Turn(rows, NOW, CONFIG, "acme"), report.event, report.case)[0])
    return report


def promoted_by(rows: DictRows, report: Report) -> list[Decision]:
    """What is emitted of the warnings that this report promotes."""
    turn = Turn(rows, NOW, CONFIG, "acme")
    promote(turn, report)
    return turn.decisions


def told(rows: DictRows, report: Report, status: str = "open") -> str:
    """Somebody was told of it: its case."""
    row = CaseRow(1, "r", "r", "open", NOW, NOW, code=report.problem.code, severity=report.problem.severity.value)
    rows.put(row_key("case", "acme", report.case), msgspec.structs.replace(row, status=status), 9)
    return report.case


# the warning, the reply -> is the warning promoted?
REPLIES: dict[str, tuple[str, str, bool]] = {
    "an error of the same scope": ("w.m.odd", "e.m.odd", True),
    "an error of another kind": ("w.m.odd", "e.m.trust", True),
    "an error of a wider scope": ("w.m.odd", "e.p.odd", True),
    "an error that goes back to a state": ("w.m.odd", "e.start.odd", True),
    "an error of a narrower scope": ("w.p.odd", "e.m.odd", False),
    "another warning": ("w.m.odd", "w.m.other", False),
    "an error after an error": ("e.m.odd", "e.p.odd", False),
    "capitals and underscores": ("W.M.Odd_Thing", "e.p.odd", True),
}


@pytest.mark.parametrize(("warning", "reply", "promoted"), REPLIES.values(), ids=REPLIES)
def test_which_reply_promotes(rows: DictRows, warning: str, reply: str, promoted: bool) -> None:
    case = told(rows, hear(rows, "r1", warning, thread_id="t"))
    decisions = promoted_by(rows, hear(rows, "r2", reply, thread_id="t"))
    assert [(one.topic, one.key) for one in decisions if isinstance(one, Emit)] == [("problems", case)] * promoted
    row = rows.get(row_key("case", "acme", case))
    assert isinstance(row, CaseRow)
    if promoted:
        assert row.severity == "error"


def test_the_event_says_who_promoted_what(rows: DictRows) -> None:
    case = told(rows, hear(rows, "r1", "w.m.odd", thread_id="t"))
    (decision,) = promoted_by(rows, hear(rows, "r2", "e.p.odd", thread_id="t"))
    assert isinstance(decision, Emit)
    assert decision.event == ProblemPromoted(
        event_id=derived_id("promoted", case, "r2"),
        tenant="acme",
        occurred_at=NOW,
        recorded_at=NOW,
        cause="r2",
        case=case,
        report="r2",
        severity_before=Severity.WARNING,
        severity_after=Severity.ERROR,
    )
    assert rows.due(row_key("case", "acme", case)) == 9


def test_a_warning_is_promoted_once(rows: DictRows) -> None:
    told(rows, hear(rows, "r1", "w.m.odd", thread_id="t"))
    assert len(promoted_by(rows, hear(rows, "r2", "e.p.odd", thread_id="t"))) == 1
    assert promoted_by(rows, hear(rows, "r3", "e.p.other", thread_id="t")) == []


def test_all_warnings_of_the_thread_are_promoted(rows: DictRows) -> None:
    cases = {told(rows, hear(rows, f"r{code}", code, thread_id="t")) for code in ("w.m.a", "w.m.b", "w.p.c")}
    decisions = promoted_by(rows, hear(rows, "r", "e.p.odd", thread_id="t"))
    assert {one.key for one in decisions if isinstance(one, Emit)} == cases


@pytest.mark.parametrize("status", ["open", "acknowledged", "snoozed", "resolved"])
def test_what_is_over_is_not_promoted(rows: DictRows, status: str) -> None:
    told(rows, hear(rows, "r1", "w.m.odd", thread_id="t"), status)
    assert len(promoted_by(rows, hear(rows, "r2", "e.p.odd", thread_id="t"))) == (status != "resolved")


def test_a_warning_that_nobody_was_told_of_is_not_promoted(rows: DictRows) -> None:
    hear(rows, "r1", "w.m.odd", thread_id="t")
    assert promoted_by(rows, hear(rows, "r2", "e.p.odd", thread_id="t")) == []


def test_other_threads_keep_their_warnings(rows: DictRows) -> None:
    told(rows, hear(rows, "r1", "w.m.odd", thread_id="t"))
    assert promoted_by(rows, hear(rows, "r2", "e.p.odd", thread_id="u")) == []


@pytest.mark.parametrize("known", [True, False], ids=["a known thread", "an unknown thread"])
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param({"thread_id": "w1", "message_id": "e1", "parent_thread_id": "t"}, id="in the warning's thread"),
        pytest.param({"thread_id": "e1", "message_id": "e1", "thread_id_derived": True, "parent_thread_id": "t",
                      "ack": ["w1"]}, id="acknowledging the warning"),
    ],
)  # fmt: skip
def test_a_reply_as_didcomm_v2_sends_it(rows: DictRows, reply: dict[str, Any], known: bool) -> None:
    if known:
        seen = ActivityObserved(
            event_id="a", tenant="acme", occurred_at=0, recorded_at=0, kind=ActivityKind.MESSAGE_SENT, thread_id="t"
        )
        observe(Turn(rows, NOW, CONFIG, seen.tenant), seen)
    case = told(rows, hear(rows, "r1", "w.m.odd", **OWN))
    decisions = promoted_by(rows, hear(rows, "r2", "e.p.odd", **reply))
    assert [one.key for one in decisions if isinstance(one, Emit)] == [case]
