"""One body, one document or many: an array, NDJSON, or a CloudEvents envelope taken off."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tocsin.connectors.dialects import AUTO, DIALECT_OF_MEDIA_TYPE, Unreadable, UnreadableReason
from tocsin.connectors.dialects.json_text import MAX_DEPTH, json_text, parse_json
from tocsin.connectors.gateway.asking import (
    CLOUD_EVENT,
    CLOUD_EVENTS,
    JSON,
    MAX_ID,
    NDJSON,
    SPEC_VERSION,
    Asked,
    cloud_event_key,
)
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.problems import TOO_MANY, Refusal
from tocsin.connectors.publish import InboxEvent, Origin, problem_reported

Make = Callable[[], InboxEvent]
MakeFrom = Callable[[bytes, Origin], InboxEvent]
"""Makes an event of one document's bytes."""


class Batch(msgspec.Struct, frozen=True):
    """Several documents, in the order of the body."""

    makes: list[Make]


def split(body: bytes, asked: Asked, config: GatewayConfig, make: MakeFrom) -> Make | Batch:
    """What has to be made of the body. Raises Unreadable when it is not even a list of documents, Refusal when it has
    too many. An array is parsed as a whole, so each item's original bytes are its JSON written again."""
    if asked.media_type in NDJSON:
        lines = [line for line in body.split(b"\n") if line.strip()]
        return _batch([(line, JSON) for line in lines], asked, config, make)
    if asked.media_type == CLOUD_EVENTS or body.lstrip().startswith(b"["):
        items = parse_json(body, max_bytes=config.max_body, max_depth=MAX_DEPTH + 1)
        if not isinstance(items, list):
            raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an array")
        media_type = CLOUD_EVENT if asked.media_type == CLOUD_EVENTS else asked.media_type
        return _batch([(json_text(item).encode(), media_type) for item in items], asked, config, make)
    return _one(body, asked.media_type, asked.origin(), make)


def report_from(document: bytes, origin: Origin) -> InboxEvent:
    """The event of one problem document."""
    return problem_reported(document, origin)


def _batch(documents: list[tuple[bytes, str]], asked: Asked, config: GatewayConfig, make: MakeFrom) -> Batch:
    if len(documents) > config.max_items:
        raise Refusal(TOO_MANY, limit=config.max_items)
    if not documents:
        raise Unreadable(UnreadableReason.EMPTY, expected="at least one document")
    return Batch([_one(raw, kind, asked.origin(position), make) for position, (raw, kind) in enumerate(documents)])


def _one(raw: bytes, media_type: str, origin: Origin, make: MakeFrom) -> Make:
    origin = msgspec.structs.replace(origin, media_type=media_type)
    if media_type == CLOUD_EVENT:
        return lambda: make(*_opened(raw, origin))
    return lambda: make(raw, origin)


def _opened(raw: bytes, origin: Origin) -> tuple[bytes, Origin]:
    """The `data` of a CloudEvent (JSON format) and the origin that its attributes tell: its id, within its source, is
    an idempotency key, since a CloudEvent sent twice has the same (CloudEvents 1.0.2 "id")."""
    envelope = parse_json(raw)
    if not isinstance(envelope, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="a CloudEvent")
    source, ident = envelope.get("source"), envelope.get("id")
    for name, value in (("source", source), ("id", ident)):
        if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
            raise Unreadable(UnreadableReason.WRONG_TYPE, f"/{name}", f"a string of 1 to {MAX_ID} characters")
    if envelope.get("specversion") != SPEC_VERSION:
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/specversion", SPEC_VERSION)
    if "data_base64" in envelope:
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/data_base64", "data instead: data_base64 is not supported")
    if "data" not in envelope:
        raise Unreadable(UnreadableReason.MISSING_MEMBER, "/data", "the problem document")
    media_type = envelope.get("datacontenttype", JSON)
    kind = media_type.partition(";")[0].strip().lower() if isinstance(media_type, str) else JSON
    return json_text(envelope["data"]).encode(), msgspec.structs.replace(
        origin,
        media_type=kind,
        dialect=origin.dialect if origin.dialect != AUTO else DIALECT_OF_MEDIA_TYPE.get(kind, AUTO),
        idempotency_key=origin.idempotency_key or cloud_event_key(str(source), str(ident)),
    )
