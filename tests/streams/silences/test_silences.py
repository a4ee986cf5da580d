"""Silences that are made while the bus runs: what their matchers match, and which are in force."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import pytest
import structlog

from tocsin.connectors.commands.silence import SILENCE_FIELDS
from tocsin.schemas.events import Matcher, MatchOperator, SilenceSet, ThreadContext
from tocsin.schemas.problem import Problem, Severity, Source
from tocsin.streams.rules.config import Silence
from tocsin.streams.rules.facts import Facts
from tocsin.streams.rules.match import Match
from tocsin.streams.silences import shares as silence_shares
from tocsin.streams.silences import silences as module
from tocsin.streams.silences.silences import Silences, SilenceUnusable, match_of, silence_of

NOW = time.time_ns() // 1000
HOUR = 3_600_000_000
PROBLEM = Problem(
    dialect="canonical",
    code="e.p.xfer.cant-use",
    code_key="e.p.xfer.cant-use",
    severity=Severity.ERROR,
    category="xfer",
    thread_id="t1",
    text='no "route"\nto \\ é😀',
    source=Source(service="mediator", connection="c-9"),
)
THREAD = ThreadContext(first_seen=1, last_seen=1, connection="c-7", trust="low", protocol="issue-credential/2.0")

# field, operator, value, whether it fits PROBLEM on THREAD
ROWS: dict[str, tuple[str, str, str, bool]] = {
    "a code by its tokens": ("code", "prefix", "e.p.xfer", True),
    "a code by half a token": ("code", "prefix", "e.p.xf", False),
    "a code by another spelling": ("code", "prefix", "E.P.XFER.Cant_use", True),
    "the whole code": ("code", "equal", "e.p.xfer.cant_use", True),
    "not the whole code": ("code", "equal", "e.p.xfer", False),
    "another code": ("code", "not_equal", "e.p.req", True),
    "this code, and so not": ("code", "not_equal", "e.p.xfer.cant-use", False),
    "a code by a pattern": ("code", "matches", r"e\.p\..*", True),
    "a pattern must fit the whole": ("code", "matches", r"e\.p", False),
    "not by this pattern": ("code", "not_matches", r"w\..*", True),
    "the severity": ("severity", "equal", "error", True),
    "another severity": ("severity", "not_equal", "error", False),
    "a category by its token": ("category", "prefix", "xfer", True),
    "the category": ("category", "equal", "xfer", True),
    "a protocol of the thread": ("protocol", "equal", "issue-credential", True),
    "a protocol by a pattern": ("protocol", "matches", "issue-.*", True),
    "the connection that the context knows": ("connection", "equal", "c-7", True),
    "the connection by a pattern": ("connection", "matches", "c-[0-7]", True),
    "trust of the connection": ("trust", "equal", "low", True),
    "a service": ("service", "equal", "mediator", True),
    "a thread": ("thread_id", "equal", "t1", True),
    "a text with quotes and line breaks": ("text", "equal", 'no "route"\nto \\ é😀', True),
    "a pattern over line breaks": ("text", "matches", "no .*to.*", True),
    "what is missing is not equal": ("sender", "equal", "did:x:1", False),
    "what is missing is not that": ("sender", "not_equal", "did:x:1", True),
    "what is missing fits no pattern": ("sender", "matches", ".*", False),
    "what is missing fits no pattern, and so this": ("sender", "not_matches", ".*", True),
    "a quote that ends nothing": ("service", "equal", '" || true || "', False),
}


@pytest.mark.parametrize(("name", "operator", "value", "fits"), ROWS.values(), ids=list(ROWS))
def test_a_matcher(name: str, operator: str, value: str, fits: bool) -> None:
    match = match_of([Matcher(field=name, operator=MatchOperator(operator), value=value)])
    assert match.fits(Facts(PROBLEM, "acme", THREAD)) is fits


@pytest.mark.parametrize("operator", ["equal", "not_equal", "matches", "not_matches"])
@pytest.mark.parametrize("name", SILENCE_FIELDS)
def test_the_rules_can_use_whatever_the_gateway_takes(name: str, operator: str) -> None:
    match = match_of([Matcher(field=name, operator=MatchOperator(operator), value="no.such.thing")])
    negated = operator.startswith("not_")
    assert match.fits(Facts(PROBLEM, "acme", THREAD)) is negated
    assert match.fits(Facts(Problem(dialect="x", code="y"), "acme")) is negated


def test_all_matchers_must_fit() -> None:
    def both(first: str, second: str) -> bool:
        matchers = [
            Matcher(field="code", operator=MatchOperator.PREFIX, value=first),
            Matcher(field="code", operator=MatchOperator.PREFIX, value=second),
            Matcher(field="severity", operator=MatchOperator.NOT_EQUAL, value="warning"),
        ]
        return match_of(matchers).fits(Facts(PROBLEM, "acme", THREAD))

    assert both("e.p", "e.p.xfer")
    assert not both("e.p", "e.p.req")
    assert not both("e.p.req", "e.p")


# matchers that the rules cannot use
UNUSABLE: dict[str, list[tuple[str, MatchOperator, str]]] = {
    "none": [],
    "a field that is none": [("mood", MatchOperator.EQUAL, "bad")],
    "an operator of a newer version": [("code", MatchOperator.UNKNOWN, "e.p")],
    "a prefix of a text": [("text", MatchOperator.PREFIX, "e.p")],
    "no regular expression": [("text", MatchOperator.MATCHES, "(")],
    "a look-ahead": [("text", MatchOperator.NOT_MATCHES, "(?=x)")],
    "a back-reference": [("text", MatchOperator.MATCHES, r"(a)\1")],
}


@pytest.mark.parametrize("asked", UNUSABLE.values(), ids=list(UNUSABLE))
def test_unusable(asked: list[tuple[str, MatchOperator, str]]) -> None:
    with pytest.raises(SilenceUnusable):
        match_of([Matcher(field=name, operator=operator, value=value) for name, operator, value in asked])


def a_silence(name: str, *, ends: int = NOW + HOUR, removed: bool = False, **more: Any) -> SilenceSet:
    matchers = more.pop("matchers", [Matcher(field="code", operator=MatchOperator.PREFIX, value="e.p")])
    return SilenceSet(
        event_id=f"e-{name}",
        tenant=more.pop("tenant", "acme"),
        occurred_at=NOW,
        recorded_at=more.pop("at", NOW),
        silence=name,
        matchers=matchers,
        starts_at=NOW - HOUR,
        ends_at=ends,
        by="ann",
        why="x",
        removed=removed,
    )


def test_in_the_form_of_the_rules() -> None:
    silence = silence_of(a_silence("s"))
    assert silence == Silence(
        name="s", match=silence.match, since=NOW - HOUR, until=NOW + HOUR, tenant="acme", by="ann", why="x"
    )
    assert silence.match == Match.of(code=("e.p",))


def test_the_last_event_of_each_stands() -> None:
    silences = Silences()
    assert not silences.in_force
    silences.learn(a_silence("s"))
    before = silences.in_force
    assert [one.name for one in before] == ["s"]
    silences.learn(a_silence("s", ends=NOW + 2 * HOUR))
    assert [one.until for one in silences.in_force] == [NOW + 2 * HOUR]
    assert silences.in_force is not before
    silences.learn(a_silence("s", removed=True))
    assert (silences.in_force, silences.current()) == ((), ())


def test_one_that_ended_is_not_listed_but_decides_what_was_published_before_it() -> None:
    silences = Silences()
    silences.learn(a_silence("over", ends=NOW - HOUR))
    assert silences.current() == ()
    assert [one.name for one in silences.in_force] == ["over"]


def test_what_ended_long_ago_is_forgotten_and_may_be_tombstoned() -> None:
    silences = Silences()
    silences.learn(a_silence("old", ends=NOW - 25 * HOUR))
    silences.learn(a_silence("removed", removed=True, at=NOW - 25 * HOUR))
    silences.learn(a_silence("removed now", removed=True))
    assert silences.in_force == ()
    assert silences.ended() == ["old", "removed"]
    silences.forget("old")
    assert silences.ended() == ["removed"]


def test_one_that_the_rules_cannot_use_is_not_in_force() -> None:
    silences = Silences()
    silences.learn(a_silence("bad", matchers=[Matcher(field="mood", operator=MatchOperator.EQUAL, value="x")]))
    silences.learn(a_silence("good"))
    assert [one.name for one in silences.in_force] == ["good"]
    assert len(silences.current()) == 2, "it is listed, so that it can be ended"


def names(silences: Silences) -> list[str]:
    return sorted(one.name for one in silences.in_force)


def test_they_are_bounded_in_each_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence_shares, "TENANT_SILENCES", 3)
    silences = Silences()
    for number in range(10):
        silences.learn(a_silence(f"s{number}", ends=NOW + HOUR + number))
        silences.learn(a_silence(f"ended{number}", ends=NOW - HOUR + number))
    silences.learn(a_silence("of another", ends=NOW + 2 * HOUR, tenant="other"))
    assert names(silences) == ["ended7", "ended8", "ended9", "of another", "s0", "s1", "s2"]


def test_no_tenant_pushes_the_live_one_of_another_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence_shares, "MAX_SILENCES", 4)
    silences = Silences()
    for number in range(1000):
        silences.learn(a_silence(f"short{number}", ends=NOW - 1 - number))
        silences.learn(a_silence(f"many{number}", ends=NOW + HOUR, tenant=f"t{number % 2}"))
    silences.learn(a_silence("late", ends=NOW + 20 * HOUR, tenant="other"))
    assert "late" in names(silences)
    assert not [name for name in names(silences) if name.startswith("short")], "what ended gives way"


def test_of_too_many_is_told_once_and_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence_shares, "TENANT_SILENCES", 3)
    silences = Silences()
    with structlog.testing.capture_logs() as logged:
        for number in range(50):
            silences.learn(a_silence(f"s{number}"))
        assert len(silences.in_force) == 3
        silences.learn(a_silence("one more"))
        assert len(silences.in_force) == 3
    assert [(one["event"], one["left_out"]) for one in logged] == [("too many silences: some are not in force", 47)]


def test_they_are_sorted_when_they_are_asked_for_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    shared: list[int] = []

    def counted(usable: Iterable[Silence], now: int) -> silence_shares.Shares:
        shared.append(now)
        return silence_shares.share(usable, now)

    monkeypatch.setattr(module, "share", counted)
    silences = Silences()
    for number in range(2000):
        silences.learn(a_silence(f"s{number}", tenant=f"t{number % 40}"))
    assert not shared
    assert silences.in_force is silences.in_force
    assert (len(silences.in_force), len(shared)) == (2000, 1)


def test_one_that_was_left_out_takes_the_place_of_one_that_ends() -> None:
    def one(name: str, since: int, until: int) -> Silence:
        return Silence(name=name, match=silence_of(a_silence("s")).match, since=since, until=until, tenant="acme")

    usable = [one(f"s{number}", 0, 100) for number in range(silence_shares.TENANT_SILENCES)]
    usable += [one("to come", 50, 60), one("late", 0, 200)]
    shares = silence_shares.share(usable, 10)
    assert (shares.left_out, shares.until) == (2, 50)
    assert "to come" in [each.name for each in silence_shares.share(usable, 50).chosen]
    assert "late" in [each.name for each in silence_shares.share(usable, 100).chosen]
    assert silence_shares.share(usable[:5], 10).until is None, "with room for all, time changes nothing"
