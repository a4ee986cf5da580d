"""Does a problem fit? A `Match` is a list of matchers over the fields of `rules.facts`, all of which must fit.

Routes, silences (of the rules file, HTTP and CLI alike) and inhibition use it. A negated matcher is the exact
complement of its positive form. A field of which nothing is known fits no positive matcher, except `trust`, whose value
is then `unknown`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from msgspec import Struct

from tocsin.connectors.dialects.codes import fold_code, has_token_prefix
from tocsin.connectors.dialects.message_types import MAX_TYPE
from tocsin.schemas.errors import TocsinError
from tocsin.schemas.events import MatchOperator
from tocsin.streams.rules.expression import compile_cel, holds
from tocsin.streams.rules.expression_cost import cost_of_pattern
from tocsin.streams.rules.facts import FIELDS, Facts, protocol_of

MAX_PATTERN = 100_000
"""What a regular expression may cost to compile, in units of `expression_cost`: that is done at each comparison."""

UNKNOWN = "unknown"
"""What `trust` is compared with when nobody told of it."""

_NEGATED = {MatchOperator.NOT_EQUAL: MatchOperator.EQUAL, MatchOperator.NOT_MATCHES: MatchOperator.MATCHES}

Test = Callable[[Facts], bool]
_Compare = Callable[[Facts, str], bool]


class MatcherUnusable(TocsinError):
    """A matcher that compares nothing: no such field, an operator that is not for it, a pattern that is none."""


class Matcher(Struct, frozen=True):
    """One comparison: the field's value with any of `values` (alternatives; a negated one fits when none does)."""

    field: str
    operator: MatchOperator
    values: tuple[str, ...]


class Match:
    """What is asked of a problem: every matcher must fit, and the CEL expression, if there is one, must hold."""

    __slots__ = ("_tests", "expr", "matchers")

    def __init__(self, matchers: Iterable[Matcher] = (), expr: str = "") -> None:
        """Raises MatcherUnusable. The same matcher twice is the matcher once."""
        self.matchers, self.expr = tuple(dict.fromkeys(matchers)), expr
        tests = [test_of(one) for one in sorted(self.matchers, key=_cost)]
        if expr:
            tests.append(lambda facts: holds(expr, facts.document))
        self._tests = tuple(tests)

    @classmethod
    def of(cls, *, expr: str = "", **fields: Iterable[str]) -> Match:
        """The match of the rules file: field -> alternatives; codes and categories by leading whole tokens."""
        matchers = [
            Matcher(field, MatchOperator.PREFIX if field in TOKENS else MatchOperator.EQUAL, tuple(values))
            for field, values in fields.items()
            if values
        ]
        return cls(matchers, expr)

    @property
    def everything(self) -> bool:
        """Whether every problem fits."""
        return not self._tests

    def fits(self, facts: Facts) -> bool:
        """Whether a problem fits. Total."""
        for test in self._tests:  # noqa: SIM110 - a generator costs more than the comparison
            if not test(facts):
                return False
        return True

    def names_code(self, facts: Facts) -> bool:
        """Whether a matcher names the very code of a problem, and not only a prefix of it."""
        key = fold_code(facts.problem.code_key or facts.problem.code)
        for one in self.matchers:
            if one.field == "code" and one.operator in _LISTED:
                for code in one.values:
                    if fold_code(code) == key or code == facts.problem.code:
                        return True
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Match) and (self.matchers, self.expr) == (other.matchers, other.expr)

    def __hash__(self) -> int:
        return hash((self.matchers, self.expr))

    def __repr__(self) -> str:
        return f"Match({list(self.matchers)!r}, expr={self.expr!r})"


def test_of(matcher: Matcher) -> Test:
    """The comparison of one matcher. Raises MatcherUnusable."""
    positive = _NEGATED.get(matcher.operator)
    if positive is not None:
        fits = test_of(Matcher(matcher.field, positive, matcher.values))
        return lambda facts: not fits(facts)
    if matcher.field not in FIELDS:
        raise MatcherUnusable(f"there is no field {matcher.field}")
    if matcher.operator is MatchOperator.MATCHES:
        return _matching(matcher)
    if matcher.operator is MatchOperator.PREFIX and matcher.field not in TOKENS:
        raise MatcherUnusable(f"prefix is not for {matcher.field}")
    if matcher.operator not in _LISTED:
        raise MatcherUnusable(f"there is no operator {matcher.operator}")
    compare = _COMPARE.get((matcher.field, matcher.operator))
    return _equal(matcher) if compare is None else _any_of(compare, matcher.values)


def _equal(matcher: Matcher) -> Test:
    read, values, field = FIELDS[matcher.field], frozenset(matcher.values), matcher.field
    if field == "tenant":
        return lambda facts: facts.tenant in values
    if field == "trust":
        return lambda facts: (facts.context.trust or UNKNOWN) in values
    return lambda facts: read(facts) in values


def _any_of(compare: _Compare, values: tuple[str, ...]) -> Test:
    if len(values) == 1:
        only = values[0]
        return lambda facts: compare(facts, only)

    def fits(facts: Facts) -> bool:
        for value in values:  # noqa: SIM110 - a generator costs more than the comparison
            if compare(facts, value):
                return True
        return False

    return fits


