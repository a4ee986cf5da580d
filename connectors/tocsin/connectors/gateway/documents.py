"""From one body to its documents: one, or many in an array, NDJSON or a batch of CloudEvents."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import islice

import msgspec

from tocsin.connectors.dialects import AUTO, DIALECT_OF_MEDIA_TYPE, Unreadable, UnreadableReason, notification, text
from tocsin.connectors.dialects.json_text import MAX_DEPTH, count_items, json_text, parse_json
from tocsin.connectors.dialects.notification import CLOUD_EVENT_TYPES
from tocsin.connectors.dialects.table import ALIASES
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.problems import TOO_MANY, Refusal
from tocsin.connectors.gateway.request import (
    CLOUD_EVENT,
    CLOUD_EVENT_SCOPE,
    CLOUD_EVENTS,
    JSON,
    MAX_ID,
    NDJSON,
    SPEC_VERSION,
    RequestHead,
)
from tocsin.connectors.publish import Origin


class Document(msgspec.Struct, frozen=True):
    """The bytes of one document, not parsed yet, and where it comes from."""

    raw: bytes
    origin: Origin


def count_documents(body: bytes, head: RequestHead, config: GatewayConfig) -> int:
    """How many documents a body has; counted before anything is parsed, since a few bytes make an item. Raises Refusal
    when they are more than one request may have."""
    at_most = config.max_items
    if head.media_type in NDJSON:
        count = sum(1 for _ in islice(lines_of(body), at_most + 1))
    elif _is_array(body, head):
        count = count_items(body, at_most)
    else:
        return 1
    if count > at_most:
        raise Refusal(TOO_MANY, limit=at_most)
    return max(count, 1)


def split(body: bytes, head: RequestHead, config: GatewayConfig) -> Document | list[Document]:
    """The document of a body, or the documents of a batch in their order; they have been counted. Raises Unreadable
    when it is not even a list of documents. An array is parsed as a whole, so each item's original bytes are its
    JSON written again."""
    if head.media_type in NDJSON:
        return _batch(list(lines_of(body)), JSON, head)
    if _is_array(body, head):
        items = parse_json(body, max_bytes=config.max_body, max_depth=MAX_DEPTH + 1)
        if not isinstance(items, list):
            raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an array")
        media_type = CLOUD_EVENT if head.media_type == CLOUD_EVENTS else head.media_type
        return _batch([json_text(item).encode() for item in items], media_type, head)
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
    dialect = origin.dialect if origin.dialect != AUTO else DIALECT_OF_MEDIA_TYPE.get(kind, AUTO)
    origin = msgspec.structs.replace(origin, media_type=kind, dialect=dialect)
    if origin.idempotency_key is None:
        origin = msgspec.structs.replace(origin, idempotency_key=ident, key_scope=(CLOUD_EVENT_SCOPE, str(source)))
    return Document(json_text(_notification(envelope) or envelope["data"]).encode(), origin)


def _notification(envelope: dict[str, object]) -> dict[str, object] | None:
    """The notification of another bus that told it as a CloudEvent; None when this is none. With it come its hops."""
    kind, data = envelope.get("type"), envelope["data"]
    if not isinstance(kind, str) or not kind.startswith(CLOUD_EVENT_TYPES) or not isinstance(data, dict):
        return None
    found = {"type": kind.removeprefix(CLOUD_EVENT_TYPES), "timestamp": envelope.get("time"), "data": data}
    return found if notification.looks_like(found) else None


def _is_array(body: bytes, head: RequestHead) -> bool:
    return head.media_type == CLOUD_EVENTS or (body.lstrip().startswith(b"[") and not _is_text(head))


def lines_of(body: bytes) -> Iterator[bytes]:
    """The lines that are not blank, one at a time: a body may be all line ends."""
    return (line.removesuffix(b"\n") for line in BytesIO(body) if line.strip())


def _batch(documents: list[bytes], media_type: str, head: RequestHead) -> list[Document]:
    if not documents:
        raise Unreadable(UnreadableReason.EMPTY, expected="at least one document")
    head = msgspec.structs.replace(head, media_type=media_type)
    return [Document(raw, head.origin(position)) for position, raw in enumerate(documents)]
