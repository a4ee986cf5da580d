"""What went round in circles and was held back: the reasons, and the condition of the index over such reports."""

from __future__ import annotations

from sqlalchemy import Index, text

LOOP_REASONS = ("hops", "replayed", "thread_muted", "connection_errors", "ping_pong", "exchange")
"""For which of its reasons `decide` holds back what goes round in circles."""

STOPPED = f"reason IN {LOOP_REASONS}"


def stopped_index() -> Index:
    """The index of the table `problems` over these alone."""
    only = text(STOPPED)
    return Index("problems_stopped_at", "tenant", "reason", "at", "id", sqlite_where=only, postgresql_where=only)
