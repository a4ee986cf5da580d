"""The gateway's own refusals: a closed catalogue of problem documents (RFC 9457). No exception's text gets in here."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.dialects.reading import SYNTAX_REASONS
from tocsin.connectors.gateway.access_kinds import ACCESS_KINDS
from tocsin.connectors.gateway.ask_kinds import ASK_KINDS
from tocsin.connectors.gateway.kind import Kind
from tocsin.connectors.gateway.source_kinds import SOURCE_KINDS
from tocsin.connectors.publish import KafkaAway, NothingToPublish, PublishFailed, PublishUnconfirmed, TopicMissing
from tocsin.schemas.errors import Unencodable, UnencodableReason
from tocsin.schemas.ids import new_event_id

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:tocsin:problem:"


MALFORMED = Kind("malformed", 400, "The body cannot be parsed", "The body must be a JSON document in UTF-8.")
BAD_ENCODING = Kind("bad-encoding", 400, "The body cannot be decoded", "The content encoding of the body is broken.")
BAD_TENANT = Kind("bad-tenant", 400, "Not a tenant", "A tenant is 1 to 64 letters, digits, '.', '_' or '-', said once.")
BAD_KEY = Kind(
    "bad-idempotency-key", 400, "Not an idempotency key", "Idempotency-Key is 1 to 255 visible ASCII characters."
)
BAD_CONTEXT = Kind(
    "bad-context",
    400,
    "Not a context",
    "A header or parameter of the context is none, or has a wrong value: see pointer.",
)
BAD_CLOUD_EVENT = Kind(
    "bad-cloud-event",
    400,
    "Not a CloudEvent",
    "A CloudEvent in binary mode has the headers ce-specversion: 1.0, and ce-id and ce-source of 1 to 255 characters.",
)
UNKNOWN_DIALECT = Kind("unknown-dialect", 400, "Unknown dialect", "There is no such dialect.")
MALFORMED_REQUEST = Kind(
    "malformed-request", 400, "Not a request", "What came is not HTTP, or its head is too large.", close=True
)
FOREIGN_ORIGIN = Kind(
    "foreign-origin",
    403,
    "Not from that page",
    "A web page of another origin may not use this bus. Origins of TOCSIN_PUBLIC_URL and TOCSIN_ALLOWED_HOSTS may.",
)
NOT_FROM_A_FORM = Kind(
    "not-from-a-form",
    403,
    "A header is missing",
    "A command needs a header that no HTML form sends: content-type: application/json, or tocsin-by.",
)
NOT_FOUND = Kind(
    "not-found", 404, "Not found", "There is nothing here. Problems are posted to /v1/problems; /docs shows every path."
)
NO_SUCH_CASE = Kind(
    "no-such-case",
    404,
    "Nothing is known of that id",
    "Nothing was done: this tenant has no such case. Name a case, or the event_id of a report or of a notification.",
)
COMMAND_UNHEARD_OF = Kind(
    "unknown-command",
    404,
    "Nothing is known of that command",
    "No answer to such a command of this tenant was heard of here lately, and none was stored here.",
)
COMMAND_REFUSED = Kind("command-refused", 409, "The command was not carried out", "It cannot be carried out.")
NO_ANSWER = Kind(
    "no-answer",
    504,
    "No answer in time",
    "The command is stored, and may be carried out yet: no answer came in time. Is a worker running?",
)
BAD_WAIT = Kind("bad-wait", 400, "Not a time to wait", "wait is a span of at most 30s, such as 5s, said once.")
METHOD_NOT_ALLOWED = Kind(
    "method-not-allowed",
    405,
    "Method not allowed",
    "This path takes the methods that the Allow header names; /docs shows every path.",
)
TOO_MANY_SILENCES = Kind(
    "too-many-silences", 409, "Too many silences", "End one before another is made, or make one that says more."
)
SUBSCRIPTIONS_CLOSED = Kind(
    "subscriptions-closed",
    403,
    "Not from there",
    "Endpoints are made from the bus's own machine, without a proxy, while the gateway has no other name than that; or "
    "as TOCSIN_SUBSCRIPTIONS says. The command line (tocsin endpoint add) needs neither.",
)
OPERATORS_ONLY = Kind(
    "operators-only",
    403,
    "It is the operator's",
    "It is of the rules file, or of the bus itself: only who may see every tenant may do that.",
)
NO_SUBSCRIPTION = Kind("no-subscription", 404, "No such subscription", "The tenant has no subscription of this name.")
SUBSCRIPTION_REFUSED = Kind("subscription-refused", 409, "Nothing was done", "It cannot be done: see detail.")
NO_SEAL_KEY = Kind("no-seal-key", 503, "There is no key to keep a secret with", "Set TOCSIN_SEAL_KEY.", retry_after=60)
TOO_SLOW = Kind("too-slow", 408, "The body came too slowly", "Send the whole body at once.", close=True)
TOO_LARGE = Kind(
    "too-large", 413, "Too large", "A document, or the whole body, is larger than is taken: send less.", close=True
)
TOO_MANY = Kind("too-many-items", 413, "Too many items", "Send smaller batches.")
FOREIGN_HOST = Kind(
    "foreign-host",
    421,
    "Not the host you asked for",
    "The Host header names none of this bus's names: the loopback ones, that of TOCSIN_PUBLIC_URL, and those of "
    "TOCSIN_ALLOWED_HOSTS.",
)
KEY_REUSED = Kind(
    "idempotency-key-reused",
    422,
    "The key belongs to another document",
    "Another document was published under this Idempotency-Key; this one was not stored. Use a new key for it.",
)
RATE_LIMITED = Kind(
    "rate-limited", 429, "Too much at once", "The tenant has used up what it may publish for now.", retry_after=1
)
HEAD_TOO_LARGE = Kind(
    "head-too-large", 431, "The headers are too large", "Target and headers together have a limit.", close=True
)
BUSY = Kind("busy", 503, "Too much is being taken in at the moment", "Repeat the request.", retry_after=1, close=True)
UNSUPPORTED = Kind("unsupported-media-type", 415, "Unsupported media type", "The media type is not known here.")
UNSUPPORTED_ENCODING = Kind(
    "unsupported-encoding",
    415,
    "Unsupported content encoding",
    "One of those in supported is understood, and not one inside another.",
)
NOT_AN_ENVELOPE = Kind(
    "not-an-envelope",
    400,
    "Not a DIDComm message",
    "It is neither an encrypted nor a signed envelope of DIDComm v2, nor one of Aries (RFC 0019).",
)
NOT_TAKEN = Kind(
    "not-taken",
    400,
    "Not taken",
    "It did not open here, or nothing proves who sent it; which of the two is not told to anybody.",
)
TOO_MANY_RECIPIENTS = Kind("too-many-recipients", 413, "Too many recipients", "Send it to fewer keys at a time.")
NOT_VALID = Kind("not-valid", 422, "The document is not valid", "The document was parsed but breaks its dialect.")
NOT_A_PROBLEM = Kind("not-a-problem", 422, "Not a problem", "The document reports no problem, so no event was made.")
NONE_ACCEPTED = Kind("none-accepted", 422, "No item was accepted", "See the items.")
INTERNAL = Kind("internal", 500, "Internal error", "The fault is ours; it has been logged.")
UNCONFIRMED = Kind(
    "unconfirmed",
    503,
    "The outcome is unknown",
    "Kafka did not acknowledge in time; the event may be stored or not. Repeat the request with the same "
    "Idempotency-Key: a repeat is never counted twice.",
    retry_after=5,
)
KAFKA_AWAY = Kind(
    "kafka-away",
    503,
    "The bus cannot store events now",
    "Nothing was stored. Repeat the request, best with the same Idempotency-Key.",
    retry_after=5,
)
REFUSED_BY_KAFKA = Kind(
    "refused-by-kafka", 503, "The bus may not store this", "Kafka refuses the event.", retry_after=60
)

KINDS = {
    kind.name: kind
    for kind in (
        *ACCESS_KINDS, *ASK_KINDS, *SOURCE_KINDS,
        MALFORMED, BAD_ENCODING, BAD_TENANT, BAD_KEY, BAD_CONTEXT, BAD_CLOUD_EVENT, UNKNOWN_DIALECT, NOT_FOUND,
        METHOD_NOT_ALLOWED, TOO_SLOW, TOO_LARGE, TOO_MANY, UNSUPPORTED, UNSUPPORTED_ENCODING, NOT_VALID, NOT_A_PROBLEM,
        NONE_ACCEPTED, INTERNAL, UNCONFIRMED, KAFKA_AWAY, REFUSED_BY_KAFKA, TOO_MANY_SILENCES, MALFORMED_REQUEST,
        FOREIGN_ORIGIN, NOT_FROM_A_FORM, FOREIGN_HOST, KEY_REUSED, RATE_LIMITED, HEAD_TOO_LARGE, BUSY,
        SUBSCRIPTIONS_CLOSED, NO_SUBSCRIPTION, SUBSCRIPTION_REFUSED, NO_SEAL_KEY, OPERATORS_ONLY,
        NO_SUCH_CASE, COMMAND_UNHEARD_OF, COMMAND_REFUSED, NO_ANSWER, BAD_WAIT,
        NOT_AN_ENVELOPE, NOT_TAKEN, TOO_MANY_RECIPIENTS,
    )
}  # fmt: skip
"""The whole catalogue by name."""


class Refusal(Exception):
    """The request, or one item of a batch, is refused as `kind`; `more` are extension members, or another `detail`.
    `headers` are what the client of one route looks for besides."""

    def __init__(self, kind: Kind, **more: object) -> None:
        super().__init__(kind.name)
        self.kind = kind
        self.headers: dict[str, str] = {}
        self.more = {name: value for name, value in more.items() if value not in (None, "")}

    def document(self) -> dict[str, object]:
        """The problem document of this one occurrence."""
        return {
            "type": f"{TYPE_PREFIX}{self.kind.name}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.kind.detail,
            "instance": f"urn:uuid:{new_event_id()}",
        } | self.more


def of_http_status(status: int) -> Kind:
    """The catalogue's kind for a status that the framework answers by itself."""
    known = {404: NOT_FOUND, 405: METHOD_NOT_ALLOWED, 413: TOO_LARGE, 415: UNSUPPORTED}
    if status in known:
        return known[status]
    if status >= 500:
        return INTERNAL
    return Kind("refused", status, HTTPStatus(status).phrase, "The request was refused.")


