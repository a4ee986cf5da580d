"""What a request says besides its body: tenant, dialect, media type, idempotency key."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote

import msgspec
from msgspec import Struct
from starlette.requests import Request

from tocsin.connectors.dialects import AUTO, DIALECT_OF_MEDIA_TYPE, DIALECTS
from tocsin.connectors.dialects.detection import ALIASES
from tocsin.connectors.gateway.config import TENANT, GatewayConfig
from tocsin.connectors.gateway.problems import (
    BAD_CLOUD_EVENT,
    BAD_KEY,
    BAD_TENANT,
    UNKNOWN_DIALECT,
    UNSUPPORTED,
    Refusal,
)
from tocsin.connectors.publish import Origin

JSON = "application/json"
NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
CLOUD_EVENT = "application/cloudevents+json"
CLOUD_EVENTS = "application/cloudevents-batch+json"
KNOWN = (JSON, *DIALECT_OF_MEDIA_TYPE, *sorted(NDJSON), CLOUD_EVENT, CLOUD_EVENTS)
"""Every media type that is taken."""

FORM = "application/x-www-form-urlencoded"
FORM_DETAIL = f"{FORM} is what curl -d says by itself: add -H 'content-type: application/json'."

MAX_ID = 255
"""Characters of a CloudEvent's id, and of its source."""
SPEC_VERSION = "1.0"

_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Asked(Struct, frozen=True, kw_only=True):
    """What was asked for. `media_type` is without parameters; `dialect` is `auto` unless something names one."""

    tenant: str
    dialect: str
    media_type: str
    idempotency_key: str | None
    traceparent: str | None

    def origin(self, item: int | None = None) -> Origin:
        """The origin of the document, or of one item of a batch: there each has its own key, `<key>/<position>`."""
        key = self.idempotency_key
        return Origin(
            tenant=self.tenant,
            dialect=self.dialect,
            media_type=self.media_type,
            idempotency_key=key if key is None or item is None else f"{key}/{item}",
            traceparent=self.traceparent,
        )


def asked(request: Request, config: GatewayConfig, *, body: bool = True, known: tuple[str, ...] = KNOWN) -> Asked:
    """Raises Refusal: a tenant, key, dialect or media type that cannot be, or is not `known` here. Without a `body` its
    media type says nothing: many clients send one all the same."""
    traceparent = request.headers.get("traceparent", "")
    media_type = _media_type(request, known) if body else JSON
    return Asked(
        tenant=_tenant(request, config),
        dialect=_dialect(request),
        media_type=media_type,
        idempotency_key=_idempotency_key(request) or _cloud_event_key(request, media_type),
        traceparent=traceparent if _TRACEPARENT.fullmatch(traceparent) else None,
    )


def keyed_by_webhook(question: Asked, request: Request, body: bytes) -> Asked:
    """Without a key of its own, a webhook has one by its `webhook-id`: delivered again it has the same, and the same
    bytes (Standard Webhooks). Ids of two senders may be equal by chance, so the body is part of the key; an id that is
    no key says nothing: a foreign sender did not mean it as ours."""
    said = request.headers.getlist("webhook-id")
    if question.idempotency_key is not None or len(said) != 1 or not _KEY.fullmatch(said[0]):
        return question
    key = f"{said[0]} {hashlib.sha256(body).hexdigest()}"
    return msgspec.structs.replace(question, idempotency_key=key)


def _tenant(request: Request, config: GatewayConfig) -> str:
    said = {*request.query_params.getlist("tenant"), *request.headers.getlist("tocsin-tenant")}
    if len(said) > 1:
        raise Refusal(BAD_TENANT)
    tenant = said.pop() if said else config.default_tenant
    if not TENANT.fullmatch(tenant):
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


def cloud_event_key(source: str, ident: str) -> str:
    """A CloudEvent sent twice has the same id within its source (CloudEvents 1.0.2 "id")."""
    return f"{source} {ident}"


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
