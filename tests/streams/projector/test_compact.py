"""A problem is kept without what it does not say, and read as it was."""

from __future__ import annotations

import msgspec
from hypothesis import given

from tests.harness.problem_strategies import problems
from tocsin.schemas.events import ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.projector.compact import compact_json


@given(problems)
def test_a_problem_is_read_as_it_was(problem: Problem) -> None:
    assert msgspec.json.decode(compact_json(problem), type=Problem) == problem


def test_what_is_not_said_takes_no_room() -> None:
    assert compact_json(Problem(dialect="canonical", code="e.p")) == b'{"dialect":"canonical","code":"e.p"}'
    assert compact_json(ThreadContext(first_seen=0, last_seen=1)) == b'{"first_seen":0,"last_seen":1}'
