"""CEL in matches: what is refused when the file is read, and that nothing fails later."""

from __future__ import annotations

from typing import Any

import cel
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.harness.problem_strategies import problems
from tests.harness.routed_reports import a_problem, a_report
from tocsin.schemas.problem import Http, Problem
from tocsin.streams.rules.expression import MAX_LENGTH, check_expression, cost_of, holds
from tocsin.streams.rules.expression_cost import BUDGET, MAX_NESTED
from tocsin.streams.rules.expression_syntax import ExpressionRefused
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
        pytest.param("problem.sevrity == 'error'", "there is no problem.sevrity", id="a misspelt member"),
        pytest.param("problem.source.servce == 'a'", "there is no problem.source.servce", id="a misspelt inner member"),
        pytest.param("problem.http.stat == 1", "there is no problem.http.stat", id="of what may be null"),
        pytest.param("problem.items.all(one, one.kee == 'a')", "there is no one.kee", id="of what a loop binds"),
        pytest.param("thread.recrd_state == 'a'", "there is no thread.recrd_state", id="of the thread"),
        pytest.param("has(problem.htp)", "there is no problem.htp", id="asked for with has"),
        pytest.param("problem.code.text == 'a'", "problem.code has no members", id="a member of a text"),
        pytest.param("problem.ack.all(__0, true)", "a variable cannot be named __0", id="a name of our own"),
        pytest.param("problem.code.matches(problem.text)", "matches needs its pattern as a text", id="their regex"),
        pytest.param("problem.code.matches('((a{99}){99}){99}')", "it could cost too much", id="a regex bomb"),
        pytest.param(r"problem.code.matches('\\w{50}')", "it could cost too much", id="a regex slow to compile"),
        *[
            pytest.param(
                f"problem.ack.all{gap}(a, problem.ack.all{gap}(b, problem.ack.all{gap}(c, true)))",
                "too many loops",
                id=f"a cube, written with {gap!r}",
            )
            for gap in (" ", "\n", "\t", "//\n", "// .map(\n ")
        ],
        pytest.param("[problem.text].map(a, " + "+".join(["a"] * 34) + ").size() > 1", "more than 32", id="long joins"),
        pytest.param(
            "problem.ack.map(a, [" + "+".join(["a"] * 32) + "].map(b, " + "+".join(["b"] * 32) + ")).size() > 1",
            "it could cost too much",
            id="a join of joins",
        ),
        pytest.param(
            "problem.ack.map(a, problem.ack.map(b, b)).size() > 1", "it could cost too much", id="a list of lists"
        ),
        pytest.param(
            "problem.ack.all(a, problem.ack.all(b, a.matches('(x+x+)+y') || true))",
            "it could cost too much",
            id="a regex 2,500 times",
        ),
        pytest.param("-" * 900 + "1 == 1", "Failed to parse", id="many signs"),
        pytest.param("problem" + "['a']" * 150 + " == 1", "Failed to parse", id="many indexes"),
        pytest.param("type(1) == int", "there is no function type", id="a type"),
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


@pytest.mark.parametrize(
    ("expression", "guess"),
    [
        ("problem.sevrity == 'error'", "did you mean problem.severity?"),
        ("problem.source.servce == 'a'", "did you mean problem.source.service?"),
        ("problm.code == 'a'", "did you mean problem?"),
        ("problem.code.startWith('a')", "did you mean startsWith?"),
    ],
)
def test_what_was_meant_is_guessed(expression: str, guess: str) -> None:
    with pytest.raises(ExpressionRefused) as refused:
        check_expression(expression)
    assert refused.value.remedy == guess


def test_what_an_expression_sees_is_bounded() -> None:
    problem = a_problem(ack=["x" * 10_000] * 1000, text="y" * 10**6, extensions={"k" * 10_000: "v" * 10_000})
    document = a_report(problem).facts.document
    assert _weight(document) <= cost_of("problem == null && thread == null && tenant == ''")
    assert len(document["problem"]["ack"]) == MAX_LISTED


