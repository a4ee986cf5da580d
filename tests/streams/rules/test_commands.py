"""Commands that come before what they are about: none is lost without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.harness.unanswered import decide, fire
from tocsin.schemas.events import (
    CommandAnswered,
    CommandIssued,
    CommandKind,
    CommandOutcome,
    EscalationAcknowledged,
    ProblemReported,
)
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.commands import MAX_WHY
from tocsin.streams.rules.config import DecideConfig, Endpoint, Grouping, Route, RuleBook
from tocsin.streams.rules.context.threads import MAX_TEXT
from tocsin.streams.rules.decide import decide as decide_all
from tocsin.streams.rules.decision import DeadLetter, Decision, Emit
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.stages import same_event
from tocsin.streams.rules.state import CaseRow, KeptCommand, SeenRow
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import DAY, HOUR, MINUTE
from tocsin.streams.rules.verdict import Outcome, Reason, Verdict

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

NOW = 1_800_000_000_000_000
BOOK = RuleBook(endpoints={"desk": Endpoint(name="desk", sink="memory")}, default_endpoint="desk")
CONFIG = DecideConfig(book=BOOK)
TOGETHER = DecideConfig(
    book=msgspec.structs.replace(
        BOOK, routes=(Route(name="all", endpoints=("desk",), group=Grouping(by=("code",), wait=MINUTE)),)
    )
)


def a_command(kind: str, event_id: str = "c", target: str = "r", until: int | None = None) -> CommandIssued:
    return CommandIssued(
        event_id=event_id, tenant="acme", occurred_at=NOW, recorded_at=NOW, kind=CommandKind(kind), target=target,
        by="ann", until=until,
    )  # fmt: skip


def a_report(event_id: str = "r") -> ProblemReported:
    problem = Problem(dialect="canonical", code="e.p.x", code_key="e.p.x", thread_id="t")
    return ProblemReported(event_id=event_id, tenant="acme", occurred_at=NOW, recorded_at=NOW, problem=problem)


def taken(decisions: list[Decision]) -> int:
    """How often somebody takes a case."""
    return len([one for one in decisions if isinstance(one, Emit) and isinstance(one.event, EscalationAcknowledged)])


def dead(decisions: list[Decision]) -> list[tuple[str, str | None]]:
    """Reason and command of each dead letter; None: the record itself."""
    found = [one for one in decisions if isinstance(one, DeadLetter)]
    return [(one.reason, one.event.event_id if one.event else None) for one in found]


def kept(rows: DictRows) -> list[str]:
    return [key for key in rows.rows if key.startswith("kept/")]


def test_a_command_that_gives_way_to_a_later_one_is_dead(rows: DictRows) -> None:
    assert decide(a_command("acknowledge", "c1"), rows, NOW, CONFIG) == []
    decided = decide(a_command("snooze", "c2", until=NOW + DAY), rows, NOW, CONFIG)
    assert dead(decided) == [("command_overtaken", "c1")]


def test_a_command_does_not_overtake_itself(rows: DictRows) -> None:
    for _ in range(2):
        assert decide(a_command("resolve"), rows, NOW, CONFIG) == []


def test_a_snooze_that_is_over_when_its_case_comes_is_dead(rows: DictRows) -> None:
    assert decide(a_command("snooze", until=NOW + MINUTE), rows, NOW, CONFIG) == []
    assert dead(decide(a_report(), rows, NOW + MINUTE, CONFIG)) == [("command_too_late", "c")]
    assert kept(rows) == []


def test_a_target_too_long_to_be_kept_is_dead(rows: DictRows) -> None:
    decided = decide(a_command("acknowledge", target="x" * (MAX_TEXT + 1)), rows, NOW, CONFIG)
    assert dead(decided) == [("command_not_valid", None)]
    assert kept(rows) == []


def test_what_is_kept_of_a_command_is_bounded(rows: DictRows) -> None:
    long = msgspec.structs.replace(a_command("acknowledge"), by="b" * 10_000, why="w" * 10_000)
    decide(long, rows, NOW, CONFIG)
    row = rows.get("kept/acme/r")
    assert isinstance(row, KeptCommand)
    assert (row.by, row.why) == ("b" * MAX_TEXT, "w" * MAX_WHY)


def test_what_waits_for_a_report_waits_for_the_digest_that_tells_its_case(rows: DictRows) -> None:
    decide(a_command("acknowledge"), rows, NOW, TOGETHER)
    assert taken(decide(a_report(), rows, NOW, TOGETHER)) == 0
    decide(a_report("r2"), rows, NOW, TOGETHER)
    (window,) = [key for key in rows.rows if key.startswith("digest/")]
    assert taken(fire(window, rows, NOW + MINUTE, TOGETHER)) == 1
    assert kept(rows) == []


def test_so_does_a_command_that_comes_while_the_report_is_held_back(rows: DictRows) -> None:
    for each in ("r", "r2"):
        decide(a_report(each), rows, NOW, TOGETHER)
    assert decide(a_command("acknowledge"), rows, NOW, TOGETHER) == []
    (window,) = [key for key in rows.rows if key.startswith("digest/")]
    assert taken(fire(window, rows, NOW + MINUTE, TOGETHER)) == 1
    (case,) = [row for key in rows.rows if isinstance(row := rows.get(key), CaseRow)]
    assert case.status == "acknowledged"


# why nobody was told -> whether a command on it waits (for a digest; a limit remembers nothing), else how long it is
# refused
NOBODY_TOLD = {
    Reason.SILENCED: (False, DAY), Reason.INHIBITED: (False, DAY), Reason.QUIET: (False, DAY),
    Reason.PEER_NOT_TOLD: (False, DAY), Reason.THREAD_MUTED: (True, 0), Reason.TENANT_LIMIT: (True, 0),
    Reason.CLAIMED_LIMIT: (True, 0),
    Reason.EXCHANGE: (True, 0), Reason.MUTED: (True, 0), Reason.GROUPED: (True, 0), Reason.IDENTICAL: (True, 0),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["acknowledge", "snooze", "resolve"])
@pytest.mark.parametrize("by", ["report", "case"])
@pytest.mark.parametrize(("reason", "waits", "while_"), [(why, *expected) for why, expected in NOBODY_TOLD.items()])
def test_a_command_on_what_nobody_was_told_of(
    rows: DictRows, reason: Reason, waits: bool, while_: int, by: str, kind: str
) -> None:
    report, turn = Report(a_report()), Turn(rows, NOW, CONFIG, "acme")
    same_event.after(turn, report, Outcome("suppressed", Verdict(reason=reason)))
    target = "r" if by == "report" else report.case
    answers = [one.event for one in decide_all(a_command(kind, target=target, until=NOW + DAY), rows, NOW, CONFIG)
               if isinstance(one, Emit) and isinstance(one.event, CommandAnswered)]  # fmt: skip
    ((outcome, detail),) = [(one.outcome, one.detail or "") for one in answers]
    assert (outcome, kept(rows) != []) == ((CommandOutcome.KEPT, True) if waits else (CommandOutcome.REFUSED, False))
    assert detail.startswith("nobody was told of it") or waits
    assert (rows.due(f"seen/acme/{report.case}") or NOW) - NOW == while_


def test_what_is_held_back_for_a_digest_after_a_silence_waits_for_it(rows: DictRows) -> None:
    report, turn = Report(a_report()), Turn(rows, NOW, CONFIG, "acme")
    for reason in (Reason.SILENCED, Reason.GROUPED):
        same_event.after(turn, report, Outcome("suppressed", Verdict(reason=reason)))
    decide(a_command("acknowledge"), rows, NOW, CONFIG)
    assert kept(rows) == [f"kept/acme/{report.case}"]


def test_at_the_end_of_its_time_a_command_is_tried_once_more(rows: DictRows) -> None:
    decide(a_command("acknowledge", target="named"), rows, NOW, CONFIG)
    decide(a_report(), rows, NOW, CONFIG)
    seen = rows.get("seen/acme/r")
    assert isinstance(seen, SeenRow)
    rows.put("seen/acme/named", seen, NOW + 2 * DAY)
    decided = fire("kept/acme/named", rows, NOW + DAY, CONFIG)
    assert (taken(decided), dead(decided), kept(rows)) == (1, [], [])


def test_and_dead_when_there_is_still_nothing(rows: DictRows) -> None:
    decide(a_command("snooze", until=NOW + HOUR), rows, NOW, CONFIG)
    assert dead(fire("kept/acme/r", rows, NOW + DAY, CONFIG)) == [("command_without_case", "c")]