def _matching(matcher: Matcher) -> Test:
    programs = [_pattern(value) for value in matcher.values]
    read, unknown = FIELDS[matcher.field], UNKNOWN if matcher.field == "trust" else None

    def fits(facts: Facts) -> bool:
        value = read(facts) or unknown
        return value is not None and any(program.execute({"value": value}) is True for program in programs)

    return fits


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> Any:
    """A regular expression as CEL has it (linear time): the whole text must match, line breaks too, as in
    Alertmanager."""
    if cost_of_pattern(pattern) > MAX_PATTERN:
        raise MatcherUnusable(r"a smaller regular expression: fewer repetitions, [a-z0-9] instead of \w")
    try:
        program = compile_cel(f"value.matches({json.dumps(f'^(?s:{pattern})$', ensure_ascii=False)})")
        program.execute({"value": ""})
    except Exception:  # whatever CEL raises; an expression that fails would not match, so nobody would be told of it
        raise MatcherUnusable("a regular expression without look-around and back-references") from None
    return program


def _code_is(facts: Facts, value: str) -> bool:
    problem = facts.problem
    return fold_code(problem.code_key or problem.code) == fold_code(value) or problem.code == value


def _code_begins(facts: Facts, value: str) -> bool:
    problem = facts.problem
    return has_token_prefix(fold_code(problem.code_key or problem.code), fold_code(value)) or problem.code == value


def _category_is(facts: Facts, value: str) -> bool:
    category = facts.problem.category
    return category is not None and fold_code(category) == fold_code(value)


def _category_begins(facts: Facts, value: str) -> bool:
    category = facts.problem.category
    return category is not None and has_token_prefix(fold_code(category), fold_code(value))


def _protocol_is(facts: Facts, value: str) -> bool:
    """By what the problem says itself; its report's own protocol (report-problem) says little, the thread's more."""
    own, thread = protocol_of(facts.problem), facts.context.protocol
    return (own is not None and protocol_fits(own, value)) or (thread is not None and protocol_fits(thread, value))


_COMPARE: dict[tuple[str, MatchOperator], _Compare] = {
    ("code", MatchOperator.EQUAL): _code_is,
    ("code", MatchOperator.PREFIX): _code_begins,
    ("category", MatchOperator.EQUAL): _category_is,
    ("category", MatchOperator.PREFIX): _category_begins,
    ("protocol", MatchOperator.EQUAL): _protocol_is,
}
"""The comparisons that are more than equality."""

TOKENS = ("code", "category")
"""Fields that `prefix` is for: dotted tokens."""

_LISTED = (MatchOperator.EQUAL, MatchOperator.PREFIX)
_CHEAP = ("tenant", "severity", "scope", "trust")


def _cost(matcher: Matcher) -> int:
    return 0 if matcher.field in _CHEAP else 2 if matcher.operator not in _LISTED else 1


def protocol_fits(protocol: str, wanted: str) -> bool:
    """Whether `wanted` is the protocol or leading whole path segments of it, or names it without its authority.

    `https://didcomm.org/issue-credential`, `issue-credential/2.0` and `issue-credential` all fit
    `https://didcomm.org/issue-credential/2.0`.
    """
    fit = _path_fits if len(protocol) <= MAX_TYPE else _path_fits.__wrapped__
    return fit(protocol, wanted)


@lru_cache(maxsize=1024)  # asked for every event, and there are few protocols
def _path_fits(protocol: str, wanted: str) -> bool:
    if protocol == wanted or protocol.startswith(wanted + "/"):
        return True
    have, want = protocol.split("/"), wanted.split("/")
    return have[-2:] == want if len(want) == 2 else len(want) == 1 and len(have) > 1 and have[-2] == want[0]


def covers(wider: Match, match: Match) -> bool:
    """Whether everything that fits `match` surely fits `wider` too: each of its matchers is there, or follows from one
    that is."""
    return wider.expr in ("", match.expr) and all(
        any(_follows(one, given) for given in match.matchers) for one in wider.matchers
    )


def disjoint(one: Match, other: Match) -> bool:
    """Whether surely nothing fits both. Expressions and patterns are not compared."""
    return any(_apart(mine, theirs) for mine in one.matchers for theirs in other.matchers if mine.field == theirs.field)


def _follows(wanted: Matcher, given: Matcher) -> bool:
    if wanted == given:
        return True
    if wanted.field != given.field or wanted.operator not in _LISTED or given.operator not in _LISTED:
        return False
    if wanted.operator is MatchOperator.PREFIX:
        return all(_covered(value, wanted.values) for value in given.values)
    return given.operator is wanted.operator and set(given.values) <= set(wanted.values)


def _apart(mine: Matcher, theirs: Matcher) -> bool:
    if mine.operator not in _LISTED or theirs.operator not in _LISTED or mine.field == "protocol":
        return False
    if mine.field not in TOKENS:
        return not set(mine.values) & set(theirs.values)
    # a URI is the whole code of a problem whose key is another name for it: the two cannot be compared
    if any("/" in code or ":" in code for code in mine.values + theirs.values):
        return False
    return not any(_covered(a, (b,)) or _covered(b, (a,)) for a in mine.values for b in theirs.values)


def _covered(code: str, prefixes: tuple[str, ...]) -> bool:
    return any(has_token_prefix(fold_code(code), fold_code(prefix)) for prefix in prefixes)
