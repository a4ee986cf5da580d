"""Which record becomes which rows: the table of events, and of what needs none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tocsin.connectors.kafka.dead_letters import PURGED_OF, REPLAYED_OF
from tocsin.connectors.redaction import REDACTED, might_hold_secret, redacted
from tocsin.schemas.events import (
    Event,
    KeySet,
    KeyUsed,
    OverrideSet,
    SchemaInUse,
    SubscriptionSet,
    TenantSet,
    Tick,
)
from tocsin.streams.projector import about_activity, about_commands, about_deliveries, about_problems
from tocsin.streams.projector.taken import Taken, Turn

TOPICS = ("settings", "inbox", "problems", "escalations", "answers", "deliveries", "attempts", "dead", "audit")
"""The topics that are projected, without prefix."""

HANDLERS: Mapping[type[Any], Callable[[Turn, Any, Taken], None]] = {
    **about_problems.HANDLERS, **about_activity.HANDLERS, **about_commands.HANDLERS, **about_deliveries.HANDLERS,
}  # fmt: skip
WITHOUT_ROWS: Collection[type[Any]] = (Tick, SchemaInUse, SubscriptionSet, TenantSet, OverrideSet, KeySet, KeyUsed)
"""Events that leave nothing in the store: those of the bus itself, and settings that hold secrets or have their own
API."""

SILENCE_KEY = "silence/"


def put_rows(turn: Turn, taken: Taken) -> None:
    """Put the rows of one record into `turn.changes`. Whatever it raises is a fault of the record or of ours."""
    if taken.topic == "dead":
        if not any(name in (REPLAYED_OF, PURGED_OF) for name, _ in taken.headers):
            about_deliveries.buried(turn, taken)
        return
    if taken.event is None:
        key = taken.key.decode("utf-8", "replace")
        if taken.topic == "settings" and key.startswith(SILENCE_KEY):
            turn.changes.put("silence_gone", {"id": key.removeprefix(SILENCE_KEY)})
        return
    handler = HANDLERS.get(type(taken.event))
    if handler is not None:
        handler(turn, _without_secrets(turn, taken, taken.event), taken)


def _without_secrets(turn: Turn, taken: Taken, event: Event) -> Event:
    """As `decide` takes it: what its tenant calls secret, and what a foreign producer has not taken out."""
    if taken.topic != "inbox":
        return event
    redaction = turn.redaction_of(event.tenant)
    if redaction.members or (REDACTED not in taken.headers and might_hold_secret(taken.value)):
        return redacted(event, redaction)
    return event