def refuse(refusal: Refusal, headers: dict[str, str] | None = None) -> Response:
    """The response of a refusal, with Retry-After where it helps, and Connection: close where the body was not read."""
    kind, extra = refusal.kind, {"cache-control": "no-store", **refusal.headers, **(headers or {})}
    retry_after = refusal.more.get("retry_after", kind.retry_after)
    if retry_after is not None:
        extra["retry-after"] = str(retry_after)
    if kind.close:
        extra["connection"] = "close"
    if kind.challenge is not None:
        extra["www-authenticate"] = kind.challenge
    body = msgspec.json.encode(refusal.document())
    return Response(body, kind.status, headers=extra, media_type=MEDIA_TYPE)


@contextmanager
def refusals() -> Iterator[None]:
    """Any exception inside becomes a Refusal."""
    try:
        yield
    except Exception as error:
        raise refusal_of(error) from None


def refusal_of(error: Exception) -> Refusal:
    """Total. What an exception says is not passed on, except where we wrote it."""
    match error:
        case Refusal():
            return error
        case Unreadable():
            return _of_unreadable(error)
        case NothingToPublish():
            return Refusal(NOT_A_PROBLEM, detail=f"No event was made: {error.why}.")
        case Unencodable():
            large = error.reason is UnencodableReason.TOO_LARGE
            return Refusal(TOO_LARGE if large else NOT_VALID)
        case TopicMissing():
            return Refusal(KAFKA_AWAY, event_id=error.event_id, reason="topic_missing")
        case KafkaAway():
            return Refusal(KAFKA_AWAY, event_id=error.event_id)
        case PublishUnconfirmed():
            return Refusal(UNCONFIRMED, event_id=error.event_id)
        case PublishFailed():
            return Refusal(REFUSED_BY_KAFKA, event_id=error.event_id)
        case TimeoutError():
            return Refusal(UNCONFIRMED)
        case _:
            log.exception("a document could not be taken", exc_info=error)
            return Refusal(INTERNAL)


def _of_unreadable(error: Unreadable) -> Refusal:
    kind = NOT_VALID
    if error.reason in SYNTAX_REASONS:
        kind = MALFORMED
    elif error.reason is UnreadableReason.TOO_LARGE:
        return Refusal(
            TOO_LARGE,
            reason=str(error.reason),
            expected=error.expected,
            detail=f"A document is too large: {error.expected}.",
        )
    elif error.reason is UnreadableReason.UNKNOWN_DIALECT:
        kind = UNKNOWN_DIALECT
    return Refusal(
        kind,
        reason=str(error.reason),
        pointer=error.pointer,
        expected=error.expected,
        position=error.offset,
    )
