"""By which event ids an escalated case may be answered, hours after they came: those that people were told."""

from __future__ import annotations

from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.state import CaseRow, EscalationRow, SeenRow, row_key


def still_named(key: str, seen: SeenRow, rows: Rows) -> bool:
    """Whether row `key` of a report must outlive the window of dedupe: its case has an escalation that goes on, and the
    report raised it, or is the first or the last one. At most three rows for each escalation."""
    tenant = key.split("/", 2)[1]  # escaped already, as it is in the keys of the other rows
    row = rows.get(f"escalation/{tenant}/{seen.case}")
    if not isinstance(row, EscalationRow) or row.status == "ended":
        return False
    names = [row.report]
    case = rows.get(f"case/{tenant}/{seen.case}")
    if isinstance(case, CaseRow):
        names += [case.first_report, case.last_report]
    return any(key == row_key("seen", row.tenant, name) for name in names)


def remember_named(tenant: str, event_id: str, rows: Rows, now: int, config: DecideConfig) -> None:
    """A page names this report: it may be answered by that id as long as the case is remembered."""
    key = row_key("seen", tenant, event_id)
    seen = rows.get(key)
    if isinstance(seen, SeenRow):
        rows.put(key, seen, max(rows.due(key) or 0, now + config.case_ttl))
