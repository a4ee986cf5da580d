"""Silences that are made while the bus runs: the events of `settings`, in the form that the rules use."""

from __future__ import annotations

from collections.abc import Iterable
from time import time_ns

import structlog

from tocsin.schemas.errors import TocsinError
from tocsin.schemas.events import Matcher, SilenceSet
from tocsin.streams.rules.config import Silence
from tocsin.streams.rules.match import Match, MatcherUnusable
from tocsin.streams.rules.match import Matcher as RuleMatcher
from tocsin.streams.rules.values import DAY, MINUTE
from tocsin.streams.silences.shares import Shares, share

_log = structlog.get_logger("tocsin.silences")

KEPT_AFTER_END = DAY
"""How long a silence is kept after its end: it still silences what was published before, and is read late."""

MAX_TOMBSTONES = 20
"""The most records of ended silences that are tombstoned together."""


class SilenceUnusable(TocsinError):
    """The rules cannot use the matchers of a silence; the message is the reason."""


def match_of(matchers: Iterable[Matcher]) -> Match:
    """What the rules compare a problem with: all matchers must fit. Raises SilenceUnusable."""
    try:
        match = Match(RuleMatcher(one.field, one.operator, (one.value,)) for one in matchers)
    except MatcherUnusable as unusable:
        raise SilenceUnusable(str(unusable)) from None
    if match.everything:
        raise SilenceUnusable("it would silence everything")
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

    def expired(self) -> tuple[SilenceSet, ...]:
        """Those that ended by themselves within KEPT_AFTER_END."""
        now = time_ns() // 1000
        return tuple(one for one in self._events.values() if one.ends_at <= now < one.ends_at + KEPT_AFTER_END)

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
