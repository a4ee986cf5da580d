"""Matchers: each by itself, together, and that they are total."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.problem_strategies import problems
from tests.harness.routed_reports import a_problem, a_report
from tocsin.schemas.events import MatchOperator
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.facts import Facts
from tocsin.streams.rules.match import Match, Matcher, covers, disjoint

PROBLEM = a_problem(
    "e.p.xfer.cant-use",
    category="xfer",
    scope="protocol",
    source={"connection": "c1", "record_type": "credential", "service": "issuer"},
)


@pytest.mark.parametrize(
    ("match", "context", "expected"),
    [
        pytest.param(Match.of(category=("xfer",)), {}, True, id="the category"),
        pytest.param(Match.of(category=("me",)), {}, False, id="another category"),
        pytest.param(Match.of(scope=("protocol", "message")), {}, True, id="one of several scopes"),
        pytest.param(Match.of(scope=("message",)), {}, False, id="another scope"),
        pytest.param(Match.of(trust=("unknown",)), {}, True, id="trust of which nobody told is unknown"),
        pytest.param(Match.of(trust=("high",)), {"trust": "high"}, True, id="the trust of the context"),
        pytest.param(Match.of(trust=("high",)), {"trust": "low"}, False, id="another trust"),
        pytest.param(Match.of(record_type=("credential",)), {}, True, id="the record type"),
        pytest.param(Match.of(connection=("c1",)), {}, True, id="the connection that the problem names"),
        pytest.param(Match.of(connection=("c1",)), {"connection": "c2"}, False, id="the context knows better"),
        pytest.param(Match.of(protocol=("issue-credential",)), {"protocol": "https://didcomm.org/issue-credential/2.0"},
                     True, id="the protocol of the thread"),
        pytest.param(Match.of(category=("xfer",), scope=("message",)), {}, False, id="all must fit"),
        pytest.param(Match.of(expr='problem.source.service == "issuer"'), {}, True, id="an expression"),
        pytest.param(Match.of(expr="thread.count > 2"), {"count": 3}, True, id="an expression over the thread"),
        pytest.param(Match.of(expr='tenant == "other"'), {}, False, id="an expression that is false"),
        pytest.param(Match.of(expr="problem.http.status == 500"), {}, False, id="an expression over what is not there"),
        pytest.param(Match.of(expr="problem.code + 1"), {}, False, id="an expression that gives no boolean"),
        pytest.param(Match.of(scope=("protocol",), expr='problem.text.contains("x")'), {}, False, id="both must fit"),
    ],
)  # fmt: skip
def test_matchers(match: Match, context: dict[str, Any], expected: bool) -> None:
    assert match.fits(a_report(PROBLEM, **context).facts) is expected


def test_the_first_level_of_a_category_fits_what_is_below_it() -> None:
    storage = a_problem(category="me.res.storage")
    assert Match.of(category=("me.res",)).fits(Facts(storage, "acme"))
    assert not Match.of(category=("me.re",)).fits(Facts(storage, "acme")), "by whole tokens"


TEXTS = st.lists(st.sampled_from(["e", "e.p", "e.p.xfer", "w", "acme", "error", "high", "c1"]), max_size=2).map(tuple)
MATCHES = st.builds(
    Match.of,
    code=TEXTS, tenant=TEXTS, severity=TEXTS, protocol=TEXTS, category=TEXTS, scope=TEXTS, trust=TEXTS,
    record_type=TEXTS, connection=TEXTS,
    expr=st.sampled_from(["", "problem.http.status > 1", "thread.count > 0", 'problem.code.startsWith("e")']),
)  # fmt: skip


@given(match=MATCHES, problem=problems, tenant=st.text(max_size=4))
def test_matching_is_total_and_deterministic(match: Match, problem: Problem, tenant: str) -> None:
    found = [match.fits(a_report(problem, tenant).facts) for _ in range(2)]
    assert found[0] is found[1]


@given(wider=MATCHES, narrow=MATCHES, problem=problems)
def test_what_covers_a_match_fits_whatever_that_fits(wider: Match, narrow: Match, problem: Problem) -> None:
    facts = Facts(problem, "acme")
    if covers(wider, narrow) and narrow.fits(facts):
        assert wider.fits(facts)


@given(one=MATCHES, other=MATCHES, problem=problems)
def test_nothing_fits_two_matches_that_are_disjoint(one: Match, other: Match, problem: Problem) -> None:
    facts = Facts(problem, "acme")
    assert disjoint(one, other) == disjoint(other, one)
    if disjoint(one, other):
        assert not (one.fits(facts) and other.fits(facts))
    if one.fits(facts) and other.fits(facts):
        assert not disjoint(one, other)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(Match(), Match.of(code=("e",)), False, id="everything"),
        pytest.param(Match.of(code=("e.p",)), Match.of(code=("e.p.xfer",)), False, id="a longer prefix"),
        pytest.param(Match.of(code=("e.p.xfer",)), Match.of(code=("e.p",)), False, id="a shorter prefix"),
        pytest.param(Match.of(code=("e.p",)), Match.of(code=("e.px", "w")), True, id="other codes"),
        pytest.param(
            Match.of(code=("https://a.example/Lost",)), Match.of(code=("lost",)), False, id="a URI and its key"
        ),
        pytest.param(Match.of(tenant=("a",)), Match.of(tenant=("b",)), True, id="other tenants"),
        pytest.param(Match.of(expr="true"), Match.of(expr="false"), False, id="expressions are not compared"),
    ],
)
def test_disjoint(one: Match, other: Match, expected: bool) -> None:
    assert disjoint(one, other) is expected


def test_everything_covers_and_is_covered_only_by_everything() -> None:
    for name in ("code", "tenant", "severity", "protocol", "category", "scope", "trust", "record_type", "connection"):
        narrow = Match([Matcher(name, MatchOperator.EQUAL, ("x",))])
        assert covers(Match.of(), narrow)
        assert not covers(narrow, Match.of()), name
    assert covers(Match.of(), Match.of(expr="true"))
    assert not covers(Match.of(expr="true"), Match.of())
