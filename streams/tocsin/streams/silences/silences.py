"""Silences that are made while the bus runs: the events of `settings`, in the form that the rules use."""

from __future__ import annotations

import json
from collections.abc import Iterable
from time import time_ns

import cel
import structlog

from tocsin.schemas.errors import TocsinError
from tocsin.schemas.events import Matcher, MatchOperator, SilenceSet
from tocsin.streams.rules.routing.expression import ExpressionRefused, check_expression
from tocsin.streams.rules.routing.matching import fold_code
from tocsin.streams.rules.rulebook import Match, Silence
from tocsin.streams.rules.spans import DAY, MINUTE
from tocsin.streams.silences.shares import Shares, share

_log = structlog.get_logger("tocsin.silences")

KEPT_AFTER_END = DAY
"""How long a silence is kept after its end: it still silences what was published before, and is read late."""

MAX_TOMBSTONES = 20
"""The most records of ended silences that are tombstoned together."""

_LISTS = {
    "severity": "severities",
    "protocol": "protocols",
    "scope": "scopes",
    "trust": "trusts",
    "record_type": "record_types",
    "connection": "connections",
}
"""Fields whose `equal` the rules know without an expression."""

_TOKENS = {"code": "codes", "category": "categories"}

_ACCESS = {
    "code": "problem.code_key",
    "severity": "problem.severity",
    "protocol": "(problem.source.protocol != null ? problem.source.protocol : thread.protocol)",
    "category": "problem.category",
    "scope": "problem.scope",
    "trust": "thread.trust",
    "record_type": "(problem.source.record_type != null ? problem.source.record_type : thread.record_type)",
    "record_id": "(problem.source.record_id != null ? problem.source.record_id : thread.record_id)",
    "connection": "(thread.connection != null ? thread.connection : problem.source.connection)",
    "thread_id": "problem.thread_id",
    "service": "problem.source.service",
    "sender": "problem.source.sender",
    "text": "problem.text",
}


class SilenceUnusable(TocsinError):
    """The rules cannot use the matchers of a silence; the message is the reason."""


def match_of(matchers: Iterable[Matcher]) -> Match:
    """What the rules compare a problem with: all matchers must fit. Raises SilenceUnusable."""
    lists: dict[str, tuple[str, ...]] = {}
    terms: list[str] = []
    for each in matchers:
        if each.field not in _ACCESS:
            raise SilenceUnusable(f"there is no field {each.field}")
        name = _list_of(each)
        if name is not None and name not in lists:
            lists[name] = (each.value,)
        else:
            terms.append(_term(each))
    match = Match(**lists, expr=" && ".join(terms))
    if match.everything:
        raise SilenceUnusable("it would silence everything")
    if match.expr:
        try:
            check_expression(match.expr)
        except ExpressionRefused as refused:
            raise SilenceUnusable(f"{refused} {refused.expected}".strip()) from None
    return match


def silence_of(event: SilenceSet) -> Silence:
    """A silence in the form of the rules: of its tenant alone. Raises SilenceUnusable."""
    return Silence(
        name=event.silence,
        match=match_of(event.matchers),
        since=event.starts_at,
        until=event.ends_at,
        tenant=event.tenant,
        by=event.by,
        why=event.why,
    )


