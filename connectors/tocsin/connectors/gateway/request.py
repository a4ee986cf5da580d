"""The head of a request (tenant, dialect, media type, idempotency key), and what OpenAPI says of them."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Struct
from starlette.requests import Request

from tocsin.connectors.dialects import AUTO, DIALECT_OF_MEDIA_TYPE, DIALECTS, Unreadable, UnreadableReason
from tocsin.connectors.dialects.context import ProblemContext
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.dialects.table import ALIASES
from tocsin.connectors.gateway.admission import caller_of, payer_of
from tocsin.connectors.gateway.body import read_body
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.credentials import KEY_HEADER
from tocsin.connectors.gateway.problems import (
    BAD_CLOUD_EVENT,
    BAD_KEY,
    MEDIA_TYPE,
    NOT_FROM_A_FORM,
    UNKNOWN_DIALECT,
    UNSUPPORTED,
    Refusal,
    refusals,
)
from tocsin.connectors.gateway.rates import Payer
from tocsin.connectors.publish import Origin
from tocsin.connectors.publish.reporting import TENANT
from tocsin.connectors.tracing import trace

JSON = "application/json"
NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
CLOUD_EVENT = "application/cloudevents+json"
CLOUD_EVENTS = "application/cloudevents-batch+json"
KNOWN = (JSON, *DIALECT_OF_MEDIA_TYPE, *sorted(NDJSON), CLOUD_EVENT, CLOUD_EVENTS)
"""Every media type that is taken."""

FORM = "application/x-www-form-urlencoded"
FORM_DETAIL = f"{FORM} is what curl -d says by itself: add -H 'content-type: application/json'."

NO_TYPE_DETAIL = "There is no Content-Type: add -H 'content-type: application/json'."

BY_HEADER = "tocsin-by"
"""Who issues a command, unless its document says so."""
NO_FORM_SENDS = (BY_HEADER, "tocsin-tenant", "idempotency-key", "authorization", KEY_HEADER)
"""Headers that a page elsewhere cannot make a browser send without asking us first, which is refused."""

CLOUD_EVENT_SCOPE = "cloudevent"
"""Within it and its source the id of a CloudEvent is a key: sent twice it is the same (CloudEvents 1.0.2 "id")."""

MAX_ID = 255
"""Characters of a CloudEvent's id, and of its source."""
SPEC_VERSION = "1.0"

_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")

TENANT_PARAMETER = {"name": "tenant", "in": "query", "schema": {"type": "string", "pattern": f"^{TENANT.pattern}$"}}
_SHORT = {"type": "string", "minLength": 1, "maxLength": 255}
KEY_PARAMETER = {"name": "Idempotency-Key", "in": "header", "schema": _SHORT}
BY_PARAMETER = {"name": "Tocsin-By", "in": "header", "schema": _SHORT}
REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"description": "Refused", "content": {MEDIA_TYPE: {}}}
    for status in (400, 401, 403, 408, 413, 415, 421, 422, 429, 431, 503)
}
READ_REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"description": "Refused; a browser gets a page", "content": {MEDIA_TYPE: {}, "text/html": {}}}
    for status in (400, 401, 403, 404, 421, 429, 431, 503)
}
"""The refusals of every route that only reads."""
ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"description": "Kafka has acknowledged it"}, **REFUSED}
"""The answers of every route that stores events."""


class RequestHead(Struct, frozen=True, kw_only=True):
    """What a request says besides its body. `media_type` is without parameters; `dialect` is `auto` unless something
    names one; `context` and `request_id` (X-Request-ID) are about every problem of the body."""

    tenant: str
    payer: Payer
    dialect: str
    media_type: str
    idempotency_key: str | None
    key_scope: tuple[str, ...] = ()
    traceparent: str | None
    tracestate: str | None = None
    context: ProblemContext | None = None
    request_id: str | None = None

    def origin(self, item: int | None = None) -> Origin:
        """The origin of the document, or of one item of a batch: there the key holds for the item's position."""
        return Origin(
            tenant=self.tenant,
            dialect=self.dialect,
            media_type=self.media_type,
            idempotency_key=self.idempotency_key,
            key_scope=self.key_scope if item is None else (*self.key_scope, "item", str(item)),
            traceparent=self.traceparent,
            tracestate=self.tracestate,
            context=self.context,
            request_id=self.request_id,
        )


def read_head(
    request: Request,
    *,
    body: bool = True,
    known: tuple[str, ...] = KNOWN,
    more_dialects: tuple[str, ...] = (),
) -> RequestHead:
    """The head of a request. Raises Refusal: an idempotency key, dialect or media type that cannot be, or is not
    `known` here; `more_dialects` are taken by this route alone. Without a `body` the media type is not looked at: many
    clients send one all the same."""
    found = trace_of(request)
    media_type = _media_type(request, known) if body else JSON
    own = _idempotency_key(request)
    key, scope = (own, ()) if own is not None else _cloud_event_key(request, media_type)
    return RequestHead(
        tenant=caller_of(request).tenant,
        payer=payer_of(request),
        dialect=checked_dialect(request.query_params.get("dialect", AUTO), more_dialects),
        media_type=media_type,
        idempotency_key=key,
        key_scope=scope,
        traceparent=found.get("traceparent"),
        tracestate=found.get("tracestate"),
    )


