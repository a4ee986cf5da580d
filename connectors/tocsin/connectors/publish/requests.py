"""What is posted to the gateway for an event, and what its answer means."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Self
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects import canonical
from tocsin.connectors.dialects.context import context_in
from tocsin.connectors.publish.errors import (
    GatewayAway,
    NotAllowed,
    PublishFailed,
    PublishRefused,
    PublishUnconfirmed,
)
from tocsin.connectors.publish.port import InboxEvent, Receipt
from tocsin.connectors.publish.wire import NO_ANSWER, NOT_IN_TIME, Answer
from tocsin.connectors.redaction import Redactions, redact_and_encode
from tocsin.connectors.tracing import trace
from tocsin.schemas.events import ActivityObserved, ProblemReported
from tocsin.schemas.ids import idempotent_id

CANONICAL, JSON = "application/vnd.tocsin.problem+json", "application/json"
TAKEN = 202
"""What a gateway answers when it has an event. Whatever else says that all is well, a page to log in, has none."""
PROBLEMS, ACTIVITY = "/v1/problems", "/v1/activity"
_SET_BY_THE_GATEWAY = ("event_id", "tenant", "recorded_at", "traceparent", "tracestate")
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")

_REFUSED = frozenset({400, 409, 410, 411, 413, 414, 415, 422, 431})
"""What another attempt with the same bytes cannot mend."""
_LATER = frozenset({425, 429})


class PublishRequest(Struct, frozen=True, array_like=True):
    """One request, ready to be sent. `event_id` is the one that the gateway will give the event, by its key."""

    event_id: str
    path: str
    headers: dict[str, str]
    body: bytes

    @classmethod
    def read(cls, spooled: bytes) -> Self:
        """From the spool. Raises ValueError."""
        try:
            return msgspec.msgpack.decode(spooled, type=cls)
        except msgspec.DecodeError as error:
            raise ValueError(f"this is no request of a spool: {error}") from None


def spooled_request(request: PublishRequest) -> bytes:
    """As it stands in the spool."""
    return msgspec.msgpack.encode(request)


def request_of(event: InboxEvent, redactions: Redactions) -> PublishRequest:
    """The request that publishes an event, without its secrets: its original bytes if it has them, with what was said
    beside them as parameters; else the problem in our own form. Raises Unencodable; PublishRefused for a command."""
    event, _ = redact_and_encode(event, redactions)
    key = key_of(event)
    state = event.tracestate if isinstance(event, ProblemReported) else None
    headers = {"idempotency-key": key, "tocsin-tenant": event.tenant, **trace(event.traceparent, state)}
    if isinstance(event, ProblemReported):
        path, media_type, body = _problem(event)
        return PublishRequest(idempotent_id(event.tenant, key), path, headers | {"content-type": media_type}, body)
    if isinstance(event, ActivityObserved):
        body = msgspec.json.encode(_activity(event))
        event_id = idempotent_id(event.tenant, key, "activity")
        return PublishRequest(event_id, ACTIVITY, headers | {"content-type": JSON}, body)
    raise PublishRefused(event.event_id, "commands have routes of their own at the gateway: /v1/problems/{id}/...")


def key_of(event: InboxEvent) -> str:
    """The key of an event: its publisher's, or its event id; a digest of it where it cannot stand in a header."""
    key = (event.idempotency_key if isinstance(event, ProblemReported) else None) or event.event_id
    return key if _KEY.fullmatch(key) else hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _problem(event: ProblemReported) -> tuple[str, str, bytes]:
    """Path, media type and body."""
    if not event.raw:
        return PROBLEMS, CANONICAL, msgspec.json.encode(canonical.write(event.problem))
    said: dict[str, Any] = {"dialect": event.problem.dialect, **context_in(event.problem)}
    return f"{PROBLEMS}?{urlencode(said, doseq=True)}", event.raw_media_type or JSON, event.raw


def _activity(event: ActivityObserved) -> dict[str, object]:
    members = msgspec.to_builtins(event)
    return {
        name: value
        for name, value in members.items()
        if name not in _SET_BY_THE_GATEWAY and value not in (None, "", {}, [])
    }


def failure_of(answer: Answer, event_id: str, url: str) -> PublishFailed | None:
    """Why the event of an answer is not safe; None when it is."""
    said = f"the gateway answers {answer.status}: {answer.said}" if answer.said else f"it answers {answer.status}"
    if answer.status == TAKEN:
        return None
    if answer.status in (401, 403):
        return NotAllowed(event_id, said)
    if answer.status in _REFUSED:
        return PublishRefused(event_id, said)
    if answer.status == NO_ANSWER:
        return GatewayAway(event_id, url, answer.said)
    if answer.status in (NOT_IN_TIME, 408, 504):
        return PublishUnconfirmed(event_id, retry_after=answer.retry_after)
    if answer.status not in _LATER and answer.status < 500:
        said = f"{said}: is that the address of the gateway?"
    return GatewayAway(event_id, url, said, answer.retry_after)


def receipt_of(answer: Answer, event_id: str) -> Receipt:
    """The receipt in an answer: of another event id than ours, if the gateway says so."""
    said = answer.document.get("event_id")
    return Receipt(event_id=said if isinstance(said, str) else event_id)
