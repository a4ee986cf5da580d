"""The bodies that the gateway takes, for its OpenAPI document: a schema and an example of each, which are tested."""

from __future__ import annotations

from typing import Any

Content = dict[str, Any]
"""Media type -> schema and example, as OpenAPI has it under `content`."""

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


_DETAILS = _object(type=_TEXT, title=_TEXT, status={"type": "integer"}, detail=_TEXT, instance=_TEXT)
_CANONICAL = _object(
    ("code",), code=_TEXT, text=_TEXT, severity={"enum": ["error", "warning", "unknown"]}, thread_id=_TEXT
)
_DIDCOMM = _object(
    ("type", "pthid", "body"),
    type=_TEXT, id=_TEXT, thid=_TEXT, pthid=_TEXT, ack=_TEXTS,
    body=_object(("code",), code=_TEXT, comment=_TEXT, args=_TEXTS, escalate_to=_TEXT),
)  # fmt: skip
_CLOUD_EVENT = _object(
    ("specversion", "id", "source", "type", "data"),
    specversion={"const": "1.0"}, id=_TEXT, source=_TEXT, type=_TEXT, datacontenttype=_TEXT, data={"type": "object"},
)  # fmt: skip

A_PROBLEM = {"type": "https://example.org/errors/ledger-timeout", "title": "The ledger did not answer", "status": 504}
_OURS = {"code": "e.p.xfer.cant-use-endpoint", "text": "The mediator does not answer"}
_AN_EVENT = {
    "specversion": "1.0", "id": "7", "source": "/jobs/sync", "type": "problem",
    "datacontenttype": "application/problem+json", "data": A_PROBLEM,
}  # fmt: skip
_LINES = '{"code": "e.p.xfer.cant-use-endpoint", "text": "The first one"}\n{"title": "The second one", "status": 503}\n'

PROBLEMS: Content = {
    "application/json": {
        "schema": {"oneOf": [_CANONICAL, _DETAILS, _DIDCOMM, {"type": "array", "items": {"type": "object"}}]},
        "example": _OURS,
    },
    "application/problem+json": {"schema": _DETAILS, "example": A_PROBLEM},
    "application/didcomm-plain+json": {
        "schema": _DIDCOMM,
        "example": {
            "type": "https://didcomm.org/report-problem/2.0/problem-report",
            "id": "7c9de639-c51c-4d60-ab95-103fa613c805",
            "pthid": "1e513ad4-48c9-444e-9e7e-5b8b45c5e325",
            "body": {"code": "e.p.xfer.cant-use-endpoint", "comment": "Unable to use {1}.", "args": ["did:sov:C805s"]},
        },
    },
    "application/vnd.tocsin.problem+json": {"schema": _CANONICAL, "example": _OURS},
    "text/plain": {"schema": _TEXT, "example": "The ledger did not answer within 30 s"},
    "application/x-ndjson": {"schema": _TEXT, "example": _LINES},
    "application/ndjson": {"schema": _TEXT, "example": _LINES},
    "application/jsonl": {"schema": _TEXT, "example": _LINES},
    "application/cloudevents+json": {"schema": _CLOUD_EVENT, "example": _AN_EVENT},
    "application/cloudevents-batch+json": {"schema": {"type": "array", "items": _CLOUD_EVENT}, "example": [_AN_EVENT]},
}
"""Of POST /v1/problems."""

_SENT = {
    "kind": "message_sent",
    "message_id": "41c1d6f0-98aa-4bd5-a3a0-5d0c5b7a1e02",
    "message_type": "https://didcomm.org/issue-credential/3.0/request-credential",
    "thread_id": "1e513ad4-48c9-444e-9e7e-5b8b45c5e325",
    "connection": "conn-3",
}
_ACTIVITY = _object(
    ("kind",), kind=_TEXT, message_id=_TEXT, message_type=_TEXT, thread_id=_TEXT, parent_thread_id=_TEXT,
    connection=_TEXT, trust=_TEXT, record_type=_TEXT, record_id=_TEXT, record_state=_TEXT, job=_TEXT,
    detail={"type": "object", "additionalProperties": _TEXT},
)  # fmt: skip


def activity_of(media_type: str) -> dict[str, Any]:
    """The schema and the example of POST /v1/activity for one of the media types of POST /v1/problems."""
    lines = PROBLEMS[media_type]["schema"] is _TEXT
    if lines:
        return {"schema": _TEXT, "example": '{"kind": "job_started", "job": "sync-7"}\n'}
    if "cloudevents" not in media_type:
        return {"schema": _ACTIVITY, "example": _SENT}
    event = _AN_EVENT | {"type": "activity", "datacontenttype": "application/json", "data": _SENT}
    return {"schema": PROBLEMS[media_type]["schema"], "example": [event] if "batch" in media_type else event}


