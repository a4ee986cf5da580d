"""Activity documents: the members of `ActivityObserved`, of which only `kind` is required."""

from __future__ import annotations

import time

import msgspec

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.dialects.expecting import TIME, unreadable
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.dialects.members import MAX_ID_LENGTH
from tocsin.connectors.publish import Origin
from tocsin.connectors.publish.reporting import FUTURE, event_id
from tocsin.schemas.events import ActivityKind, ActivityObserved

_OURS = frozenset({"event_id", "tenant", "recorded_at", "traceparent"})
_THEIRS = frozenset(ActivityObserved.__struct_fields__) - _OURS
_KINDS = ", ".join(kind for kind in ActivityKind if kind is not ActivityKind.UNKNOWN)
_IDS = ("message_id", "thread_id", "parent_thread_id", "connection", "record_id")


def activity_from(raw: bytes, origin: Origin, *, now: int | None = None) -> ActivityObserved:
    """The event of one activity document. Ids, tenant and the time of recording are ours to say; unknown members are
    refused: a misspelt one would silently explain nothing. Raises Unreadable."""
    document = parse_json(raw)
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    strange = document.keys() - _THEIRS
    if strange:
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected=f"only the members {', '.join(sorted(_THEIRS))}")
    now = time.time_ns() // 1000 if now is None else now
    ours = {"event_id": event_id(origin), "tenant": origin.tenant, "recorded_at": now, "occurred_at": now}
    try:
        activity = msgspec.convert(ours | document | {"traceparent": origin.traceparent}, ActivityObserved)
    except msgspec.ValidationError as error:
        raise unreadable(error, ActivityObserved) from None
    if activity.kind is ActivityKind.UNKNOWN:
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/kind", f"one of {_KINDS}")
    for name in _IDS:
        if len(getattr(activity, name) or "") > MAX_ID_LENGTH:
            raise Unreadable(UnreadableReason.TOO_LONG, f"/{name}", f"at most {MAX_ID_LENGTH} characters")
    if not 0 <= activity.occurred_at <= now + FUTURE:
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/occurred_at", f"{TIME}, not ahead")
    return activity
