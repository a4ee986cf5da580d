"""Questions about deliveries, commands, silences, dead letters, and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge
from typing import Literal

from msgspec import Struct
from sqlalchemy import func, or_

from tocsin.connectors.store.cursors import page_size
from tocsin.connectors.store.lines import Audited, Count, DeadLetter, SilenceRow, Violation
from tocsin.connectors.store.scope import Scope
from tocsin.connectors.store.structs import Attempt, Command, Delivery, Page
from tocsin.connectors.store.tables import (
    attempts,
    audit,
    case_events,
    commands,
    counts,
    dead_letters,
    deliveries,
    silences,
    violations,
)
from tocsin.connectors.store.text import storable

Counted = Literal["code", "outcome", "dialect"]
"""What is counted: reports by code and by dialect, and what became of them."""

MOST_COUNTS = 1000
HOUR, DAY = 3_600_000_000, 86_400_000_000


class Told(Struct, frozen=True):
    """A delivery with its attempts, the first one first."""

    delivery: Delivery
    attempts: list[Attempt]


def told_of(scope: Scope, about: Sequence[str], limit: int) -> list[Told]:
    """Who is told of these events (a problem's own id, its case's), newest first."""
    limit = page_size(limit)
    # each by the index: asked for together, they are looked for among all deliveries of the tenant
    ways = [scope.newest(Delivery, deliveries, deliveries.c.about == one, before=None, limit=limit) for one in {*about}]
    found = list(merge(*ways, key=lambda delivery: (delivery.at, delivery.id), reverse=True))[:limit]
    return _with_attempts(scope, found)


def told_of_case(scope: Scope, case: str, limit: int) -> list[Told]:
    """Who is told of anything of a case, newest first."""
    of_case = deliveries.c.case_id == case
    return _with_attempts(scope, scope.newest(Delivery, deliveries, of_case, before=None, limit=page_size(limit)))


def told_about(scope: Scope, problem: str, case: str | None, limit: int) -> list[Told]:
    """Who is told of a problem, and of what happened to its case besides its other reports, newest first."""
    own = told_of(scope, [problem], limit)
    of_case = [] if case is None else told_of_case(scope, case, limit)
    named = {told.delivery.about for told in of_case}
    happened = {row[0] for row in scope.rows([case_events.c.id], case_events, case_events.c.id.in_(named))}
    more = [told for told in of_case if told.delivery.about in happened]
    return sorted([*own, *more], key=lambda told: (told.delivery.at, told.delivery.id), reverse=True)[:limit]


def _with_attempts(scope: Scope, found: Sequence[Delivery]) -> list[Told]:
    made = attempts_of(scope, [delivery.id for delivery in found])
    return [Told(delivery, [one for one in made if one.delivery_id == delivery.id]) for delivery in found]


def attempts_of(scope: Scope, ids: Sequence[str]) -> list[Attempt]:
    """The attempts of these deliveries."""
    order = [attempts.c.delivery_id, attempts.c.attempt]
    return scope.structs(Attempt, attempts, attempts.c.delivery_id.in_(ids), order=order, limit=10_000) if ids else []


def delivery(scope: Scope, delivery_id: str) -> Told | None:
    """The delivery of this id."""
    found = scope.one(Delivery, deliveries, deliveries.c.id == delivery_id)
    return None if found is None else Told(found, attempts_of(scope, [delivery_id]))


def command(scope: Scope, command_id: str) -> Command | None:
    """The command of this id."""
    return scope.one(Command, commands, commands.c.id == command_id)


def command_page(scope: Scope, target: str | None, cursor: str | None, limit: int) -> Page[Command]:
    """What people and programs wanted, newest first; of one target if it is given. Raises CursorInvalid."""
    where = [] if target is None else [commands.c.target == target]
    return scope.page(Command, commands, *where, cursor=cursor, limit=limit)


def silence_page(scope: Scope, cursor: str | None, limit: int) -> Page[SilenceRow]:
    """The silences, newest first. Raises CursorInvalid."""
    return scope.page(SilenceRow, silences, cursor=cursor, limit=limit)


class DeadFilter(Struct, frozen=True, kw_only=True):
    """Which dead letters are meant: what is given must fit. Times in microseconds."""

    event: str | None = None
    reason: str | None = None
    stage: str | None = None
    topic: str | None = None
    type: str | None = None
    endpoint: str | None = None
    since: int | None = None
    until: int | None = None


def dead_letter_page(scope: Scope, wanted: DeadFilter, cursor: str | None, limit: int) -> Page[DeadLetter]:
    """The dead letters that are meant, newest first; a topic is meant with its prefix and without. Raises
    CursorInvalid."""
    column = dead_letters.c
    equal = {
        column.event_id: wanted.event, column.reason: wanted.reason, column.stage: wanted.stage,
        column.type: wanted.type, column.endpoint: wanted.endpoint,
    }  # fmt: skip
    where = [name == storable(value) for name, value in equal.items() if value is not None]
    if wanted.topic is not None:
        topic = storable(wanted.topic)
        where.append(or_(column.topic == topic, column.topic.endswith(f".{topic}", autoescape=True)))
    where += [] if wanted.since is None else [column.at >= wanted.since]
    where += [] if wanted.until is None else [column.at < wanted.until]
    return scope.page(DeadLetter, dead_letters, *where, cursor=cursor, limit=limit)


def audit_page(scope: Scope, cursor: str | None, limit: int) -> Page[Audited]:
    """What was asked of the bus by whom, newest first. Raises CursorInvalid."""
    return scope.page(Audited, audit, cursor=cursor, limit=limit)


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