_ITEM = _object(
    problem={"description": "a document in any dialect"}, activity=_ACTIVITY, key=_TEXT, context={"type": "object"},
    dialect=_TEXT, media_type=_TEXT, traceparent=_TEXT, tracestate=_TEXT,
)  # fmt: skip
_BEGAN = '{"key": "nightly-7-began", "activity": {"kind": "job_started", "job": "nightly"}}\n'
_LINES_OF_BOTH = _BEGAN + '{"key": "nightly-7", "problem": {"title": "A page is torn", "status": 500}}\n'

BATCHES: Content = {
    "application/json": {
        "schema": {"type": "array", "items": _ITEM},
        "example": [
            {"key": "nightly-7-began", "activity": {"kind": "job_started", "job": "nightly"}},
            {"key": "nightly-7", "problem": A_PROBLEM, "context": {"record_id": "r-17"}},
        ],
    },
    "application/jsonl": {"schema": _TEXT, "example": _LINES_OF_BOTH},
    "application/ndjson": {"schema": _TEXT, "example": _LINES_OF_BOTH},
    "application/x-ndjson": {"schema": _TEXT, "example": _LINES_OF_BOTH},
}
"""Of POST /v1/batch."""

COMMAND = {"by": "ann", "why": "on it"}
"""The example of an answer to a case; each kind may need more."""

KEY: Content = {
    "application/json": {
        "schema": _object(
            ("name", "scopes"), name=_TEXT, scopes={"type": "array", "items": _TEXT}, tenant=_TEXT, until=_TEXT,
            rate={"type": "integer"}, by=_TEXT, **{"for": _TEXT},
        ),
        "example": {"name": "the issuer of acme", "scopes": ["publish"], "for": "90d", "by": "ann"},
    }
}  # fmt: skip
"""Of POST /v1/keys."""

SILENCE: Content = {
    "application/json": {
        "schema": _object(
            ("by", "matchers"), by=_TEXT, why=_TEXT, until=_TEXT, **{"for": _TEXT},
            matchers={"type": "array", "items": _object(("field",), field=_TEXT, operator=_TEXT, value=_TEXT)},
        ),
        "example": {
            "by": "ann",
            "why": "migration",
            "for": "1h",
            "matchers": [{"field": "code", "operator": "prefix", "value": "e.p.xfer"}],
        },
    }
}  # fmt: skip
"""Of POST /v1/silences."""

SUBSCRIPTION: Content = {
    "application/json": {
        "schema": _object(
            ("name", "url", "by"), name=_TEXT, url=_TEXT, by=_TEXT, match={"type": "object"}, secret=_TEXT,
            ed25519={"type": "boolean"}, audience={"enum": ["owner", "peer"]}, body=_TEXT, language=_TEXTS,
            delivery={"type": "object"}, headers={"type": "object", "additionalProperties": _TEXT},
            ownership={"enum": ["none", "options", "challenge"]}, origin=_TEXT, allow_private={"type": "boolean"},
        ),
        "example": {
            "name": "orders",
            "url": "https://hooks.example.com/tocsin",
            "match": {"code": ["e.p.xfer"], "severity": ["error"]},
            "by": "ann",
        },
    }
}  # fmt: skip
"""Of POST /v1/subscriptions, and of PUT, whose path has the name."""

READ: Content = {"*/*": {"schema": {"oneOf": [{"type": "object"}, _TEXT]}, "example": A_PROBLEM}}
"""Of POST /v1/read."""

UNWRAP: Content = {
    "*/*": {
        "schema": {"type": "object"},
        "example": {"jsonrpc": "2.0", "id": "7", "result": {"reply": {"status": {"code": 401, "detail": "No"}}}},
    }
}
"""Of POST /v1/unwrap."""

DECIDE: Content = {
    "application/json": {
        "schema": _object(
            scenario=_TEXT, error=_object(("class",), **{"class": _TEXT}, bases=_TEXTS, text=_TEXT, code=_TEXT),
            context={"type": "object"}, table=_TEXT, column=_TEXT, service=_TEXT, request_id=_TEXT,
        ),
        "example": {"error": {"class": "MongoTimeoutException", "text": "no server"}, "service": "mediator-1"},
    }
}  # fmt: skip
"""Of POST /v1/mediation/decide."""
