"""Connections: how far each is trusted, as last told (REQUIREMENTS b.1 35)."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import ActivityKind, ActivityObserved
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.threads import clip, keep
from tocsin.streams.rules.state import ConnectionRow, row_key


def note_connection(activity: ActivityObserved, rows: Rows, now: int, config: DecideConfig) -> None:
    """Remember what an activity tells of its connection. One that is in use is not forgotten, and not written anew at
    each message either."""
    if not activity.connection:
        return
    key = row_key("connection", activity.tenant, activity.connection)
    row = rows.get(key)
    known = row if isinstance(row, ConnectionRow) else None
    trust = clip(activity.trust)
    opened = activity.kind is ActivityKind.CONNECTION_OPENED
    if trust is None and not opened and (known is None or now - known.last_seen < config.thread_ttl // 8):
        return
    known = known or ConnectionRow(now)
    row = msgspec.structs.replace(
        known,
        last_seen=now,
        trust=trust or known.trust,
        opened_at=activity.occurred_at if opened and known.opened_at is None else known.opened_at,
    )
    keep(key, row, rows, now, config.thread_ttl)
