"""Not now: routes that are muted, or that tell what belongs together at once. What waits comes in a digest.

An endpoint that another route tells now does not wait as well. Peers, and endpoints that take a dialect's documents,
know no digests: a group is told them one by one, in a mute time they are told nothing.
"""

from __future__ import annotations

from msgspec import Struct

from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.digest import hold_back, window_of
from tocsin.streams.rules.routing.mute import muted_until
from tocsin.streams.rules.routing.outcome import Window, Withheld
from tocsin.streams.rules.routing.subject import digest_of_values, values_of
from tocsin.streams.rules.routing.tree import Matched
from tocsin.streams.rules.rulebook import RuleBook

MUTED = "muted"
GROUPED = "grouped"
"""Reasons of suppression."""


class Waiting(Struct, frozen=True, kw_only=True):
    """A route that does not tell now: why, what decided, the digest's group and when (microseconds) it is told."""

    matched: Matched
    reason: str
    detail: str
    group: str
    until: int
    interval: int = 0


class Shares(Struct, frozen=True, kw_only=True):
    """The matched routes, by when they tell; `windows` of groups open if something is told now."""

    now: tuple[Matched, ...]
    waiting: tuple[Waiting, ...]
    windows: tuple[Window, ...]


def all_now(found: list[Matched]) -> Shares:
    """None of the routes waits."""
    return Shares(now=tuple(found), waiting=(), windows=())


def share_out(heard: Heard, found: list[Matched], rows: Rows, config: DecideConfig) -> Shares:
    """Which of the routes tell now, and which wait for what."""
    if not [one for one in found if one.route.mute or one.route.group]:
        return all_now(found)
    now: list[Matched] = []
    waiting: list[Waiting] = []
    windows: list[Window] = []
    for matched in found:
        wait = _muted(heard, matched, config) or _grouped(heard, matched, rows)
        if wait is not None:
            waiting.append(wait)
            continue
        now.append(matched)
        group = matched.route.group
        if group is not None:
            opened = Window(
                group=_group_of(heard, matched),
                route=matched.path,
                endpoints=config.book.notification_readers(matched.route.endpoints),
                until=heard.now + group.interval,
                interval=group.interval,
            )
            windows.append(opened)
    return Shares(now=tuple(now), waiting=tuple(waiting), windows=tuple(windows))


def singly(shares: Shares, book: RuleBook) -> tuple[str, ...]:
    """Endpoints of groups that are told one by one all the same."""
    grouped = [one.matched.route.endpoints for one in shares.waiting if one.reason == GROUPED]
    return tuple(name for names in grouped for name in names if name not in book.notification_readers(names))


def hold(heard: Heard, shares: Shares, told: tuple[str, ...], rows: Rows, config: DecideConfig) -> Withheld | None:
    """Count the problem in the digests of the routes that wait; what stands for it, None when no route waits."""
    withheld: Withheld | None = None
    for one in shares.waiting:
        endpoints = config.book.notification_readers(one.matched.route.endpoints)
        left = tuple(name for name in endpoints if name not in told)
        if endpoints and not left:
            continue
        survivor = None
        if left:
            survivor = hold_back(
                heard,
                rows,
                group=one.group,
                why=one.reason,
                endpoints=left,
                until=one.until,
                route=one.matched.path,
                interval=one.interval,
            )
        withheld = withheld or Withheld(one.reason, one.detail, survivor)
    return withheld


def _muted(heard: Heard, matched: Matched, config: DecideConfig) -> Waiting | None:
    muted = muted_until(matched.route.mute, config.book.mute_times, heard.now) if matched.route.mute else None
    if muted is None:
        return None
    name, until = muted
    return Waiting(matched=matched, reason=MUTED, detail=name, group=f"muted/{matched.path}", until=until)


def _grouped(heard: Heard, matched: Matched, rows: Rows) -> Waiting | None:
    grouping = matched.route.group
    if grouping is None:
        return None
    group = _group_of(heard, matched)
    window = window_of(heard.tenant, group, rows, heard.now)
    if window is None and not grouping.wait:
        return None
    return Waiting(
        matched=matched,
        reason=GROUPED,
        detail=matched.path,
        group=group,
        until=heard.now + grouping.wait if window is None else window.until,
        interval=grouping.interval,
    )


def _group_of(heard: Heard, matched: Matched) -> str:
    assert matched.route.group is not None
    return f"grouped/{matched.path}/{digest_of_values(values_of(heard, matched.route.group.by))}"
