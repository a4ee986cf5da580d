"""The algebra of matchers: a negation is a complement, twice is once, and where a silence was made does not matter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.harness.problem_strategies import problems
from tests.harness.routed_reports import a_problem, a_report
from tocsin.connectors.commands.silence import SILENCE_FIELDS
from tocsin.schemas.events import Matcher as SilenceMatcher
from tocsin.schemas.events import MatchOperator
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.facts import FIELDS, Facts
from tocsin.streams.rules.match import TOKENS, Match, Matcher, MatcherUnusable
from tocsin.streams.rulesfile.loading import load_rulebook
from tocsin.streams.silences.silences import match_of

COMPLEMENT = {MatchOperator.EQUAL: MatchOperator.NOT_EQUAL, MatchOperator.MATCHES: MatchOperator.NOT_MATCHES}
PIURI = "https://didcomm.org/issue-credential/2.0"
KNOWN = a_problem(
    "e.p.xfer.cant-use",
    category="xfer",
    scope="protocol",
    thread_id="t",
    parent_thread_id="p",
    text="a\nb",
    source={
        "connection": "c1", "record_type": "credential", "record_id": "r1", "service": "issuer", "sender": "did:x:1",
        "wallet": "w", "protocol": PIURI,
    },
)  # fmt: skip
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "trust": st.sampled_from(["high", "low", "unknown"]),
        "protocol": st.sampled_from([PIURI, "https://didcomm.org/coordinate-mediation/2.0"]),
        "connection": st.sampled_from(["c1", "c2"]),
        "record_type": st.just("credential"),
    },
)
VALUES = st.sampled_from(
    ["e", "e.p.xfer", "e.p.xfer.cant-use", "E.P.Xfer", "xfer", "error", "high", "unknown", "c1", "c2", "r1", "issuer",
     "issue-credential", PIURI, "credential", ".*", "a.b", "t", "acme"]
) | st.text(min_size=1, max_size=6)  # fmt: skip
REPORTS = st.builds(lambda problem, context: a_report(problem, **context), st.just(KNOWN) | problems, CONTEXTS)


@given(field=st.sampled_from(sorted(FIELDS)), operator=st.sampled_from(list(COMPLEMENT)), value=VALUES, report=REPORTS)
@example(field="protocol", operator=MatchOperator.EQUAL, value="issue-credential", report=a_report(KNOWN))
def test_a_negated_matcher_is_the_complement(field: str, operator: MatchOperator, value: str, report: Any) -> None:
    try:
        positive = Match([Matcher(field, operator, (value,))])
    except MatcherUnusable:
        return  # no regular expression
    negative = Match([Matcher(field, COMPLEMENT[operator], (value,))])
    assert positive.fits(report.facts) is not negative.fits(report.facts)


@given(field=st.sampled_from(sorted(FIELDS)), value=VALUES, report=REPORTS)
def test_the_same_matcher_twice_is_the_matcher_once(field: str, value: str, report: Any) -> None:
    once = Matcher(field, MatchOperator.EQUAL, (value,))
    assert Match([once, once]) == Match([once])
    assert Match([once, once]).fits(report.facts) is Match([once]).fits(report.facts)


@given(matchers=st.permutations([Matcher("code", MatchOperator.PREFIX, ("e.p",)),
                                 Matcher("severity", MatchOperator.NOT_EQUAL, ("warning",)),
                                 Matcher("protocol", MatchOperator.EQUAL, ("issue-credential",)),
                                 Matcher("text", MatchOperator.MATCHES, ("a.*",))]), report=REPORTS)  # fmt: skip
def test_the_order_of_matchers_does_not_matter(matchers: list[Matcher], report: Any) -> None:
    assert Match(matchers).fits(report.facts) is Match(sorted(matchers, key=repr)).fits(report.facts)


@given(field=st.sampled_from(TOKENS), value=VALUES, report=REPORTS)
def test_what_is_equal_has_the_prefix(field: str, value: str, report: Any) -> None:
    if Match([Matcher(field, MatchOperator.EQUAL, (value,))]).fits(report.facts):
        assert Match([Matcher(field, MatchOperator.PREFIX, (value,))]).fits(report.facts)


FILE = """
endpoints: {{owner: {{sink: memory}}}}
default_route: owner
silences:
  - name: works
    from: 2026-01-01T00:00:00Z
    until: 2036-01-01T00:00:00Z
    match: {{{field}: {value!r}}}
"""


@pytest.mark.parametrize("value", ["e.p.xfer", "error", "xfer", "protocol", "high", "unknown", "credential", "c1",
                                   "issue-credential", PIURI])  # fmt: skip
@pytest.mark.parametrize(
    "field", ["code", "severity", "protocol", "category", "scope", "trust", "record_type", "connection"]
)
def test_a_silence_matches_the_same_wherever_it_was_made(tmp_path: Any, field: str, value: str) -> None:
    """In the file codes and categories are prefixes; by HTTP and in the CLI that is the operator `prefix`."""
    assert field in SILENCE_FIELDS
    if field == "severity" and value != "error":
        return
    path = tmp_path / "rules.yaml"
    path.write_text(FILE.format(field=field, value=value), "utf-8")
    in_file = load_rulebook(path).silences[0].match
    operator = MatchOperator.PREFIX if field in TOKENS else MatchOperator.EQUAL
    made = match_of([SilenceMatcher(field=field, operator=operator, value=value)])
    for problem in (KNOWN, Problem(dialect="x", code="y")):
        for trust in ("high", None):
            facts = a_report(problem, trust=trust, protocol=PIURI if trust else None).facts
            assert made.fits(facts) is in_file.fits(facts)


def test_every_field_that_a_command_may_name_is_a_fact() -> None:
    assert set(SILENCE_FIELDS) <= set(FIELDS)
    facts = Facts(KNOWN, "acme")
    assert {field: facts.get(field) for field in SILENCE_FIELDS} == {
        "code": "e.p.xfer.cant-use", "severity": "error", "protocol": PIURI, "category": "xfer", "scope": "protocol",
        "trust": None, "record_type": "credential", "record_id": "r1", "connection": "c1", "thread_id": "t",
        "service": "issuer", "sender": "did:x:1", "text": "a\nb",
    }  # fmt: skip


@pytest.mark.parametrize("operator", [MatchOperator.MATCHES, MatchOperator.NOT_MATCHES])
@pytest.mark.parametrize("pattern", [r"\w{50}", r"(\w{9}){9}", "((a{99}){99}){99}", r"\pL{9,}", "(?i)" + r"\b" * 9])
def test_a_pattern_that_is_slow_to_compile_is_refused(pattern: str, operator: MatchOperator) -> None:
    with pytest.raises(MatcherUnusable, match="a smaller regular expression"):
        Match([Matcher("text", operator, (pattern,))])
    Match([Matcher("text", operator, (r"e\.p\.[a-z-]+(\.\w+)?|.*time-?out \d{1,3}s.*",))])
