"""From one document's bytes to its event."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.dialects.members import MAX_ID_LENGTH
from tocsin.connectors.dialects.refused_members import TIME, unreadable
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.documents import Document, split, without_envelope
from tocsin.connectors.gateway.problems import Refusal, refusal_of, refusals
from tocsin.connectors.gateway.request import RequestHead
from tocsin.connectors.publish import InboxEvent, NothingToPublish, Origin, problem_reported
from tocsin.connectors.publish.reporting import FUTURE, event_id
from tocsin.schemas.events import ActivityKind, ActivityObserved

MakeEvent = Callable[[bytes, Origin], InboxEvent]
"""The event of one document's bytes; raises Unreadable or NothingToPublish."""

_OURS = frozenset({"event_id", "tenant", "recorded_at", "traceparent"})
_THEIRS = frozenset(ActivityObserved.__struct_fields__) - _OURS
_KINDS = ", ".join(kind for kind in ActivityKind if kind is not ActivityKind.UNKNOWN)
_IDS = ("message_id", "thread_id", "parent_thread_id", "connection", "record_id")


class Ignored(Struct, frozen=True):
    """A document that is right and of which no event is made, and why."""

    why: str


Made = InboxEvent | Ignored | Refusal
"""What became of a document."""
Read = tuple[Document, Made]
ReadBody = Callable[[bytes, RequestHead, GatewayConfig], Read | list[Read]]
"""What became of each document of a body. Raises Refusal when the body has no documents."""


def read_documents(body: bytes, head: RequestHead, config: GatewayConfig, make: MakeEvent) -> Read | list[Read]:
    """The event of each document of a body, or why there is none. Raises Refusal when the body has no documents."""
    with refusals():
        documents = split(body, head, config)
    if isinstance(documents, Document):
        return read_one(documents, make)
    return [read_one(document, make) for document in documents]


def read_one(document: Document, make: MakeEvent) -> Read:
    """The event of a document, or why there is none; never raises."""
    try:
        document = without_envelope(document)
        return document, make(document.raw, document.origin)
    except NothingToPublish as nothing:
        # No mistake of its sender, who would send it again and again if it were refused.
        return document, Ignored(nothing.why)
    except Exception as error:
        return document, refusal_of(error)


def problem_from(raw: bytes, origin: Origin) -> InboxEvent:
    """The event of one problem document. Raises Unreadable or NothingToPublish."""
    return problem_reported(raw, origin)


def activity_from(raw: bytes, origin: Origin) -> ActivityObserved:
    """The event of one activity document. The bus sets ids, tenant and the time of recording. Unknown members are
    refused: a misspelt one would silently explain nothing. Raises Unreadable."""
    document = parse_json(raw)
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    strange = document.keys() - _THEIRS
    if strange:
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected=f"only the members {', '.join(sorted(_THEIRS))}")
    now = time.time_ns() // 1000
    ours = {
        "event_id": event_id(origin.within("activity")),
        "tenant": origin.tenant,
        "recorded_at": now,
        "occurred_at": now,
    }
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
