"""What `tocsin read` and POST /v1/read say of a document is what would be published of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tocsin.connectors.publish import Origin, problem_reported
from tocsin.connectors.publish.reading import read_facts

ARIES = "https://didcomm.org/report-problem/1.0/problem-report"
HTTP: dict[str, Any] = {"type": "https://example.org/out-of-credit", "title": "Out of credit", "status": 403}
V2: dict[str, Any] = {
    "id": "m", "type": "https://didcomm.org/report-problem/2.0/problem-report", "from": "did:a", "to": ["did:b"],
    "body": {"code": "e.p.trust"},
}  # fmt: skip


def aries(code: str, **members: Any) -> dict[str, Any]:
    return {"@id": "m", "@type": ARIES, "description": {"en": "x", "code": code}} | members


# the document, its severity, the context that it says or that stands beside it in an envelope
ROWS: dict[str, tuple[Any, str, dict[str, object]]] = {
    "a quiet version warning": (aries("version-with-degraded-features"), "warning", {}),
    "another quiet version warning": (aries("fields_ignored_due_to_version_mismatch"), "warning", {}),
    "an error of the catalogue": (aries("message-parse-failure"), "error", {}),
    "in a thread": (aries("x", **{"~thread": {"thid": "t", "pthid": "p"}}), "error",
                    {"thread_id": "t", "parent_thread_id": "p"}),
    "in no thread but its own": (aries("x"), "error", {}),
    "DIDComm v2": (V2 | {"pthid": "t"}, "error",
                   {"parent_thread_id": "t", "sender": "did:a", "recipients": ["did:b"]}),
    "extension members": (
        HTTP | {"connectionId": "c", "record_id": "r", "recordType": "cred", "threadId": "t", "job-id": "j",
                "walletId": "w", "correlationId": "q"},
        "error",
        {"connection": "c", "record_id": "r", "record_type": "cred", "thread_id": "t", "job": "j", "wallet": "w",
         "request_id": "q"},
    ),
    "an envelope": ({"context": {"record_id": "r", "side": "own", "trust": "low"}, "document": HTTP}, "error",
                    {"record_id": "r", "side": "own", "trust": "low"}),
    "an envelope against the document": ({"context": {"record_id": "r"}, "document": HTTP | {"recordId": "s"}}, "error",
                                         {"record_id": "s"}),
}  # fmt: skip


@pytest.mark.parametrize(("document", "severity", "context"), ROWS.values(), ids=ROWS)
def test_reading_says_what_would_be_published(document: Any, severity: str, context: dict[str, object]) -> None:
    raw = json.dumps(document).encode()
    found = read_facts(raw)
    assert (found["severity"], found["context"]) == (severity, context)
    published = problem_reported(raw, Origin(tenant="t")).problem
    told = [found[name] for name in ("severity", "category", "code", "scope", "thread_id", "conformant")]
    assert told == [published.severity, published.category, published.code, published.scope, published.thread_id,
                    published.conformant]  # fmt: skip
    assert len(found["violations"]) == len(published.violations)
