"""What one bus tells is read by another as the same problem, one bus further."""

from __future__ import annotations

import json

from hypothesis import given

from tests.harness.problem_strategies import problems
from tocsin.connectors.dialects import read_document
from tocsin.connectors.dialects.notification import HOPS
from tocsin.schemas.events import ProblemOpened, ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.facts import hops_of
from tocsin.streams.rules.notification import body_of_notice

NAMED_ANEW = {"extensions", "noticed_at"}
"""What a journey changes: where it was told is added, and a time is told in milliseconds."""


def travelled(problem: Problem) -> Problem:
    opened = ProblemOpened(
        event_id="e", tenant="t", occurred_at=0, recorded_at=0, case="c", report="r", problem=problem,
        thread=ThreadContext(first_seen=0, last_seen=0),
    )  # fmt: skip
    read = read_document(body_of_notice(opened, 0, None))
    assert isinstance(read, Problem)
    return read


@given(problem=problems)
def test_nothing_is_lost_on_the_way(problem: Problem) -> None:
    read = travelled(problem)
    for name in set(Problem.__struct_fields__) - NAMED_ANEW:
        assert getattr(read, name) == getattr(problem, name), name
    for name in problem.extensions.keys() - {HOPS}:
        assert json.loads(read.extensions[name]) == json.loads(problem.extensions[name])
    if problem.noticed_at is not None and 0 <= problem.noticed_at < 10**17:
        assert read.noticed_at == problem.noticed_at // 1000 * 1000


@given(problem=problems)
def test_each_bus_counts_itself(problem: Problem) -> None:
    assert hops_of(travelled(travelled(problem))) == hops_of(problem) + 2
