"""An example of what each source sends, as /docs shows it; a test sends each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Example = Mapping[str, Any] | str

ACAPY: Example = {
    "cred_ex_id": "5f3a6c3e-2b4e-4a53-9d0c-5b8f7c1d2e3f",
    "connection_id": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "thread_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "state": "abandoned",
    "error_msg": "issuance-abandoned: the holder wants it no more",
    "updated_at": "2026-11-30T12:00:01.500000Z",
}
IDENTUS: Example = {
    "id": "3e0b8e2c-54fd-4d7f-8f5f-0b8c7d1a9e10",
    "ts": "2026-11-30T12:00:00.119127Z",
    "type": "PresentationUpdated",
    "data": {"presentationId": "5b2d6a0e-7a0f-4c22-9d57-2a4c43f0a1c3", "status": "PresentationVerificationFailed"},
    "walletId": "00000000-0000-0000-0000-000000000000",
}
SENTRY_ENVELOPE: Example = (
    '{"event_id":"9ec79c33ec9942ab8353589fcb2e04dc"}\n'
    '{"type":"event"}\n'
    '{"level":"error","message":"The ledger did not answer","tags":{"record_id":"r-17"}}\n'
)
SENTRY_EVENT: Example = {
    "event_id": "9ec79c33ec9942ab8353589fcb2e04dc", "level": "error", "message": "The ledger did not answer",
}  # fmt: skip
OTLP_LOGS: Example = {
    "resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"severityNumber": 17, "body": {"stringValue": "The ledger did not answer"}},
    ]}]}],
}  # fmt: skip
OTLP_TRACES: Example = {
    "resourceSpans": [{"scopeSpans": [{"spans": [
        {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "issue", "events": [
            {"name": "exception", "attributes": [
                {"key": "exception.type", "value": {"stringValue": "LedgerTimeout"}},
                {"key": "exception.message", "value": {"stringValue": "no answer"}},
            ]},
        ]},
    ]}]}],
}  # fmt: skip


def body_of(media_type: str, example: Example, *more: str, **schema: Any) -> dict[str, Any]:
    """The `requestBody` of a route in OpenAPI; `more` are media types whose bodies are bytes."""
    kind = {"type": "string"} if isinstance(example, str) else {"type": "object"}
    content: dict[str, Any] = {media_type: {"schema": kind | schema, "example": example}}
    return {
        "required": True,
        "content": content | {each: {"schema": {"type": "string", "format": "binary"}} for each in more},
    }
