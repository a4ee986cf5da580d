"""What became of the attempts of a tenant's deliveries, by endpoint."""

from __future__ import annotations

from msgspec import Struct

from tocsin.connectors.store.scope import Scope
from tocsin.connectors.store.tables import attempts

MOST_ATTEMPTS = 5000
"""Attempts that are looked at, the newest ones."""


class Lately(Struct):
    """What became of the newest attempts for one endpoint. Times in microseconds; `last_failure` is a reason, with its
    status in HTTP where it had one."""

    count: int = 0
    delivered: int = 0
    under_way: int = 0
    last_success_at: int | None = None
    last_failure_at: int | None = None
    last_failure: str | None = None

    @property
    def ended(self) -> int:
        """How many ended, one way or the other."""
        return self.count - self.under_way


def attempts_lately(scope: Scope, since: int) -> dict[str, Lately]:
    """By endpoint, what became of the newest attempts since a time."""
    names = ("endpoint", "outcome", "reason", "status", "ended_at", "at")
    rows = scope.rows(
        [attempts.c[name] for name in names], attempts, attempts.c.at >= since, order=[attempts.c.at.desc()],
        limit=MOST_ATTEMPTS,
    )  # fmt: skip
    found: dict[str, Lately] = {}
    for endpoint, outcome, reason, status, ended_at, at in rows:
        one = found.setdefault(endpoint or "", Lately())
        one.count += 1
        if outcome is None:
            one.under_way += 1
        elif outcome == "delivered":
            one.delivered += 1
            one.last_success_at = max(one.last_success_at or 0, ended_at or at)
        elif (ended_at or at) > (one.last_failure_at or 0):
            one.last_failure_at = ended_at or at
            one.last_failure = f"{reason} ({status})" if status else reason
    return found
