"""The events of what a peer sent: its problem report, or the message as activity.

Their ids follow from who sent what to whom: the same message again is the same event, whether it comes as the same
bytes, encrypted anew, by another gateway or through a mediator.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects import AUTO
from tocsin.connectors.dialects.context import MAX_CONTEXT, ProblemContext
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.didcomm.dids import short
from tocsin.connectors.didcomm.port import Unpacked
from tocsin.connectors.gateway.didcomm.config import Connection
from tocsin.connectors.gateway.didcomm.message import Message
from tocsin.connectors.publish import Origin, problem_reported
from tocsin.schemas.events import ActivityKind, ActivityObserved, ProblemReported
from tocsin.schemas.ids import derived_id

MEDIA_TYPES = {1: "application/json", 2: "application/didcomm-plain+json"}


class Traced(Struct, frozen=True, kw_only=True):
    """By what a message is found again in logs, records and answers, besides its digest."""

    request_id: str
    traceparent: str | None = None
    tracestate: str | None = None


class Arrival(Struct, frozen=True, kw_only=True):
    """A message that opened and is genuine, and for whom it is."""

    unpacked: Unpacked
    message: Message
    tenant: str
    own: str
    sender: str
    connection: Connection | None
    traced: Traced


def report_of(arrival: Arrival) -> ProblemReported:
    """The event of a problem report, as told by the peer. Raises Unreadable or NothingToPublish."""
    known = arrival.connection
    context = ProblemContext(
        sender=named(arrival.sender),
        recipients=[each for each in [named(arrival.own)] if each],
        connection=None if known is None else known.connection,
        trust=None if known is None else known.trust,
    )
    raw = plaintext_of(arrival.unpacked.message)
    traced = arrival.traced
    event = problem_reported(
        raw,
        Origin(
            tenant=arrival.tenant,
            dialect=AUTO,
            media_type=MEDIA_TYPES[arrival.unpacked.how.version],
            event_id=event_id(arrival, raw, "report"),
            context=context,
            request_id=traced.request_id,
            traceparent=traced.traceparent or arrival.message.traceparent,
            tracestate=traced.tracestate if traced.traceparent else None,
        ),
    )
    problem = event.problem
    # `where` is said from its writer's view, and the writer is the peer
    source = msgspec.structs.replace(problem.source, side="own" if problem.where_party == "you" else "peer")
    told = msgspec.structs.replace(
        problem, source=source, request_id=traced.request_id, message_sha256=arrival.unpacked.sha256
    )
    return msgspec.structs.replace(event, problem=told)


def activity_of(arrival: Arrival) -> ActivityObserved:
    """The event of a message that is no report: it explains what happens in its thread."""
    message, known, now = arrival.message, arrival.connection, time.time_ns() // 1000
    detail = {
        "request_id": arrival.traced.request_id,
        "sender": named(arrival.sender) or "",
        "recipient": named(arrival.own) or "",
    }
    return ActivityObserved(
        event_id=event_id(arrival, plaintext_of(arrival.unpacked.message), "activity"),
        tenant=arrival.tenant,
        occurred_at=now,
        recorded_at=now,
        traceparent=arrival.traced.traceparent or message.traceparent,
        kind=ActivityKind.MESSAGE_RECEIVED,
        message_id=message.id,
        message_type=message.type,
        thread_id=message.thread_id or message.id,
        parent_thread_id=message.parent_thread_id,
        digest=arrival.unpacked.sha256,
        connection=None if known is None else known.connection,
        trust=None if known is None else known.trust,
        detail={name: text for name, text in detail.items() if text},
    )


def event_id(arrival: Arrival, raw: bytes, kind: str) -> str:
    """The id of what one sender sent to one of ours."""
    digest = hashlib.sha256(raw).hexdigest()
    return derived_id("didcomm", arrival.tenant, kind, short(arrival.sender), short(arrival.own), digest)


def plaintext_of(message: dict[str, Any]) -> bytes:
    """The message as bytes, always the same ones for the same message."""
    return json_text(message).encode("utf-8", "surrogatepass")


def named(name: str) -> str | None:
    """A DID or verkey as an event has room for it: of a did:peer:4 that is a whole document, its short form. What is
    longer than that is not named: half a DID is another one."""
    name = name if len(name) <= MAX_CONTEXT else short(name)
    return name if len(name) <= MAX_CONTEXT else None
