"""One request, read: its head (tenant, dialect, media type, idempotency key), its body, and what OpenAPI says of them.

The body is bounded in bytes, before and after decoding, and in time.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import zlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request

from tocsin.connectors.dialects import AUTO, DIALECT_OF_MEDIA_TYPE, DIALECTS, Unreadable, UnreadableReason
from tocsin.connectors.dialects.context import ProblemContext
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.dialects.table import ALIASES
from tocsin.connectors.gateway.problems import (
    BAD_CLOUD_EVENT,
    BAD_ENCODING,
    BAD_KEY,
    BAD_TENANT,
    MALFORMED,
    MEDIA_TYPE,
    TOO_LARGE,
    TOO_SLOW,
    UNKNOWN_DIALECT,
    UNSUPPORTED,
    UNSUPPORTED_ENCODING,
    Refusal,
    refusals,
)
from tocsin.connectors.publish import Origin
from tocsin.connectors.tracing import trace

JSON = "application/json"
NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
CLOUD_EVENT = "application/cloudevents+json"
CLOUD_EVENTS = "application/cloudevents-batch+json"
KNOWN = (JSON, *DIALECT_OF_MEDIA_TYPE, *sorted(NDJSON), CLOUD_EVENT, CLOUD_EVENTS)
"""Every media type that is taken."""

FORM = "application/x-www-form-urlencoded"
FORM_DETAIL = f"{FORM} is what curl -d says by itself: add -H 'content-type: application/json'."

BY_HEADER = "tocsin-by"
"""Who issues a command, unless its document says so."""

MAX_ID = 255
"""Characters of a CloudEvent's id, and of its source."""
SPEC_VERSION = "1.0"

_TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_GZIP_WINDOW = 31
_PIECE = 64 * 1024
"""How many bytes are inflated at a time."""

TENANT_PARAMETER = {"name": "tenant", "in": "query", "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}}
_SHORT = {"type": "string", "minLength": 1, "maxLength": 255}
KEY_PARAMETER = {"name": "Idempotency-Key", "in": "header", "schema": _SHORT}
BY_PARAMETER = {"name": "Tocsin-By", "in": "header", "schema": _SHORT}
REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"description": "Refused", "content": {MEDIA_TYPE: {}}} for status in (400, 408, 413, 415, 422, 503)
}
ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"description": "Kafka has acknowledged it"}, **REFUSED}
"""The answers of every route that stores events."""


class GatewayConfig(Struct, frozen=True, kw_only=True):
    """`max_body`: bytes, after decoding. `deadline`: seconds for the body to arrive, and again for Kafka's answer."""

    default_tenant: str = "default"
    max_body: int = 1024 * 1024
    max_items: int = 1000
    deadline: float = 10.0


class RequestHead(Struct, frozen=True, kw_only=True):
    """What a request says besides its body. `media_type` is without parameters; `dialect` is `auto` unless something
    names one; `context` and `request_id` (X-Request-ID) are about every problem of the body."""

    tenant: str
    dialect: str
    media_type: str
    idempotency_key: str | None
    traceparent: str | None
    tracestate: str | None = None
    context: ProblemContext | None = None
    request_id: str | None = None

    def origin(self, item: int | None = None) -> Origin:
        """The origin of the document, or of one item of a batch: there each has its own key, `<key>/<position>`."""
        key = self.idempotency_key
        return Origin(
            tenant=self.tenant,
            dialect=self.dialect,
            media_type=self.media_type,
            idempotency_key=key if key is None or item is None else f"{key}/{item}",
            traceparent=self.traceparent,
            tracestate=self.tracestate,
            context=self.context,
            request_id=self.request_id,
        )


def read_head(
    request: Request, config: GatewayConfig, *, body: bool = True, known: tuple[str, ...] = KNOWN
) -> RequestHead:
    """The head of a request. Raises Refusal: a tenant, key, dialect or media type that cannot be, or is not `known`
    here. Without a `body` the media type is not looked at: many clients send one all the same."""
    parents, states = request.headers.getlist("traceparent"), request.headers.getlist("tracestate")
    found = trace(parents[0] if len(parents) == 1 else None, ",".join(states))
    media_type = _media_type(request, known) if body else JSON
    return RequestHead(
        tenant=_tenant(request, config),
        dialect=_dialect(request),
        media_type=media_type,
        idempotency_key=_idempotency_key(request) or _cloud_event_key(request, media_type),
        traceparent=found.get("traceparent"),
        tracestate=found.get("tracestate"),
    )


def keyed_by_webhook(head: RequestHead, request: Request, body: bytes) -> RequestHead:
    """Without a key of its own, a webhook has one by its `webhook-id`: delivered again it has the same, and the same
    bytes (Standard Webhooks). Ids of two senders may be equal by chance, so the body is part of the key; an id that is
    no key says nothing: a foreign sender did not mean it as ours."""
    said = request.headers.getlist("webhook-id")
    if head.idempotency_key is not None or len(said) != 1 or not _KEY.fullmatch(said[0]):
        return head
    key = f"{said[0]} {hashlib.sha256(body).hexdigest()}"
    return msgspec.structs.replace(head, idempotency_key=key)


