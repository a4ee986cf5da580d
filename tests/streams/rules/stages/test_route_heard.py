"""Routing as a whole: whatever the rules and the problems, it answers, and answers the same again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.problem_strategies import problems
from tests.harness.routed_reports import NOW, a_book, a_report, routed
from tocsin.schemas.problem import Problem
from tocsin.streams.rules import reminders
from tocsin.streams.rules.config import DecideConfig, Grouping, Inhibition, Route, RuleBook, Silence, TimeOfWeek
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.stages import group, inhibit
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import HOUR, MINUTE
from tocsin.streams.rules.verdict import Outcome

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

NAMES = st.sampled_from(["owner", "desk", "ops", "peer"])
MATCHES = st.builds(
    Match.of,
    code=st.sampled_from([(), ("e",), ("w",), ("e.p", "w")]),
    severity=st.sampled_from([(), ("error",), ("warning", "unknown")]),
    trust=st.sampled_from([(), ("high",), ("unknown",)]),
    expr=st.sampled_from(["", "problem.text != null", "thread.count > 1"]),
)
GROUPS = st.none() | st.builds(
    Grouping,
    by=st.sampled_from([("code",), ("thread", "peer"), ("record",)]),
    wait=st.sampled_from([0, MINUTE]),
    interval=st.just(HOUR),
)
LEAVES = st.builds(
    Route,
    name=st.just("leaf"),
    match=MATCHES,
    endpoints=st.lists(NAMES, min_size=1, max_size=3).map(tuple),
    go_on=st.booleans(),
    escalate=st.sampled_from([None, "pager"]),
    mute=st.sampled_from([(), ("early",), ("late",), ("unknown",)]),
    group=GROUPS,
    repeat=st.sampled_from([None, HOUR]),
)


def _beside(routes: list[Route]) -> tuple[Route, ...]:
    return tuple(
        Route(**{name: getattr(route, name) for name in route.__struct_fields__} | {"name": f"r{number}"})
        for number, route in enumerate(routes)
    )


ROUTES = st.lists(LEAVES, max_size=3).map(_beside)
TREES = st.lists(
    st.builds(
        lambda route, inner: Route(
            **{name: getattr(route, name) for name in route.__struct_fields__} | {"routes": inner}
        ),
        LEAVES,
        ROUTES,
    ),
    max_size=3,
).map(_beside)
BOOKS = st.builds(
    lambda routes, silences, inhibit: a_book(
        *routes,
        silences=silences,
        inhibit=inhibit,
        mute_times={"early": (TimeOfWeek(end=9 * 60),), "late": (TimeOfWeek(start=20 * 60),)},
    ),
    TREES,
    st.lists(st.builds(Silence, name=st.just("s"), match=MATCHES, since=st.just(0), until=st.just(NOW + HOUR)),
             max_size=1).map(tuple),
    st.lists(st.builds(Inhibition, name=st.just("i"), source=MATCHES, target=MATCHES,
                       equal=st.sampled_from([("connection",), ("thread", "code")]), lasting=st.just(HOUR)),
             max_size=2).map(tuple),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(book=BOOKS, reported=st.lists(problems, min_size=1, max_size=4), trust=st.sampled_from([None, "low", "high"]))
def test_routing_is_total_and_deterministic(
    new_rows: type[DictRows], book: RuleBook, reported: list[Problem], trust: str | None
) -> None:
    config = DecideConfig(book=book)
    both = new_rows(), new_rows()
    for number, problem in enumerate(reported):
        answers = []
        for rows in both:
            report = a_report(problem, now=NOW + number, report=f"r{number}", trust=trust)
            verdict = routed(report, rows, config, NOW + number)
            assert bool(report.endpoints) != (verdict is not None), "somebody is told, or a reason is named"
            assert set(report.endpoints) <= book.endpoints.keys()
            assert set(report.over_limit) <= set(report.endpoints)
            if verdict is None:
                outcome, turn = Outcome(f"told {number}"), Turn(rows, NOW + number, config, report.tenant)
                for after in (reminders.after, inhibit.after, group.after):
                    after(turn, report, outcome)
            answers.append((report.endpoints, report.over_limit, [one.path for one in report.matched], verdict))
        assert answers[0] == answers[1]
    assert both[0].rows == both[1].rows
    assert set(both[0].rows) == set(both[0].dues), "every row has a timer that forgets it"
