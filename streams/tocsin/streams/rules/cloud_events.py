"""Our notification as a CloudEvent (CloudEvents 1.0.2, JSON format, structured mode): `body: cloudevents`."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from tocsin.connectors.dialects.notification import CLOUD_EVENT_TYPES
from tocsin.connectors.tracing import trace

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"

SOURCE = "/tocsin"
"""The `source` of a bus that has no address of its own (TOCSIN_PUBLIC_URL)."""

ROOM = 2048
"""Bytes that the attributes may have, besides the notification."""

MAX_ATTRIBUTE = 255
"""Characters of an attribute whose value comes from elsewhere."""

_ENCODER = msgspec.json.Encoder(order="deterministic")


class _Notification(Struct):
    type: str
    timestamp: str
    data: Raw


class _Data(Struct):
    case: str | None = None
    tenant: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None


def as_cloud_event(notification: bytes, about: str, public_url: str | None) -> bytes:
    """A notification of ours as a CloudEvent about the event `about`: its `data` is the notification's, byte for byte;
    `subject` is the case, `tenant` an extension attribute, a trace is told by its extension (Distributed Tracing). At
    most ROOM bytes longer than the notification, which is of ours and can be read."""
    found = msgspec.json.decode(notification, type=_Notification)
    known = msgspec.json.decode(found.data, type=_Data)
    attributes = {
        "specversion": "1.0",
        "id": about,
        "source": public_url if public_url and len(public_url) <= MAX_ATTRIBUTE else SOURCE,
        "type": CLOUD_EVENT_TYPES + found.type,
        "time": found.timestamp,
        "datacontenttype": "application/json",
        "data": found.data,
    }
    attributes |= {name: value for name, value in (("subject", known.case), ("tenant", known.tenant))
                   if value and len(value) <= MAX_ATTRIBUTE}  # fmt: skip
    return _ENCODER.encode(attributes | trace(known.traceparent, known.tracestate))
