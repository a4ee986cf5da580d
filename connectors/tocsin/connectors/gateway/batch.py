"""POST /v1/batch: events of both kinds, in the order in which they are to be stored, each under a key of its own.

An event has the same id, and is the same document, whichever request it comes in: alone under `Idempotency-Key`, or
here under `key`. So an item's document is taken as the bytes that stand there, and is not written again.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tocsin.connectors.dialects import AUTO, DIALECT_OF_MEDIA_TYPE, Unreadable, UnreadableReason, text
from tocsin.connectors.dialects.context import read_context
from tocsin.connectors.dialects.refused_members import unreadable
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.documents import Document, lines_of
from tocsin.connectors.gateway.events import MakeEvent, Read, activity_from, problem_from, read_one
from tocsin.connectors.gateway.problems import BAD_KEY, UNSUPPORTED, Refusal, refusal_of, refusals
from tocsin.connectors.gateway.request import JSON, NDJSON, RequestHead, checked_dialect, is_key
from tocsin.connectors.publish import Origin
from tocsin.connectors.tracing import trace

BATCH = (JSON, *sorted(NDJSON))
"""The media types of a batch: an array of items, or an item in each line."""
_OF_ITEMS = (JSON, *DIALECT_OF_MEDIA_TYPE)


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    """One event: a problem or an activity, as a request of its own would have it in its body, and what that request
    would say in its headers and its query. A document of a text stands there as a string."""

    problem: Raw | UnsetType = UNSET
    activity: Raw | UnsetType = UNSET
    key: str | None = None
    context: dict[str, Any] | None = None
    dialect: str = AUTO
    media_type: str = JSON
    traceparent: str | None = None
    tracestate: str | None = None


def read_batch(body: bytes, head: RequestHead, config: GatewayConfig) -> list[Read]:
    """The event of each item, or why there is none. Raises Refusal when the body is no list of items."""
    with refusals():
        items = _items(body, head)
        if not items:
            raise Unreadable(UnreadableReason.EMPTY, expected="at least one item")
    return [_read(item, head, position) for position, item in enumerate(items)]


def _items(body: bytes, head: RequestHead) -> list[bytes]:
    """Raises Unreadable."""
    if head.media_type in NDJSON:
        return list(lines_of(body))
    try:
        return [bytes(item) for item in msgspec.json.decode(body, type=list[Raw])]
    except msgspec.ValidationError:
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an array of items") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Unreadable(UnreadableReason.NOT_JSON, expected="an array of items in JSON") from None


def _read(raw: bytes, head: RequestHead, position: int) -> Read:
    """One item; what is wrong with it is a matter of it alone."""
    origin = head.origin(position)
    try:
        item = msgspec.json.decode(raw, type=Item)
        document, make = _document(item, _origin(item, origin))
    except msgspec.ValidationError as error:
        return Document(raw, origin), refusal_of(unreadable(error, Item))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Document(raw, origin), refusal_of(Unreadable(UnreadableReason.NOT_JSON, expected="an item in JSON"))
    except (Refusal, Unreadable) as error:
        return Document(raw, origin), refusal_of(error)
    return read_one(document, make)


def _document(item: Item, origin: Origin) -> tuple[Document, MakeEvent]:
    """Raises Unreadable, msgspec's errors."""
    if isinstance(item.problem, Raw):
        if isinstance(item.activity, Raw):
            raise Unreadable(UnreadableReason.WRONG_TYPE, "/activity", "a problem or an activity, not both")
        raw = bytes(item.problem)
        if DIALECT_OF_MEDIA_TYPE.get(item.media_type) == text.NAME:
            raw = msgspec.json.decode(raw, type=str).encode()
        return Document(raw, origin), problem_from
    if not isinstance(item.activity, Raw):
        raise Unreadable(UnreadableReason.MISSING_MEMBER, "/problem", "a problem, or an activity")
    return Document(bytes(item.activity), origin), activity_from


def _origin(item: Item, origin: Origin) -> Origin:
    """What is known of an item besides its document. Raises Refusal, Unreadable."""
    if item.key is not None and not is_key(item.key):
        raise Refusal(BAD_KEY, pointer="/key")
    if item.media_type not in _OF_ITEMS:
        raise Refusal(UNSUPPORTED, pointer="/media_type", supported=list(_OF_ITEMS))
    traced = trace(item.traceparent, item.tracestate)
    keyed = {} if item.key is None else {"idempotency_key": item.key, "key_scope": ()}
    return msgspec.structs.replace(
        origin,
        dialect=checked_dialect(item.dialect),
        media_type=item.media_type,
        context=origin.context if item.context is None else read_context(item.context),
        traceparent=traced.get("traceparent", origin.traceparent),
        tracestate=traced.get("tracestate", None if traced else origin.tracestate),
        **keyed,
    )
