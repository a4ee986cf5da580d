"""Thread context: links between rows, counts, codes; unknown context is normal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tocsin.schemas.events import ActivityKind, ActivityObserved, ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.enrich import MAX_PARENTS, enrich, observe
from tocsin.streams.rules.rows import THREAD_CODES
from tocsin.streams.rules.spans import DAY

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows


def a_problem(
    thread: str | None, parent: str | None = None, code: str = "e.p", context: list[str] | None = None
) -> Problem:
    return Problem(dialect="x", code=code, thread_id=thread, parent_thread_id=parent, context_ids=context or [])


def an_activity(thread: str | None, parent: str | None = None, tenant: str = "acme") -> ActivityObserved:
    return ActivityObserved(
        event_id="a",
        tenant=tenant,
        occurred_at=0,
        recorded_at=0,
        kind=ActivityKind.MESSAGE_RECEIVED,
        thread_id=thread,
        parent_thread_id=parent,
    )


@pytest.mark.parametrize(
    ("links", "problem", "parents"),
    [
        pytest.param({}, a_problem("t"), [], id="an unknown thread"),
        pytest.param({}, a_problem(None), [], id="no thread at all"),
        pytest.param({}, a_problem("t", "p"), ["p"], id="a parent that is not known itself"),
        pytest.param({"p": "g", "g": None}, a_problem("t", "p"), ["p", "g"], id="nearest parent first"),
        pytest.param({"t": "p"}, a_problem("t"), ["p"], id="a parent learned from activity"),
        pytest.param({"t": "p"}, a_problem("t", "q"), ["p"], id="the first known parent stays"),
        pytest.param({}, a_problem("t", "t"), [], id="a thread is not its own parent"),
        pytest.param({"a": "b", "b": "a"}, a_problem("t", "a"), ["a", "b"], id="a circle above ends"),
        pytest.param({"p": "t"}, a_problem("t", "p"), ["p"], id="a circle through itself ends"),
        pytest.param({"k": None}, a_problem("t", context=["u", "k"]), ["k"], id="a known context id is the parent"),
        pytest.param({"k": None}, a_problem(None, context=["k"]), ["k"], id="also without a thread"),
        pytest.param({}, a_problem("t", context=["u"]), [], id="an unknown context id is nothing"),
    ],
)
def test_parents(rows: DictRows, links: dict[str, str | None], problem: Problem, parents: list[str]) -> None:
    for thread, parent in links.items():
        observe(an_activity(thread, parent), rows, 1, DAY)
    context = enrich(problem, "acme", rows, 2, DAY)
    assert (context.parents, context.depth) == (parents, len(parents))


def test_chains_are_followed_sixteen_up(rows: DictRows) -> None:
    for number in range(40):
        observe(an_activity(f"t{number}", f"t{number + 1}"), rows, 1, DAY)
    context = enrich(a_problem("t0"), "acme", rows, 2, DAY)
    assert context.parents == [f"t{number}" for number in range(1, MAX_PARENTS + 1)]


def test_a_parent_that_is_learned_late_explains_the_next_problem(rows: DictRows) -> None:
    assert enrich(a_problem("child", "parent"), "acme", rows, 1, DAY).parents == ["parent"]
    observe(an_activity("parent", "grandparent"), rows, 2, DAY)
    assert enrich(a_problem("child"), "acme", rows, 3, DAY).parents == ["parent", "grandparent"]


def test_problems_of_a_thread_are_counted_and_activity_is_not(rows: DictRows) -> None:
    observe(an_activity("t"), rows, 10, DAY)
    enrich(a_problem("t", code="e.p.a"), "acme", rows, 20, DAY)
    observe(an_activity("t"), rows, 30, DAY)
    context = enrich(a_problem("t", code="e.p.b"), "acme", rows, 40, DAY)
    assert context == ThreadContext(
        thread_id="t", parents=[], depth=0, count=2, first_seen=10, last_seen=40, codes=["e.p.a", "e.p.b"]
    )


def test_a_thread_remembers_its_last_sixteen_codes(rows: DictRows) -> None:
    for number in range(THREAD_CODES + 5):
        context = enrich(a_problem("t", code=f"c{number}"), "acme", rows, number, DAY)
    assert context.codes == [f"c{number}" for number in range(5, THREAD_CODES + 5)]


def test_tenants_do_not_share_threads(rows: DictRows) -> None:
    observe(an_activity("t", "p", tenant="other"), rows, 1, DAY)
    assert enrich(a_problem("t"), "acme", rows, 2, DAY).parents == []
    assert all(key.startswith(("thread/other/", "thread/acme/")) for key in rows.rows)


def test_activity_without_a_thread_leaves_no_row(rows: DictRows) -> None:
    observe(an_activity(None), rows, 1, DAY)
    assert not rows.rows


def test_a_row_in_use_keeps_its_timer(rows: DictRows) -> None:
    observe(an_activity("t"), rows, 1, DAY)
    observe(an_activity("t"), rows, 2, DAY)
    assert rows.dues == {"thread/acme/t": 1 + DAY}