WORST = [
    "problem.args.exists(a, problem.items.exists(i, i.value == a))",
    "problem.ack.all(a, a.matches('(x+x+)+y') || true)",
    "problem.extensions.all(k, problem.extensions[k].size() < 9000)",
    "problem.ack.map(a, a + a + a).size() == 50",
    "problem.items.filter(i, i.key != i.value).map(i, i.key).exists(k, k == 'a')",
]


@pytest.mark.parametrize("expression", WORST)
def test_what_people_ask_for_is_within_the_budget(expression: str) -> None:
    check_expression(expression)
    assert 0 < cost_of(expression) <= BUDGET


def test_a_loop_costs_its_body_as_often_as_there_can_be_entries() -> None:
    body = cost_of("problem.text == tenant")
    once, twice = "problem.ack.all(a, problem.text == tenant)", "problem.ack.all(a, problem.ack.all(b, a == b))"
    assert cost_of(once) >= MAX_LISTED * body
    assert cost_of(twice) >= MAX_LISTED**MAX_NESTED


def test_only_what_is_named_is_handed_over() -> None:
    """The rest of a large report costs nothing, and cannot make an evaluation fail."""
    document = {"problem": {"source": {"service": "a"}, "http": None, "text": object()}}
    assert holds("problem.source.service == 'a' && problem.http == null", document)
    assert not holds("problem.text == 'a'", document)


ATOMS = st.sampled_from(
    [
        *["problem.code", "problem.http", "problem.http.status", "problem.ack", "problem.source.service", "tenant"],
        *["thread.codes", "problem.extensions", "problem.extensions['k']", "has(problem.http)"],
        *["1", "-9223372036854775808", "1.5", "2u", "0x1f", "true", "null", "'a'", r'r"\n"', "'''a\nb'''"],
        *[r"""'\n\x41\101\'"' """, r"'\U0001F600é'", "{'a': 1}", "[1, 'a',]", "has(problem.http.status)"],
    ]
)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%", "&&", "||"])
    macros = st.sampled_from(["all", "exists", "exists_one", "filter", "map"])
    return st.one_of(
        st.builds("{} {} {}".format, inner, operators, inner),
        st.builds("({})".format, inner),
        st.builds("!{}".format, inner),
        st.builds("-({})".format, inner),
        st.builds("{} ? {} : {}".format, inner, inner, inner),
        st.builds("({}).{}(x, {} == x)".format, inner, macros, inner),
        st.builds("({}).map(x, {} == x, {})".format, inner, inner, inner),
        st.builds("({}).{}({})".format, inner, st.sampled_from(["contains", "startsWith", "endsWith"]), inner),
        st.builds("size({})".format, inner),
        st.builds("string({}) // comment\n".format, inner),
        st.builds("[{}, {}][{}]".format, inner, inner, inner),
    )


@settings(max_examples=300)
@given(problem=problems, expression=st.recursive(ATOMS, _larger, max_leaves=8))
@example(problem=Problem(dialect="", code="", http=Http(status=5)), expression="!-(has(problem.http.status))")
@example(problem=Problem(dialect="", code=""), expression="!-1 == 1 || --1 == 1 && !!true")
@example(problem=Problem(dialect="", code=""), expression="1 - 2 - 3 == -4 && 1 + 2 * 3 == 7 && true || false && false")
def test_what_is_analysed_means_what_it_means_in_cel(problem: Problem, expression: str) -> None:
    try:
        check_expression(expression)
    except ExpressionRefused:
        return
    document = a_report(problem).facts.document
    assert holds(expression, document) is (_in_cel(expression, document) is True)


def _in_cel(expression: str, document: dict[str, Any]) -> Any:
    try:
        return cel.compile(expression).execute(document)
    except Exception:  # whatever CEL raises
        return None


def _weight(value: Any) -> int:
    match value:
        case str():
            return 1 + len(value) // 64
        case list():
            return 1 + sum(map(_weight, value))
        case dict():
            return 1 + sum(_weight(key) + _weight(one) for key, one in value.items())
    return 1


@given(problem=problems, expression=st.text(max_size=60) | st.sampled_from(["problem.http.status > 'a'", "thread.x"]))
def test_nothing_is_raised(problem: Problem, expression: str) -> None:
    assert holds(expression, a_report(problem).facts.document) in (True, False)
