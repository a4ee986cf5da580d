"""By which ids a digest may be answered: its own, and those of the reports that it lists (rules.commands)."""

from __future__ import annotations

from tocsin.schemas.events import ProblemsDigested
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.state import SeenRow, row_key


def remember_targets(digest: ProblemsDigested, case: str, rows: Rows, now: int, config: DecideConfig) -> None:
    """Somebody is told this digest now: for `config.kept_ttl` its id stands for `case`, the last one it tells of, and
    each report that it lists for its own."""
    named = [(one.last_report, one.case) for one in digest.cases]
    if case:
        named.append((digest.event_id, case))
    for event_id, target in named:
        key = row_key("seen", digest.tenant, event_id)
        seen = rows.get(key)
        if not isinstance(seen, SeenRow):
            # As old as dedupe knows nothing of: it is here to be named, and says nothing of the report's body.
            seen = SeenRow("", now - config.dedupe_window, target, digest.event_id)
        rows.put(key, seen, max(rows.due(key) or 0, now + config.kept_ttl))
