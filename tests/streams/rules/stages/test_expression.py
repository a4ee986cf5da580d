"""CEL in matches: what is refused when the file is read, and that nothing fails later."""

from __future__ import annotations

from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.problem_strategies import problems
from tests.harness.routed_reports import a_problem, a_report
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.expression import (
    MAX_LENGTH,
    ExpressionRefused,
    check_expression,
    holds,
)
from tocsin.streams.rules.facts import MAX_LISTED


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        pytest.param("problem.code ==", "Failed to parse", id="not CEL"),
        pytest.param("severity == 'error'", "there is no severity", id="a name that is not there"),
        pytest.param("now() > 1", "there is no function now", id="a clock"),
        pytest.param("timestamp('2024-01-01T00:00:00Z') == null", "there is no function timestamp", id="a time"),
        pytest.param("problem.code.shout()", "there is no function shout", id="an unknown function"),
        pytest.param("1 + 1", "it does not give true or false", id="a number"),
        pytest.param("problem.code", "it does not give true or false", id="a text"),
        pytest.param("tenant == '" + "x" * MAX_LENGTH + "'", "it is too long", id="too long"),
        pytest.param(
            "problem.items.all(a, problem.items.all(b, problem.items.all(c, true)))", "too many loops", id="a cube"
        ),
        pytest.param(" && ".join(["problem.ack.all(a, true)"] * 9), "too many loops", id="nine loops"),
        pytest.param("(" * 500 + "true" + ")" * 500, "Failed to parse", id="deeply nested"),
        pytest.param("__import__('os')", "there is no function", id="Python"),
    ],
)
def test_refused(expression: str, says: str) -> None:
    with pytest.raises(ExpressionRefused, match=says):
        check_expression(expression)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param('problem.code.startsWith("e.p")', True, id="a prefix"),
        pytest.param('problem.code.matches("^e[.]p")', True, id="a regex"),
        pytest.param('problem.severity in ["error", "warning"]', True, id="one of"),
        pytest.param('problem.items.exists(one, one.key == "x")', False, id="a list without it"),
        pytest.param('problem.text == null || problem.text.contains(".all(")', True, id="a macro in a text is none"),
        pytest.param("problem.http != null && problem.http.status >= 500", False, id="asked for before"),
        pytest.param("thread.codes.size() == 0", True, id="the thread"),
        pytest.param('tenant == "acme"', True, id="the tenant"),
    ],
)
def test_taken(expression: str, expected: bool) -> None:
    check_expression(expression)
    assert holds(expression, a_report(a_problem()).facts.document) is expected


def test_what_an_expression_sees_is_bounded_and_so_is_its_time() -> None:
    problem = a_problem(ack=["x" * 10_000] * 1000, text="y" * 10**6)
    facts = a_report(problem).facts.document
    assert len(facts["problem"]["ack"]) == MAX_LISTED
    slow = "problem.ack.all(a, problem.ack.all(b, a.matches('(x+x+)+y') || true))"
    check_expression(slow)
    began = thread_time()
    assert holds(slow, facts)
    assert thread_time() - began < 20.0, "without bounds it takes minutes"


@given(problem=problems, expression=st.text(max_size=60) | st.sampled_from(["problem.http.status > 'a'", "thread.x"]))
def test_nothing_is_raised(problem: Problem, expression: str) -> None:
    assert holds(expression, a_report(problem).facts.document) in (True, False)
