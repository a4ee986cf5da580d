"""What becomes of everything in the inbox."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.unanswered import decide, fire
from tocsin.schemas.events import (
    ActivityKind,
    ActivityObserved,
    CommandIssued,
    CommandKind,
    ConflictNoticed,
    DeliveryRequested,
    EscalationAcknowledged,
    ProblemOpened,
    ProblemRepeated,
    ProblemReported,
    ProblemResolved,
    ProblemSuppressed,
    ProblemUnrouted,
    Tick,
)
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem, Severity, Source
from tocsin.streams.rules.config import DecideConfig, Endpoint, Route, RuleBook
from tocsin.streams.rules.decision import DeadLetter, Decision, Emit
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.rules.report import case_of
from tocsin.streams.rules.state import CaseRow, ThreadRow
from tocsin.streams.rules.values import DAY, HOUR, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

NOW = 1_800_000_000_000_000
BOOK = RuleBook(
    limits=LoopLimits(repeat_window=0),
    endpoints={name: Endpoint(name=name, sink="memory") for name in ("owner", "desk", "fallback")},
    default_endpoint="fallback",
    routes=(
        Route(name="xfer", match=Match.of(code=("e.p.xfer",)), endpoints=("owner",), go_on=True),
        Route(name="errors", match=Match.of(code=("e.p",)), endpoints=("desk", "owner")),
    ),
)
CONFIG = DecideConfig(book=BOOK)
"""Loop rules have tests of their own (loops/); here everything is told."""


def a_report(
    event_id: str = "r1", code: str = "e.p.xfer", thread: str | None = "t", raw: bytes = b"{}"
) -> ProblemReported:
    return ProblemReported(
        event_id=event_id,
        tenant="acme",
        occurred_at=NOW - SECOND,
        recorded_at=NOW,
        traceparent="00-1-2-01",
        problem=Problem(dialect="didcomm-2.0", code=code, code_key=code, thread_id=thread),
        raw=raw,
    )


def a_command(kind: CommandKind, target: str, event_id: str = "c1") -> CommandIssued:
    return CommandIssued(
        event_id=event_id, tenant="acme", occurred_at=NOW, recorded_at=NOW, kind=kind, target=target, by="ann", why="x"
    )


def test_the_bus_does_not_end_a_case_that_was_heard_of_again_since(rows: DictRows) -> None:
    (opened, *_) = emitted(decide(a_report(), rows, NOW, CONFIG))
    assert isinstance(opened, ProblemOpened)
    over = msgspec.structs.replace(a_command(CommandKind.RESOLVE, opened.case), by="tocsin", occurred_at=NOW - 1)
    assert decide(over, rows, NOW + 1, CONFIG) == []
    later = msgspec.structs.replace(over, event_id="c2", occurred_at=NOW)
    assert "ProblemResolved" in kinds(decide(later, rows, NOW + 2, CONFIG))


def emitted(decisions: list[Decision]) -> list[object]:
    assert all(isinstance(one, Emit) for one in decisions)
    return [one.event for one in decisions if isinstance(one, Emit)]


def kinds(decisions: list[Decision]) -> list[str]:
    return [type(event).__name__ for event in emitted(decisions)]


def test_a_routed_problem(rows: DictRows) -> None:
    decisions = decide(a_report(), rows, NOW, CONFIG)
    opened, first, second = emitted(decisions)
    case = derived_id("case", "acme", "t", "e.p.xfer")
    assert isinstance(opened, ProblemOpened)
    assert isinstance(first, DeliveryRequested)
    assert isinstance(second, DeliveryRequested)
    assert [(one.topic, one.key) for one in decisions if isinstance(one, Emit)] == [
        ("problems", case),
        ("deliveries", "owner"),
        ("deliveries", "desk"),
    ]
    assert (opened.event_id, opened.report, opened.case) == (derived_id("opened", "r1"), "r1", case)
    assert (opened.cause, opened.traceparent, opened.tenant) == ("r1", "00-1-2-01", "acme")
    assert (opened.endpoints, opened.thread.count) == (["owner", "desk"], 1)
    assert first.delivery_id == derived_id("delivery", "r1", "owner")
    assert (first.lane, first.about, first.case) == ("acme/t", "r1", case)
    assert first.body == second.body
    assert first.delivery_id != second.delivery_id


def test_an_unrouted_problem_goes_to_the_default_endpoint_and_says_so(rows: DictRows) -> None:
    opened, unrouted, delivery = emitted(decide(a_report(code="w.m"), rows, NOW, CONFIG))
    assert isinstance(opened, ProblemOpened)
    assert isinstance(unrouted, ProblemUnrouted)
    assert isinstance(delivery, DeliveryRequested)
    assert opened.endpoints == []
    assert (unrouted.report, unrouted.case, unrouted.endpoint) == ("r1", opened.case, "fallback")
    assert delivery.endpoint == "fallback"


def test_a_repeat_of_the_same_event_is_suppressed_each_time_with_an_id_of_its_own(rows: DictRows) -> None:
    opened, *_ = emitted(decide(a_report(), rows, NOW, CONFIG))
    (second,) = emitted(decide(a_report(), rows, NOW + 1, CONFIG))
    (third,) = emitted(decide(a_report(), rows, NOW + 1, CONFIG))
    assert isinstance(opened, ProblemOpened)
    assert isinstance(second, ProblemSuppressed)
    assert isinstance(third, ProblemSuppressed)
    assert (second.reason, second.survivor, second.case) == ("same_event_id", opened.event_id, opened.case)
    assert second.event_id != third.event_id


def test_a_conflict_is_noticed_and_suppressed(rows: DictRows) -> None:
    decide(a_report(), rows, NOW, CONFIG)
    conflict, suppressed = emitted(decide(a_report(raw=b"{ }"), rows, NOW, CONFIG))
    assert isinstance(conflict, ConflictNoticed)
    assert isinstance(suppressed, ProblemSuppressed)
    assert conflict.first_digest != conflict.second_digest
    assert suppressed.reason == "conflict"


def test_another_report_of_the_same_case_repeats_it(rows: DictRows) -> None:
    decide(a_report("r1"), rows, NOW, CONFIG)
    repeated, *deliveries = emitted(decide(a_report("r2"), rows, NOW + SECOND, CONFIG))
    assert isinstance(repeated, ProblemRepeated)
    assert (repeated.count, repeated.thread.count, len(deliveries)) == (2, 2, 2)


def test_the_window_ends(rows: DictRows) -> None:
    decide(a_report(), rows, NOW, CONFIG)
    assert kinds(decide(a_report(), rows, NOW + CONFIG.dedupe_window - 1, CONFIG)) == ["ProblemSuppressed"]
    late = NOW + CONFIG.dedupe_window
    decide(a_report("r2"), rows, late, CONFIG)
    decide(a_report("r3"), rows, late, CONFIG)
    assert kinds(decide(a_report("r2"), rows, late + CONFIG.dedupe_window, CONFIG))[0] == "ProblemRepeated"


@pytest.mark.parametrize("thread", [None, "t"])
@pytest.mark.parametrize("raw", [pytest.param(b"{}", id="the same body"), pytest.param(b"{ }", id="another body")])
def test_after_the_window_a_case_still_knows_its_first_and_its_last_report(
    rows: DictRows, raw: bytes, thread: str | None
) -> None:
    first, *_ = emitted(decide(a_report("r1", thread=thread), rows, NOW, CONFIG))
    last, *_ = emitted(decide(a_report("r2", thread=thread), rows, NOW, CONFIG))
    ids = set()
    for late in (NOW + CONFIG.dedupe_window, NOW + CONFIG.dedupe_window + 1):
        for name, stands in (("r1", first), ("r2", last)):
            (said,) = emitted(decide(a_report(name, thread=thread, raw=raw), rows, late, CONFIG))
            assert isinstance(said, ProblemSuppressed)
            assert (said.reason, said.survivor) == ("same_event_id", getattr(stands, "event_id"))  # noqa: B009
            ids.add(said.event_id)
    assert len(ids) == 4, "each a suppression of its own"


def test_an_empty_thread_id_is_no_lane(rows: DictRows) -> None:
    requested = emitted(decide(a_report(thread=""), rows, NOW, CONFIG))[1]
    assert isinstance(requested, DeliveryRequested)
    assert requested.lane is None


WITHOUT_A_THREAD: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "the same words": ({"text": "pool exhausted"}, {"text": "pool exhausted"}, True),
    "but for a number": ({"text": "no answer in 30 s"}, {"text": "no answer in 31 s"}, True),
    "but for an id": ({"text": "job 0f-a1 failed"}, {"text": "job 7c-b2 failed"}, True),
    "other words": ({"text": "pool exhausted"}, {"text": "disk full"}, False),
    "another severity": ({"severity": Severity.ERROR}, {"severity": Severity.WARNING}, False),
    "another service": ({"source": Source(service="a")}, {"source": Source(service="b")}, False),
    "another job": ({"source": Source(job="a")}, {"source": Source(job="b")}, False),
    "what names a message": ({"context_ids": ["m"]}, {"context_ids": ["m"]}, False),
    "what names a record": ({"source": Source(record_id="r")}, {"source": Source(record_id="r")}, False),
}


@pytest.mark.parametrize(("one", "other", "alike"), WITHOUT_A_THREAD.values(), ids=WITHOUT_A_THREAD)
def test_without_a_thread_what_is_alike_is_one_case(one: dict[str, Any], other: dict[str, Any], alike: bool) -> None:
    cases = []
    for name, fields in (("r1", one), ("r2", other)):
        report = a_report(name, thread=None)
        problem = msgspec.structs.replace(report.problem, **fields)
        cases.append(case_of(msgspec.structs.replace(report, problem=problem)))
    assert (cases[0] == cases[1]) == alike


@pytest.mark.timeout(60)
@pytest.mark.parametrize("letter", ["d", "-", "d ", "d9"])
def test_what_strangers_wrote_is_looked_at_in_steps_that_grow_with_it(letter: str) -> None:
    """A quadratic look at a text of this size takes a quarter of an hour, in which the whole partition waits."""
    report = a_report("r", thread=None)
    assert case_of(
        msgspec.structs.replace(report, problem=msgspec.structs.replace(report.problem, text=letter * 120_000))
    )


def test_reports_without_a_thread_have_no_lane(rows: DictRows) -> None:
    opened, requested = emitted(decide(a_report("r1", thread=None), rows, NOW, CONFIG))[:2]
    assert isinstance(opened, ProblemOpened)
    assert isinstance(requested, DeliveryRequested)
    assert requested.lane is None
    repeated = emitted(decide(a_report("r2", thread=None), rows, NOW, CONFIG))[0]
    assert isinstance(repeated, ProblemRepeated)
    assert (repeated.case, repeated.count) == (opened.case, 2)


def test_tenants_with_the_same_thread_have_different_cases() -> None:
    assert case_of(a_report()) != case_of(msgspec.structs.replace(a_report(), tenant="other"))


def test_resolve_and_reopen(rows: DictRows) -> None:
    decide(a_report("r1"), rows, NOW, CONFIG)
    case = case_of(a_report())
    resolved, *told = emitted(decide(a_command(CommandKind.RESOLVE, case), rows, NOW, CONFIG))
    assert isinstance(resolved, ProblemResolved)
    assert [one.endpoint for one in told if isinstance(one, DeliveryRequested)] == ["owner", "desk"]
    assert (resolved.case, resolved.by, resolved.why) == (case, "ann", "x")
    assert decide(a_command(CommandKind.RESOLVE, case, "c2"), rows, NOW, CONFIG) == []
    assert kinds(decide(a_report("r2"), rows, NOW, CONFIG))[0] == "ProblemOpened"


def test_a_command_may_name_the_report(rows: DictRows) -> None:
    decide(a_report("r1"), rows, NOW, CONFIG)
    assert kinds(decide(a_command(CommandKind.RESOLVE, "r1"), rows, NOW, CONFIG))[0] == "ProblemResolved"


def test_acknowledged_cases_stay_open(rows: DictRows) -> None:
    decide(a_report("r1"), rows, NOW, CONFIG)
    (said,) = decide(a_command(CommandKind.ACKNOWLEDGE, "r1"), rows, NOW, CONFIG)
    assert isinstance(said, Emit)
    assert said.topic == "escalations"
    assert isinstance(said.event, EscalationAcknowledged)
    assert decide(a_command(CommandKind.ACKNOWLEDGE, "r1", "c2"), rows, NOW, CONFIG) == []
    assert kinds(decide(a_report("r2"), rows, NOW, CONFIG))[0] == "ProblemRepeated"
    assert kinds(decide(a_command(CommandKind.RESOLVE, "r1", "c3"), rows, NOW, CONFIG))[0] == "ProblemResolved"


@pytest.mark.parametrize(
    "target", [pytest.param("r1", id="the report"), pytest.param(case_of(a_report()), id="the case")]
)
def test_a_command_that_comes_first_is_kept(rows: DictRows, target: str) -> None:
    assert decide(a_command(CommandKind.RESOLVE, target), rows, NOW, CONFIG) == []
    (overtaken,) = decide(a_command(CommandKind.ACKNOWLEDGE, target, "c2"), rows, NOW, CONFIG)
    assert isinstance(overtaken, DeadLetter)
    assert overtaken.reason == "command_overtaken"
    assert "ProblemResolved" in kinds(decide(a_report(), rows, NOW, CONFIG))
    assert not [key for key in rows.rows if key.startswith("kept/")]


def test_a_kept_command_without_a_case_ends_in_the_dead_letters(rows: DictRows) -> None:
    issued = a_command(CommandKind.RESOLVE, "nobody")
    decide(issued, rows, NOW, CONFIG)
    (letter,) = fire("kept/acme/nobody", rows, NOW + DAY, CONFIG)
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.event) == ("command_without_case", issued)
    assert not rows.rows


def test_a_command_of_a_newer_kind_is_never_dropped(rows: DictRows) -> None:
    (letter,) = decide(a_command(CommandKind.UNKNOWN, "r1"), rows, NOW, CONFIG)
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.event) == ("command_not_supported", None)


def test_activity_only_changes_the_thread(rows: DictRows) -> None:
    activity = ActivityObserved(
        event_id="a", tenant="acme", occurred_at=0, recorded_at=0, kind=ActivityKind.MESSAGE_SENT, thread_id="t"
    )
    assert decide(activity, rows, NOW, CONFIG) == []
    assert list(rows.rows) == ["thread/acme/t"]


def test_a_tick_decides_nothing(rows: DictRows) -> None:
    tick = Tick(event_id="k", tenant="", occurred_at=0, recorded_at=0, partition=3)
    assert decide(tick, rows, NOW, CONFIG) == []


def test_an_event_of_another_topic_is_dead(rows: DictRows) -> None:
    wrong = ProblemResolved(event_id="x", tenant="acme", occurred_at=0, recorded_at=0, case="c", by="ann")
    (letter,) = decide(wrong, rows, NOW, CONFIG)
    assert isinstance(letter, DeadLetter)
    assert letter.reason == "wrong_topic"


def test_rows_expire_and_rows_in_use_do_not(rows: DictRows) -> None:
    decide(a_report("r1"), rows, NOW, CONFIG)
    case_key = f"case/acme/{case_of(a_report())}"
    later = NOW + CONFIG.thread_ttl - HOUR
    decide(a_report("r2"), rows, later, CONFIG)
    for key in ("seen/acme/r1", "thread/acme/t", case_key):
        due = rows.due(key)
        assert due is not None
        assert fire(key, rows, due, CONFIG) == []
    assert rows.get("seen/acme/r1") is None
    assert isinstance(rows.get("thread/acme/t"), ThreadRow)
    assert rows.due("thread/acme/t") == later + CONFIG.thread_ttl
    assert isinstance(rows.get(case_key), CaseRow)
    fire("thread/acme/t", rows, later + CONFIG.thread_ttl, CONFIG)
    assert rows.get("thread/acme/t") is None


def test_the_bodies_for_many_endpoints_fit_together(rows: DictRows) -> None:
    names = [f"e{number}" for number in range(100)]
    book = RuleBook(
        endpoints={name: Endpoint(name=name, sink="memory") for name in names},
        default_endpoint="e0",
        routes=(Route(name="all", endpoints=tuple(names)),),
    )
    report = msgspec.structs.replace(a_report(), problem=Problem(dialect="x", code="c", text="x" * 60_000))
    config = DecideConfig(book=book)
    bodies = [one.body for one in emitted(decide(report, rows, NOW, config)) if isinstance(one, DeliveryRequested)]
    assert len(bodies) == 100
    assert sum(map(len, bodies)) <= config.bodies


REPORTS = st.builds(
    a_report,
    event_id=st.sampled_from(["r1", "r2", "r3"]),
    code=st.sampled_from(["e.p.xfer", "e.p", "w.m"]),
    thread=st.sampled_from([None, "t", "u"]),
    raw=st.sampled_from([b"{}", b"{ }"]),
)


@given(reports=st.lists(REPORTS, max_size=12), gaps=st.lists(st.integers(0, 2 * HOUR), min_size=12, max_size=12))
def test_every_report_ends_in_exactly_one_way(
    new_rows: type[DictRows], reports: list[ProblemReported], gaps: list[int]
) -> None:
    rows, again = new_rows(), new_rows()
    ends: Counter[str] = Counter()
    now = NOW
    for report, gap in zip(reports, gaps, strict=False):
        now += gap
        decisions = decide(report, rows, now, CONFIG)
        assert decisions == decide(report, again, now, CONFIG), "the same rows and time give the same decisions"
        found = emitted(decisions)
        suppressed = [one for one in found if isinstance(one, ProblemSuppressed)]
        unrouted = [one for one in found if isinstance(one, ProblemUnrouted)]
        routed = [one for one in found if isinstance(one, ProblemOpened | ProblemRepeated) and one.endpoints]
        assert len(suppressed) + len(unrouted) + len(routed) == 1
        ends.update(type(one).__name__ for one in suppressed + unrouted + routed)
        asked = [one.endpoint for one in found if isinstance(one, DeliveryRequested)]
        assert asked == [*(one.endpoint for one in unrouted), *(name for one in routed for name in one.endpoints)]
    assert sum(ends.values()) == len(reports)
