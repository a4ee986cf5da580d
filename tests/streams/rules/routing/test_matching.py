"""Matchers: each by itself, together, and that they are total."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problem_strategies import problems
from routing_desk import a_heard, a_problem

from tocsin.schemas.problem import Problem
from tocsin.streams.rules.routing.matching import Asked, covers, disjoint, fits, matches
from tocsin.streams.rules.rulebook import Match

PROBLEM = a_problem(
    "e.p.xfer.cant-use",
    category="xfer",
    scope="protocol",
    source={"connection": "c1", "record_type": "credential", "service": "issuer"},
)


@pytest.mark.parametrize(
    ("match", "context", "expected"),
    [
        pytest.param(Match(categories=("xfer",)), {}, True, id="the category"),
        pytest.param(Match(categories=("me",)), {}, False, id="another category"),
        pytest.param(Match(scopes=("protocol", "message")), {}, True, id="one of several scopes"),
        pytest.param(Match(scopes=("message",)), {}, False, id="another scope"),
        pytest.param(Match(trusts=("unknown",)), {}, True, id="trust of which nobody told is unknown"),
        pytest.param(Match(trusts=("high",)), {"trust": "high"}, True, id="the trust of the context"),
        pytest.param(Match(trusts=("high",)), {"trust": "low"}, False, id="another trust"),
        pytest.param(Match(record_types=("credential",)), {}, True, id="the record type"),
        pytest.param(Match(connections=("c1",)), {}, True, id="the connection that the problem names"),
        pytest.param(Match(connections=("c1",)), {"connection": "c2"}, False, id="the context knows better"),
        pytest.param(Match(protocols=("issue-credential",)), {"protocol": "https://didcomm.org/issue-credential/2.0"},
                     True, id="the protocol of the thread"),
        pytest.param(Match(categories=("xfer",), scopes=("message",)), {}, False, id="all must fit"),
        pytest.param(Match(expr='problem.source.service == "issuer"'), {}, True, id="an expression"),
        pytest.param(Match(expr="thread.count > 2"), {"count": 3}, True, id="an expression over the thread"),
        pytest.param(Match(expr='tenant == "other"'), {}, False, id="an expression that is false"),
        pytest.param(Match(expr="problem.http.status == 500"), {}, False, id="an expression over what is not there"),
        pytest.param(Match(expr="problem.code + 1"), {}, False, id="an expression that gives no boolean"),
        pytest.param(Match(scopes=("protocol",), expr='problem.text.contains("x")'), {}, False, id="both must fit"),
    ],
)  # fmt: skip
def test_matchers(match: Match, context: dict[str, Any], expected: bool) -> None:
    heard = a_heard(PROBLEM, **context)
    assert matches(match, heard.problem, heard.tenant, heard.context) is expected


def test_the_first_level_of_a_category_fits_what_is_below_it() -> None:
    storage = a_problem(category="me.res.storage")
    assert matches(Match(categories=("me.res",)), storage, "acme")
    assert not matches(Match(categories=("me.re",)), storage, "acme"), "by whole tokens"


TEXTS = st.lists(st.sampled_from(["e", "e.p", "e.p.xfer", "w", "acme", "error", "high", "c1"]), max_size=2).map(tuple)
MATCHES = st.builds(
    Match,
    codes=TEXTS, tenants=TEXTS, severities=TEXTS, protocols=TEXTS, categories=TEXTS, scopes=TEXTS, trusts=TEXTS,
    record_types=TEXTS, connections=TEXTS,
    expr=st.sampled_from(["", "problem.http.status > 1", "thread.count > 0", 'problem.code.startsWith("e")']),
)  # fmt: skip


@given(match=MATCHES, problem=problems, tenant=st.text(max_size=4))
def test_matching_is_total_and_deterministic(match: Match, problem: Problem, tenant: str) -> None:
    heard = a_heard(problem, tenant)
    found = [fits(match, Asked(problem, tenant, heard.context)) for _ in range(2)]
    assert found[0] is found[1]


@given(wider=MATCHES, narrow=MATCHES, problem=problems)
def test_what_covers_a_match_fits_whatever_that_fits(wider: Match, narrow: Match, problem: Problem) -> None:
    asked = Asked(problem, "acme")
    if covers(wider, narrow) and fits(narrow, asked):
        assert fits(wider, asked)


@given(one=MATCHES, other=MATCHES, problem=problems)
def test_nothing_fits_two_matches_that_are_disjoint(one: Match, other: Match, problem: Problem) -> None:
    asked = Asked(problem, "acme")
    assert disjoint(one, other) == disjoint(other, one)
    if disjoint(one, other):
        assert not (fits(one, asked) and fits(other, asked))
    if fits(one, asked) and fits(other, asked):
        assert not disjoint(one, other)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(Match(), Match(codes=("e",)), False, id="everything"),
        pytest.param(Match(codes=("e.p",)), Match(codes=("e.p.xfer",)), False, id="a longer prefix"),
        pytest.param(Match(codes=("e.p.xfer",)), Match(codes=("e.p",)), False, id="a shorter prefix"),
        pytest.param(Match(codes=("e.p",)), Match(codes=("e.px", "w")), True, id="other codes"),
        pytest.param(Match(codes=("https://a.example/Lost",)), Match(codes=("lost",)), False, id="a URI and its key"),
        pytest.param(Match(tenants=("a",)), Match(tenants=("b",)), True, id="other tenants"),
        pytest.param(Match(expr="true"), Match(expr="false"), False, id="expressions are not compared"),
    ],
)
def test_disjoint(one: Match, other: Match, expected: bool) -> None:
    assert disjoint(one, other) is expected


def test_everything_covers_and_is_covered_only_by_everything() -> None:
    for name in Match.__struct_fields__:
        narrow = msgspec.structs.replace(Match(), **{name: "true" if name == "expr" else ("x",)})
        assert covers(Match(), narrow)
        assert not covers(narrow, Match()), name
