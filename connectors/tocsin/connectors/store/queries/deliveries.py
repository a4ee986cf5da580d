"""Questions about deliveries: who is told of what, and every attempt."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge

from msgspec import Struct

from tocsin.connectors.store.cursors import page_size
from tocsin.connectors.store.scope import Scope
from tocsin.connectors.store.structs import Attempt, Delivery
from tocsin.connectors.store.tables import attempts, case_events, deliveries


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
