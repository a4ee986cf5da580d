"""Which of all silences are in force when there are too many: every tenant gets its share (docs/reliability.md#i10)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from tocsin.streams.rules.config import Silence

MAX_SILENCES = 10_000
"""The most silences in force at a time, of all tenants."""

TENANT_SILENCES = 100
"""The most of one tenant that have not ended, as at the gateway; and as many again of those that have."""


class Shares(NamedTuple):
    """What is in force, how many are not, and when (microseconds) another choice would be made by time alone."""

    chosen: tuple[Silence, ...]
    left_out: int
    until: int | None


def share(usable: Iterable[Silence], now: int) -> Shares:
    """Choose those in force: within a tenant, active ones before future ones, each by their end. Over all tenants,
    those that have not ended come before those that have; then every tenant's first before any tenant's second. `now`
    is in microseconds."""
    live: defaultdict[str | None, list[Silence]] = defaultdict(list)
    ended: defaultdict[str | None, list[Silence]] = defaultdict(list)
    for one in usable:
        (live if one.until > now else ended)[one.tenant].append(one)
    ranked: list[tuple[tuple[bool, int, int, str], Silence]] = []
    left_out = 0
    for over, group in ((False, live), (True, ended)):
        for mine in group.values():
            # Of those that ended, late problems were most likely published under the last.
            mine.sort(key=lambda one: (one.since > now, abs(one.until - now), one.name))
            left_out += len(mine[TENANT_SILENCES:])
            for rank, one in enumerate(mine[:TENANT_SILENCES]):
                ranked.append(((over, rank, one.until, one.name), one))
    ranked.sort(key=lambda pair: pair[0])
    left_out += len(ranked[MAX_SILENCES:])
    chosen = tuple(one for _, one in ranked[:MAX_SILENCES])
    changes = (at for group in live.values() for one in group for at in (one.since, one.until) if at > now)
    return Shares(chosen, left_out, min(changes, default=None) if left_out else None)
