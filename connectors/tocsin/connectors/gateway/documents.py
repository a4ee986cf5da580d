"""From one body to its documents: one, or many in an array, NDJSON or a batch of CloudEvents."""

from __future__ import annotations

import msgspec

from tocsin.connectors.dialects import AUTO, DIALECT_OF_MEDIA_TYPE, Unreadable, UnreadableReason, text
from tocsin.connectors.dialects.json_text import MAX_DEPTH, json_text, parse_json
from tocsin.connectors.dialects.table import ALIASES
from tocsin.connectors.gateway.problems import TOO_MANY, Refusal
from tocsin.connectors.gateway.request import (
    CLOUD_EVENT,
    CLOUD_EVENTS,
    JSON,
    MAX_ID,
    NDJSON,
    SPEC_VERSION,
    GatewayConfig,
    RequestHead,
    cloud_event_key,
)
from tocsin.connectors.publish import Origin


class Document(msgspec.Struct, frozen=True):
    """The bytes of one document, not parsed yet, and where it comes from."""

    raw: bytes
    origin: Origin


def split(body: bytes, head: RequestHead, config: GatewayConfig) -> Document | list[Document]:
    """The document of a body, or the documents of a batch in their order. Raises Unreadable when it is not even a list
    of documents, Refusal when it has too many. An array is parsed as a whole, so each item's original bytes are its
    JSON written again."""
    if head.media_type in NDJSON:
        return _batch([line for line in body.split(b"\n") if line.strip()], JSON, head, config)
    if head.media_type == CLOUD_EVENTS or (body.lstrip().startswith(b"[") and not _is_text(head)):
        items = parse_json(body, max_bytes=config.max_body, max_depth=MAX_DEPTH + 1)
        if not isinstance(items, list):
            raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an array")
        media_type = CLOUD_EVENT if head.media_type == CLOUD_EVENTS else head.media_type
        return _batch([json_text(item).encode() for item in items], media_type, head, config)
    return Document(body, head.origin())


def _is_text(head: RequestHead) -> bool:
    """Whether the body is a text, whatever it looks like."""
    dialect = DIALECT_OF_MEDIA_TYPE.get(head.media_type, AUTO) if head.dialect == AUTO else head.dialect
    return ALIASES.get(dialect, dialect) == text.NAME


def without_envelope(document: Document) -> Document:
    """The `data` of a CloudEvent (JSON format) and the origin that its attributes tell: its id, within its source, is
    an idempotency key. Any other document is returned as it is. Raises Unreadable."""
    if document.origin.media_type != CLOUD_EVENT:
        return document
    envelope, origin = parse_json(document.raw), document.origin
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
    return Document(
        json_text(envelope["data"]).encode(),
        msgspec.structs.replace(
            origin,
            media_type=kind,
            dialect=origin.dialect if origin.dialect != AUTO else DIALECT_OF_MEDIA_TYPE.get(kind, AUTO),
            idempotency_key=origin.idempotency_key or cloud_event_key(str(source), str(ident)),
        ),
    )


def _batch(documents: list[bytes], media_type: str, head: RequestHead, config: GatewayConfig) -> list[Document]:
    if len(documents) > config.max_items:
        raise Refusal(TOO_MANY, limit=config.max_items)
    if not documents:
        raise Unreadable(UnreadableReason.EMPTY, expected="at least one document")
    head = msgspec.structs.replace(head, media_type=media_type)
    return [Document(raw, head.origin(position)) for position, raw in enumerate(documents)]