def trace_of(request: Request) -> dict[str, str]:
    """The members `traceparent` and `tracestate` of a request: of two parents neither counts, and states are
    joined."""
    parents, states = request.headers.getlist("traceparent"), request.headers.getlist("tracestate")
    return trace(parents[0] if len(parents) == 1 else None, ",".join(states))


def keyed_by_webhook(head: RequestHead, request: Request, body: bytes) -> RequestHead:
    """Without a key of its own, a webhook has one by its `webhook-id`: delivered again it has the same, and the same
    bytes (Standard Webhooks). Ids of two senders may be equal by chance, so the body is part of the key; an id that is
    no key says nothing: a foreign sender did not mean it as ours."""
    said = request.headers.getlist("webhook-id")
    if head.idempotency_key is not None or len(said) != 1 or not is_key(said[0]):
        return head
    key = f"{said[0]} {hashlib.sha256(body).hexdigest()}"
    return msgspec.structs.replace(head, idempotency_key=key, key_scope=("webhook",))


async def read_command(request: Request, config: GatewayConfig) -> tuple[RequestHead, dict[str, object], str | None]:
    """The request of a command or a silence: its head, its document (no body is an empty one), and who issues it by the
    header. Raises Refusal."""
    body = await read_body(request, config)
    head = read_head(request, body=bool(body), known=(JSON,))
    if not body and not any(name in request.headers for name in NO_FORM_SENDS) and not _is_json(request):
        raise Refusal(NOT_FROM_A_FORM)
    with refusals():
        document = parse_json(body) if body.strip() else {}
        if not isinstance(document, dict):
            raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    return head, document, request.headers.get(BY_HEADER)


def is_key(said: str) -> bool:
    """Whether it can be an idempotency key."""
    return _KEY.fullmatch(said) is not None


def checked_dialect(name: str, more: tuple[str, ...] = ()) -> str:
    """The dialect of this name or alias, or `auto`. Raises Refusal for one that is not known."""
    if name not in (AUTO, *more) and ALIASES.get(name, name) not in DIALECTS:
        raise Refusal(UNKNOWN_DIALECT, dialects=[AUTO, *more, *DIALECTS])
    return ALIASES.get(name, name)


def _unsupported(request: Request, known: tuple[str, ...]) -> Refusal:
    """The refusal of a media type other than these. What HTML forms may send is never read as JSON: any web page could
    then make a visitor's browser publish or acknowledge."""
    more: dict[str, object] = {"supported": list(known), "charset": "utf-8"}
    if "content-type" not in request.headers:
        more["detail"] = NO_TYPE_DETAIL
    if request.headers.get("content-type", "").strip().lower().startswith(FORM):
        more["detail"] = FORM_DETAIL
    return Refusal(UNSUPPORTED, **more)


def media_type_of(request: Request, known: tuple[str, ...]) -> str:
    """The media type of a request's body, without parameters. Raises Refusal for one that is not `known`, unless none
    is: any is taken then."""
    if known:
        return _media_type(request, known)
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _media_type(request: Request, known: tuple[str, ...]) -> str:
    said = ",".join(request.headers.getlist("content-type"))  # two of them are none that is known
    media_type, _, parameters = said.partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", parameters, re.IGNORECASE)
    media_type = media_type.strip().lower()
    if media_type not in known or (charset and charset.group(1).lower() not in ("utf-8", "utf8", "us-ascii")):
        raise _unsupported(request, known)
    return media_type


def _is_json(request: Request) -> bool:
    return [said.partition(";")[0].strip().lower() for said in request.headers.getlist("content-type")] == [JSON]


def _idempotency_key(request: Request) -> str | None:
    said = request.headers.getlist("idempotency-key")
    if not said:
        return None
    if len(said) > 1 or not is_key(said[0]):
        raise Refusal(BAD_KEY)
    return said[0]


def _cloud_event_key(request: Request, media_type: str) -> tuple[str | None, tuple[str, ...]]:
    """The key, and its scope, that a CloudEvent in binary mode has by its headers `ce-*` (percent-encoded, HTTP
    binding 3.1.3.2)."""
    headers = request.headers
    if media_type in (CLOUD_EVENT, CLOUD_EVENTS) or not {"ce-specversion", "ce-id", "ce-source"} & set(headers.keys()):
        return None, ()
    ident, source = unquote(headers.get("ce-id", "")), unquote(headers.get("ce-source", ""))
    known = headers.get("ce-specversion") == SPEC_VERSION
    if not known or not 0 < len(ident) <= MAX_ID or not 0 < len(source) <= MAX_ID:
        raise Refusal(BAD_CLOUD_EVENT)
    return ident, (CLOUD_EVENT_SCOPE, source)
