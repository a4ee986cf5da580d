"""Failures that are tried again by themselves: who is told of which, and what they leave behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from tests.harness.routed_reports import NOW, Bus, a_book, a_problem
from tocsin.connectors.dialects.notification import HOPS
from tocsin.connectors.dialects.values import write_time
from tocsin.connectors.sources.identus.states import KINDS
from tocsin.schemas.events import ActivityKind, ActivityObserved, CommandIssued, ProblemReported, ProblemSuppressed
from tocsin.schemas.problem import MAX_RETRIES, RETRIES_LEFT, Item, RetryParty, Severity
from tocsin.streams.rules.config import Route
from tocsin.streams.rules.context.gaps import note_gap
from tocsin.streams.rules.context.record_states import COMPLETED
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.rules.replay import Decided
from tocsin.streams.rules.stages.retrying import NEXT_RETRY, RETRIES_SAID, tries_due
from tocsin.streams.rules.state import TriesRow
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

CODE = "error:Connection:ConnectionFailed"
ALL = Route(name="all", endpoints=("owner",))
TOLD = [f"{CODE}: opened", "-> owner"]


def failing(left: object = 3, **more: Any) -> Any:
    said = {
        "dialect": "rfc9457",
        "severity": Severity.WARNING,
        "retry_party": RetryParty.REPORTER,
        "thread_id": "t",
    } | more
    items = [] if left is None else [Item(key=RETRIES_LEFT, value=str(left))]
    return a_problem(CODE, items=items, **said)


def changed(state: str, at: int, thread: str = "t") -> ActivityObserved:
    return ActivityObserved(
        event_id=f"a{at}", tenant="acme", occurred_at=at, recorded_at=at, kind=ActivityKind.RECORD_CHANGED,
        thread_id=thread, record_type="connection", record_id="r", record_state=state,
    )  # fmt: skip


# what is reported -> what becomes of it
REPORTS = {
    "tries are left": (failing(), ["suppressed: retrying"]),
    "one try is left": (failing(1), ["suppressed: retrying"]),
    "none is left": (failing(0), TOLD),
    "a number that is none": (failing("many"), TOLD),
    "fewer than none": (failing(-1), TOLD),
    "nobody says how many": (failing(None), TOLD),
    "an error, not a warning": (failing(severity=Severity.ERROR), TOLD),
    "the other side is to try again": (failing(retry_party=RetryParty.RECIPIENT), TOLD),
    "a peer says so": (failing(dialect="didcomm-2.0"), TOLD),
    "somebody passes on what a peer says": (failing(dialect="canonical", source={"side": "peer"}), TOLD),
    "nothing proves who says it": (failing(source={"trust": "claimed"}), TOLD),
    "another bus passes it on": (failing(extensions={HOPS: "1"}), TOLD),
    "nobody tries again": (failing(retry_party=RetryParty.NONE), TOLD),
}


@pytest.mark.parametrize(("problem", "words"), REPORTS.values(), ids=list(REPORTS))
def test_who_is_told_of_what(rows: DictRows, problem: Any, words: list[str]) -> None:
    assert Bus(rows, a_book(ALL)).report(0, problem) == words


def test_a_route_that_names_the_code_hears_of_every_try(rows: DictRows) -> None:
    named = Route(name="named", endpoints=("desk",), match=Match.of(code=(CODE,)))
    assert Bus(rows, a_book(named, ALL)).report(0, failing()) == [f"{CODE}: opened", "-> desk"]


def test_tries_use_up_no_budget_and_open_no_case(rows: DictRows) -> None:
    """More tries than a thread and a connection may have errors; the report after them is told all the same."""
    limits = LoopLimits(thread_errors=3, connection_errors=2)
    bus = Bus(rows, a_book(ALL, limits=limits))
    for number in range(9):
        assert bus.report(number, failing(9 - number, source={"connection": "c"})) == ["suppressed: retrying"]
    assert {event.detail for event in bus.events if isinstance(event, ProblemSuppressed)} >= {"9 tries are left"}
    assert bus.report(9, a_problem(MAX_RETRIES, thread_id="t", dialect="rfc9457")) == [
        f"{MAX_RETRIES}: opened", "-> owner",
    ]  # fmt: skip
    assert sum(key.startswith("case/") for key in rows.rows) == 1


def ends(bus: Bus, at: float) -> list[str]:
    """What the timers until then decide, and what becomes of what they report."""
    before, words = len(bus.events), bus.until(at)
    for event in bus.events[before:]:
        if isinstance(event, ProblemReported):
            words += bus._words(bus.hear(event, bus.now))
    return words


def retried(left: int, minute: float = 5, **more: Any) -> Any:
    """A try that says when the next one is."""
    problem = failing(left, **more)
    at = Item(key=NEXT_RETRY, value=write_time(NOW + int(minute * 60) * SECOND) or "")
    return replace(problem, items=[*problem.items, at])


DEAD = ["ProblemReported", *TOLD]


@pytest.mark.parametrize(
    ("problem", "before", "by"),
    [(retried(1), 9, 11), (failing(1), 59, 61), (retried(1, -60), 4, 6), (retried(1, 10**6), 1439, 1441)],
    ids=["some minutes after the next try", "an hour", "a time that is over", "a day, whatever is said"],
)  # fmt: skip
def test_the_last_try_is_told_when_nothing_more_is_heard(rows: DictRows, problem: Any, before: int, by: int) -> None:
    bus = Bus(rows, a_book(ALL))
    assert bus.report(0, replace(problem, message_sha256="ab" * 32)) == ["suppressed: retrying"]
    assert ends(bus, before * 60) == []
    assert ends(bus, by * 60) == DEAD
    (told,) = [event for event in bus.events if isinstance(event, ProblemReported)]
    assert (told.cause, [item.key for item in told.problem.items][:1]) == ("r1", [RETRIES_SAID])
    assert bus.report(by * 60 + 1, problem) == [f"{CODE}: repeated", "-> owner"], "its number did not go down"
    assert ends(bus, 40 * 86_400) == []
    assert [key for key in rows.rows if key.startswith("tries/")] == []


@pytest.mark.parametrize("newer", [True, False], ids=["a newer try comes", "nothing comes"])
def test_after_an_outage_it_is_waited_for_what_was_said_meanwhile(rows: DictRows, newer: bool) -> None:
    bus = Bus(rows, a_book(ALL))
    assert bus.report(0, retried(3)) == ["suppressed: retrying"]
    note_gap(rows, NOW + 4 * 60 * SECOND, NOW + 15 * 60 * SECOND)  # the next is told of in ten minutes, at the latest
    [key] = [key for key in rows.rows if key.startswith("tries/")]
    row, turn = rows.get(key), Turn(rows, NOW + 15 * 60 * SECOND, bus.config, "acme")
    assert isinstance(row, TriesRow)
    tries_due(turn, key, row)
    assert turn.decisions == []
    if newer:
        assert bus.report(15 * 60 + 2, retried(2, 20)) == ["suppressed: retrying"]
        assert ends(bus, 24 * 60) == []
    assert ends(bus, 26 * 60) == DEAD


def test_only_tries_that_become_fewer_are_kept_quiet(rows: DictRows) -> None:
    bus = Bus(rows, a_book(ALL))
    told = [bus.report(60 * n, failing(left)) for n, left in enumerate([3, 2, 2, 3, 1, 1])]
    repeated = [f"{CODE}: repeated", "-> owner"]
    assert told == [["suppressed: retrying"]] * 2 + [TOLD, repeated, ["suppressed: retrying"], repeated]


def test_a_try_of_before_that_comes_late_is_no_news(rows: DictRows) -> None:
    bus = Bus(rows, a_book(ALL))
    assert bus.report(60, failing(1)) == ["suppressed: retrying"]
    earlier = ProblemReported(event_id="e", tenant="acme", occurred_at=NOW, recorded_at=NOW, problem=failing(2))
    assert bus._words(bus.hear(earlier, NOW + 61 * SECOND)) == ["suppressed: retrying"]
    assert ends(bus, 86_400) == DEAD, "the last one is told of all the same"


def test_tries_without_end_are_told_after_a_day(rows: DictRows) -> None:
    bus = Bus(rows, a_book(ALL))
    told = [bus.report(600 * n, failing(10_000 - n)) for n in range(146)]
    assert told[:144] == [["suppressed: retrying"]] * 144
    assert told[144:] == [DEAD, [f"{CODE}: repeated", "-> owner"]]


RECORD = {"record_type": "connection", "record_id": "r"}


# what is heard after a try -> what is told when nothing more is heard
HEARD = {
    "the record in the same state": (changed("sent", NOW + 2 * SECOND), DEAD),
    "the record in another state": (changed("received", NOW + 2 * SECOND), []),
    "the record done": (changed("done", NOW + 2 * SECOND), []),
    "another record": (replace(changed("done", NOW + 2 * SECOND), record_id="s", thread_id="u"), DEAD),
}


@pytest.mark.parametrize(("activity", "words"), HEARD.values(), ids=list(HEARD))
def test_what_is_heard_of_the_record_ends_the_wait(
    rows: DictRows, activity: ActivityObserved, words: list[str]
) -> None:
    bus = Bus(rows, a_book(ALL))
    bus.hear(changed("sent", NOW), NOW)
    assert bus.report(1, failing(1, source=RECORD)) == ["suppressed: retrying"]
    bus.hear(activity, NOW + 2 * SECOND)
    assert ends(bus, 7200) == words


def test_the_error_after_the_last_try_is_told_once(rows: DictRows) -> None:
    bus = Bus(rows, a_book(ALL))
    bus.report(0, failing(1))
    assert bus.report(1, a_problem(MAX_RETRIES, thread_id="t", dialect="rfc9457")) != []
    assert ends(bus, 86_400) == []


@pytest.mark.parametrize(
    ("first", "then", "ended"),
    [(("processing", 2), ("done", 2), 1), (("done", 2), ("processing", 2), 0), (("processing", 3), ("done", 2), 0)],
    ids=["done in the same second", "no more than once", "a clock that went back"],
)
def test_clocks_of_records(rows: DictRows, first: tuple[str, int], then: tuple[str, int], ended: int) -> None:
    bus = Bus(rows, a_book(ALL))
    bus.report(0, a_problem(MAX_RETRIES, thread_id="t", dialect="rfc9457"))
    bus.hear(changed(first[0], NOW + first[1] * SECOND), NOW + 4 * SECOND)
    decided = bus.hear(replace(changed(then[0], NOW + then[1] * SECOND), event_id="a"), NOW + 5 * SECOND)
    assert asked_of(decided) == ended


def test_the_clock_of_another_record_says_nothing(rows: DictRows) -> None:
    bus = Bus(rows, a_book(ALL))
    bus.report(0, a_problem(MAX_RETRIES, thread_id="t", dialect="rfc9457"))
    bus.hear(replace(changed("sent", NOW + 300 * SECOND), record_id="ahead"), NOW + 2 * SECOND)
    assert asked_of(bus.hear(changed("done", NOW + 60 * SECOND), NOW + 61 * SECOND)) == 1


def asked_of(decided: list[Decided]) -> int:
    """How many cases the bus asks to be over."""
    made = (getattr(one, "event", None) for each in decided for one in each.decisions)
    return sum(isinstance(event, CommandIssued) for event in made)


@pytest.mark.parametrize(("state", "ended"), [("ConnectionResponseSent", True), ("ConnectionRequestSent", False)])
def test_what_was_given_up_is_over_when_the_record_completes_after_all(rows: DictRows, state: str, ended: bool) -> None:
    bus = Bus(rows, a_book(ALL))
    bus.report(0, a_problem(MAX_RETRIES, thread_id="t", dialect="rfc9457"))
    bus.report(1, a_problem("e.p.xfer", thread_id="t", dialect="rfc9457"))
    bus.hear(changed("InvitationReceived", NOW + 2_000_000), NOW + 2_000_000)
    decided = bus.hear(changed(state, NOW + 3_000_000), NOW + 3_000_000)
    assert asked_of(decided) == ended, "of the case that says so; the other one is for people"


def test_the_last_states_of_every_record_complete_it() -> None:
    assert {state.casefold() for kind in KINDS.values() for state in kind.done} <= COMPLETED
