"""Web5: any JSON-RPC or DWN answer as one Reply, and the call that gets it (Web5 JS Error Handling).

`unwrap(answer)` is pure; `await call(transport, request, timeout=10, publisher=...)` wraps a transport of yours.
Failing outcomes are replies; exceptions are only for what has no status to report: their tree is in `web5.errors`.
"""

from __future__ import annotations

from tocsin.connectors.web5.calling import DEFAULT_TIMEOUT, Transport, call
from tocsin.connectors.web5.errors import (
    AnswerCase,
    ConnectionFailed,
    MalformedAnswer,
    MalformedCase,
    NoAnswerInTime,
    NotAnAnswer,
    RequestMalformed,
    RequestRefused,
    TransportFailed,
    Unfit,
    Unresolvable,
    Web5Failed,
)
from tocsin.connectors.web5.reply import AnswerKind, HttpAnswer, Reply, Status, unwrap

__all__ = [
    "DEFAULT_TIMEOUT",
    "AnswerCase",
    "AnswerKind",
    "ConnectionFailed",
    "HttpAnswer",
    "MalformedAnswer",
    "MalformedCase",
    "NoAnswerInTime",
    "NotAnAnswer",
    "Reply",
    "RequestMalformed",
    "RequestRefused",
    "Status",
    "Transport",
    "TransportFailed",
    "Unfit",
    "Unresolvable",
    "Web5Failed",
    "call",
    "unwrap",
]