async def read_body(request: Request, config: GatewayConfig) -> bytes:
    """The decoded body. Raises Refusal: too large (at most the limit and one network read have been taken in by then),
    too slow, an encoding we do not speak or that is broken."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise Refusal(UNSUPPORTED_ENCODING, supported=["gzip", "identity"])
    declared = request.headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit() or int(declared[:20]) > config.max_body:
        raise _too_large(config)
    try:
        async with asyncio.timeout(config.deadline):
            if encoding == "identity":
                return await _plain(request.stream(), config)
            return await _gunzipped(request.stream(), config)
    except TimeoutError:
        raise Refusal(TOO_SLOW) from None
    except ClientDisconnect:
        raise Refusal(MALFORMED) from None


async def read_command(request: Request, config: GatewayConfig) -> tuple[RequestHead, dict[str, object], str | None]:
    """The request of a command or a silence: its head, its document (no body is an empty one), and who issues it by the
    header. Raises Refusal."""
    body = await read_body(request, config)
    head = read_head(request, config, body=bool(body), known=(JSON,))
    with refusals():
        document = parse_json(body) if body.strip() else {}
        if not isinstance(document, dict):
            raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    return head, document, request.headers.get(BY_HEADER)


def cloud_event_key(source: str, ident: str) -> str:
    """A CloudEvent sent twice has the same id within its source (CloudEvents 1.0.2 "id")."""
    return f"{source} {ident}"


def _tenant(request: Request, config: GatewayConfig) -> str:
    said = {*request.query_params.getlist("tenant"), *request.headers.getlist("tocsin-tenant")}
    if len(said) > 1:
        raise Refusal(BAD_TENANT)
    tenant = said.pop() if said else config.default_tenant
    if not _TENANT.fullmatch(tenant):
        raise Refusal(BAD_TENANT)
    return tenant


def _dialect(request: Request) -> str:
    name = request.query_params.get("dialect", AUTO)
    if name != AUTO and ALIASES.get(name, name) not in DIALECTS:
        raise Refusal(UNKNOWN_DIALECT, dialects=[AUTO, *DIALECTS])
    return ALIASES.get(name, name)


def _unsupported(request: Request, known: tuple[str, ...]) -> Refusal:
    """The refusal of a media type other than these. What HTML forms may send is never read as JSON: any web page could
    then make a visitor's browser publish or acknowledge."""
    more: dict[str, object] = {"supported": list(known), "charset": "utf-8"}
    if request.headers.get("content-type", "").strip().lower().startswith(FORM):
        more["detail"] = FORM_DETAIL
    return Refusal(UNSUPPORTED, **more)


def _media_type(request: Request, known: tuple[str, ...]) -> str:
    said = request.headers.get("content-type", JSON)
    media_type, _, parameters = said.partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", parameters, re.IGNORECASE)
    media_type = media_type.strip().lower()
    if media_type not in known or (charset and charset.group(1).lower() not in ("utf-8", "utf8", "us-ascii")):
        raise _unsupported(request, known)
    return media_type


def _idempotency_key(request: Request) -> str | None:
    said = request.headers.getlist("idempotency-key")
    if not said:
        return None
    if len(said) > 1 or not _KEY.fullmatch(said[0]):
        raise Refusal(BAD_KEY)
    return said[0]


def _cloud_event_key(request: Request, media_type: str) -> str | None:
    """The key that a CloudEvent in binary mode has by its headers `ce-*` (percent-encoded, HTTP binding 3.1.3.2)."""
    headers = request.headers
    if media_type in (CLOUD_EVENT, CLOUD_EVENTS) or not {"ce-specversion", "ce-id", "ce-source"} & set(headers.keys()):
        return None
    ident, source = unquote(headers.get("ce-id", "")), unquote(headers.get("ce-source", ""))
    known = headers.get("ce-specversion") == SPEC_VERSION
    if not known or not 0 < len(ident) <= MAX_ID or not 0 < len(source) <= MAX_ID:
        raise Refusal(BAD_CLOUD_EVENT)
    return cloud_event_key(source, ident)


async def _plain(stream: AsyncIterator[bytes], config: GatewayConfig) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in stream:
        size += len(piece)
        if size > config.max_body:
            raise _too_large(config)
        pieces.append(piece)
    return b"".join(pieces)


async def _gunzipped(stream: AsyncIterator[bytes], config: GatewayConfig) -> bytes:
    inflate = zlib.decompressobj(_GZIP_WINDOW)
    decoded = bytearray()
    async for piece in stream:
        if inflate.eof and piece:
            raise Refusal(BAD_ENCODING)
        while piece:
            try:
                decoded += inflate.decompress(piece, _PIECE)
            except zlib.error:
                raise Refusal(BAD_ENCODING) from None
            if len(decoded) > config.max_body:
                raise _too_large(config)
            piece = inflate.unconsumed_tail
        if inflate.unused_data:
            raise Refusal(BAD_ENCODING)
    if not inflate.eof:
        raise Refusal(BAD_ENCODING)
    return bytes(decoded)


def _too_large(config: GatewayConfig) -> Refusal:
    return Refusal(TOO_LARGE, limit=config.max_body)