class Silences:
    """The silences of `settings` as far as it was read. Those in force are chosen when they are asked for: a topic of
    thousands is sorted once after it was read, not once for each record."""

    def __init__(self) -> None:
        self._events: dict[str, SilenceSet] = {}
        self._usable: dict[str, Silence] = {}
        self._over: dict[str, int] = {}
        self._shares: Shares | None = None
        self._told_of_too_many = False
        self._sweep_at = 0

    @property
    def in_force(self) -> tuple[Silence, ...]:
        """For `DecideConfig.silences`: those of every tenant, also ones to come, as far as there is room; a new tuple
        whenever they change, and the same one else."""
        shares = self._shares
        if shares is None or (shares.until is not None and shares.until <= time_ns() // 1000):
            shares = self._share(time_ns() // 1000)
        return shares.chosen

    def learn(self, event: SilenceSet) -> None:
        """Apply an event of `settings`: the last of each silence counts. One that the rules cannot use is logged."""
        now = time_ns() // 1000
        self._drop(event.silence)
        over = (event.recorded_at if event.removed else event.ends_at) + KEPT_AFTER_END
        if event.removed or over <= now:
            self._over[event.silence] = over
        else:
            self._over.pop(event.silence, None)
            self._keep(event)
        if now >= self._sweep_at:
            self._sweep(now)

    def forget(self, silence: str) -> None:
        """Remove a silence whose tombstone was read."""
        self._over.pop(silence, None)
        self._drop(silence)

    def current(self) -> tuple[SilenceSet, ...]:
        """Those that have not ended."""
        now = time_ns() // 1000
        return tuple(one for one in self._events.values() if one.ends_at > now)

    def ended(self) -> list[str]:
        """The silences that ended so long ago that their records may be tombstoned: at most MAX_TOMBSTONES."""
        now = time_ns() // 1000
        self._sweep(now)
        return [name for name, over in self._over.items() if over <= now][:MAX_TOMBSTONES]

    def _keep(self, event: SilenceSet) -> None:
        self._events[event.silence] = event
        try:
            self._usable[event.silence] = silence_of(event)
        except SilenceUnusable as unusable:
            _log.error("silence not usable", silence=event.silence, tenant=event.tenant, why=str(unusable))

    def _drop(self, silence: str) -> None:
        self._events.pop(silence, None)
        self._usable.pop(silence, None)
        self._shares = None

    def _sweep(self, now: int) -> None:
        self._sweep_at = now + MINUTE
        for name in [name for name, one in self._events.items() if one.ends_at + KEPT_AFTER_END <= now]:
            self._over[name] = self._events[name].ends_at + KEPT_AFTER_END
            self._drop(name)

    def _share(self, now: int) -> Shares:
        self._sweep(now)
        shares = self._shares = share(self._usable.values(), now)
        if shares.left_out and not self._told_of_too_many:
            _log.error("too many silences: some are not in force", left_out=shares.left_out)
        self._told_of_too_many = bool(shares.left_out)
        return shares


def _list_of(matcher: Matcher) -> str | None:
    """The list of a Match that says the same, if there is one."""
    if matcher.operator is MatchOperator.PREFIX:
        return _TOKENS.get(matcher.field)
    return _LISTS.get(matcher.field) if matcher.operator is MatchOperator.EQUAL else None


def _term(matcher: Matcher) -> str:
    """The matcher in CEL. What a problem does not say fits no `equal` and no `matches`, and every negated one."""
    said = fold_code(matcher.value) if matcher.field == "code" else matcher.value
    what, value = _ACCESS[matcher.field], _text(said)
    match matcher.operator:
        case MatchOperator.EQUAL:
            return f"({what} == {value})"
        case MatchOperator.NOT_EQUAL:
            return f"({what} == null || {what} != {value})"
        case MatchOperator.PREFIX if matcher.field in _TOKENS:
            return f"({what} == {value} || {what}.startsWith({_text(said + '.')}))"
        case MatchOperator.MATCHES:
            return f"({what} != null && {what}.matches({_pattern(matcher.value)}))"
        case MatchOperator.NOT_MATCHES:
            return f"({what} == null || !{what}.matches({_pattern(matcher.value)}))"
    raise SilenceUnusable(f"{matcher.operator} is not for {matcher.field}")


def _pattern(pattern: str) -> str:
    """A regular expression in CEL (linear time): the whole text must match, line breaks too, as in Alertmanager."""
    literal = _text(f"^(?s:{pattern})$")
    try:
        # An expression that fails does not match, so a wrong pattern would never be told of.
        cel.compile(f'"".matches({literal})').execute({})
    except Exception:
        raise SilenceUnusable("a regular expression without look-around and back-references") from None
    return literal


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
