"""Questions about numbers: how many reports of what, and how often peers broke rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import func

from tocsin.connectors.store.bus_structs import Count, Violation
from tocsin.connectors.store.scope import Scope
from tocsin.connectors.store.tables import counts, violations

Counted = Literal["code", "outcome", "dialect"]
"""What is counted: reports by code and by dialect, and what became of them."""

MOST_COUNTS = 1000
HOUR, DAY = 3_600_000_000, 86_400_000_000


def top(scope: Scope, kind: Counted, since: int, until: int, limit: int) -> list[Count]:
    """The most frequent names of the hours that begin from `since` on and before `until`."""
    total = func.sum(counts.c.count)
    where = [counts.c.kind == kind, counts.c.hour >= since, counts.c.hour < until]
    rows = scope.rows(
        [counts.c.name, total], counts, *where, group=[counts.c.name], order=[total.desc(), counts.c.name],
        limit=min(limit, MOST_COUNTS),
    )  # fmt: skip
    return [Count(name, 0, int(number)) for name, number in rows]


def by_hour(scope: Scope, kind: Counted, names: Sequence[str] | None, since: int, until: int) -> list[Count]:
    """How many there were in each hour, the oldest first; of these names, or of all together (then the name is
    empty)."""
    where = [counts.c.kind == kind, counts.c.hour >= since, counts.c.hour < until]
    total = func.sum(counts.c.count)
    if names is None:
        rows = scope.rows([counts.c.hour, total], counts, *where, group=[counts.c.hour], order=[counts.c.hour])
        return [Count("", hour, int(number)) for hour, number in rows]
    return scope.structs(
        Count, counts, *where, counts.c.name.in_(names), order=[counts.c.hour, counts.c.name], limit=100_000
    )


def peers(scope: Scope, since: int, limit: int) -> list[tuple[str, int]]:
    """The peers that broke rules since that day, those first that did most often; the empty name is nobody known."""
    total = func.sum(violations.c.count)
    rows = scope.rows(
        [violations.c.peer, total], violations, violations.c.day >= since, group=[violations.c.peer],
        order=[total.desc(), violations.c.peer], limit=min(limit, MOST_COUNTS),
    )  # fmt: skip
    return [(peer, int(number)) for peer, number in rows]


def violations_of(scope: Scope, peer: str, since: int) -> list[Violation]:
    """Which rules a peer broke since that day, the most frequent first."""
    found: dict[tuple[str, str], Violation] = {}
    order = [violations.c.day]
    for day in scope.structs(
        Violation, violations, violations.c.peer == peer, violations.c.day >= since, order=order, limit=100_000
    ):
        known = found.get((day.rule, day.dialect), day)
        found[day.rule, day.dialect] = Violation(
            peer,
            day.rule,
            day.dialect,
            day.count if known is day else known.count + day.count,
            min(known.first_at, day.first_at),
            max(known.last_at, day.last_at),
            day.example,
            day.pointer,
        )
    return sorted(found.values(), key=lambda one: (-one.count, one.rule, one.dialect))
