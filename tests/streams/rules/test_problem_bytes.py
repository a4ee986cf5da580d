"""A problem in a row: bounded, the least missed left out first, and readable again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.schemas.problem import Http, Item, Problem, Severity, Source, Violation
from tocsin.streams.rules.problem_bytes import MAX_PROBLEM, problem_bytes, problem_of

BASE: dict[str, Any] = {"dialect": "canonical", "code": "e.p.x", "thread_id": "t", "text": "so it is"}


def test_what_fits_comes_back_whole() -> None:
    problem = Problem(
        **BASE,
        severity=Severity.ERROR,
        conformant=False,
        violations=[Violation(rule="a", pointer="/b")],
        items=[Item(key="k", value="v")],
        localized={"de": "so ist es"},
        http=Http(status=404),
        source=Source(service="s", recipients=["r"]),
        extensions={"x": "1"},
        request_completed=False,
    )
    assert problem_of(problem_bytes(problem)) == problem


# what is too large, and what is left of it
LARGE = "x" * MAX_PROBLEM
ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "extensions, and with them what is missed least": (
        {"extensions": {"a": LARGE}, "items": [Item(value="v")], "args": ["a"]},
        {"args": ["a"]},
    ),
    "the detail of RFC 9457": (
        {"ack": ["m"], "http": Http(type="u", title="t", status=500, detail=LARGE, instance="/7")},
        {"ack": ["m"], "http": Http(type="u", title="t", status=500, instance="/7")},
    ),
    "arguments": ({"args": [LARGE], "ack": ["m"]}, {"ack": ["m"]}),
    "context ids": ({"context_ids": [LARGE], "source": Source(service="s")}, {"source": Source(service="s")}),
    "recipients": ({"source": Source(recipients=[LARGE])}, {}),
    "the text": ({"text": LARGE}, {"text": "x" * 255 + "…"}),
}


@pytest.mark.parametrize(("more", "left"), ROWS.values(), ids=list(ROWS))
def test_what_is_left_out(more: dict[str, Any], left: dict[str, Any]) -> None:
    data = problem_bytes(Problem(**BASE | more))
    assert len(data) <= MAX_PROBLEM
    assert problem_of(data) == Problem(**BASE | left)


def test_a_row_without_a_problem() -> None:
    assert problem_of(b"").code == "unknown"


TEXT = st.one_of(st.text(max_size=20), st.sampled_from(["x" * 5000, "é😀" * 3000]))


@given(st.builds(Problem, dialect=TEXT, code=TEXT, thread_id=TEXT, text=TEXT, fix_hint=st.dictionaries(TEXT, TEXT)))
def test_always_bounded_readable_and_the_same(problem: Problem) -> None:
    data = problem_bytes(problem)
    assert len(data) <= MAX_PROBLEM
    assert problem_bytes(problem) == data
    assert problem_of(data).code[:79] == problem.code[:79]
