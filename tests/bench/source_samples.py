"""One message of each source, as it is sent, for tests.bench.sources."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping

from msgspec import Struct, field

from tests.harness.otlp_exports import as_json, exception, log, logs, span, traces


class Sample(Struct, frozen=True):
    """Where it is sent, and what."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


_EXCHANGE = {
    "cred_ex_id": "5f3a6c3e-2b4e-4a53-9d0c-5b8f7c1d2e3f", "connection_id": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "thread_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "state": "abandoned", "role": "issuer",
    "error_msg": "issuance-abandoned: the holder wants it no more", "created_at": "2026-11-30T12:00:00.000000Z",
    "updated_at": "2026-11-30T12:00:01.500000Z",
}  # fmt: skip
_EVENT = {
    "id": "3e0b8e2c-54fd-4d7f-8f5f-0b8c7d1a9e10", "ts": "2026-11-30T12:00:00.119127Z", "type": "PresentationUpdated",
    "data": {
        "presentationId": "5b2d6a0e-7a0f-4c22-9d57-2a4c43f0a1c3", "thid": "0d1c2b3a-7777-4f1e-8a55-92f7b8c0d6e1",
        "role": "Verifier", "status": "RequestPending", "proofs": [], "data": [], "requestData": [], "metaRetries": 4,
        "connectionId": "c3b1f9d4-1111-4c3d-9f33-6c1e5d8a7b90",
        "metaLastFailure": {
            "status": 500, "type": "error:Presentation:FailureInfo", "title": "Failure Info",
            "detail": "The other side cannot be reached",
            "instance": "error:instance:1f4e1b52-9d5e-4a64-b1a6-7a1d2f3c4b5e",
        },
    },
    "walletId": "00000000-0000-0000-0000-000000000000",
}  # fmt: skip

_FRAMES = [
    {
        "filename": f"app/step_{number}.py", "abs_path": f"/srv/app/step_{number}.py", "function": f"step_{number}",
        "module": f"app.step_{number}", "lineno": 10 * number, "in_app": True, "context_line": "    return next_step()",
        "pre_context": ["def step():", "    # what comes before it", "    prepare()"], "post_context": ["", "", ""],
        "vars": {"self": "<app.Step object at 0x7f1e6c0b5d90>", "order": "'o-17'", "count": number},
    }
    for number in range(12)
]  # fmt: skip
_SENTRY_EVENT = {
    "event_id": "9ec79c33ec9942ab8353589fcb2e04dc", "level": "error", "platform": "python", "release": "orders@1.4",
    "environment": "production", "server_name": "host-1", "timestamp": "2026-11-30T12:00:00.000000Z",
    "tags": {"record_id": "r-17", "colour": "red"}, "user": {"id": "5"}, "modules": {f"m{n}": "1.0" for n in range(80)},
    "contexts": {"trace": {"trace_id": "ab" * 16, "span_id": "cd" * 8}, "runtime": {"name": "CPython"}},
    "breadcrumbs": {"values": [{"message": f"GET /orders/{n}", "category": "http"} for n in range(20)]},
    "exception": {"values": [
        {"type": "ConnectionError", "value": "no answer", "module": "app", "stacktrace": {"frames": _FRAMES},
         "mechanism": {"type": "excepthook", "handled": False}},
    ]},
}  # fmt: skip
_ENVELOPE = b"\n".join(
    json.dumps(line).encode() for line in ({"event_id": _SENTRY_EVENT["event_id"]}, {"type": "event"}, _SENTRY_EVENT)
)

_STACK = "Traceback (most recent call last):\n" + "".join(
    f'  File "/srv/app/step_{number}.py", line {10 * number}, in step_{number}\n    return next_step()\n'
    for number in range(12)
)
_RAISED = {"exception.type": "app.ConnectionError", "exception.message": "no answer", "exception.stacktrace": _STACK}
_USUAL = {f"http.attribute.{number}": f"value {number}" for number in range(10)}
_LOG = logs(log("order 17 failed", _RAISED | _USUAL, in_span=True))
_HEALTHY = traces(*[span(said=_USUAL)] * 100)
_PROTOBUF = {"content-type": "application/x-protobuf"}

SAMPLES: Mapping[str, Sample] = {
    "a problem, as our own JSON": Sample(
        "/v1/problems", json.dumps({"code": "e.p.xfer.cant-use-endpoint", "text": "no answer"}).encode()
    ),
    "acapy": Sample("/v1/agents/acapy/acme/topic/issue_credential_v2_0/", json.dumps(_EXCHANGE).encode()),
    "identus": Sample("/v1/agents/identus/acme", json.dumps(_EVENT).encode()),
    "sentry": Sample("/api/1/envelope/", _ENVELOPE, {"content-type": "application/x-sentry-envelope"}),
    "sentry, gzip": Sample("/api/1/envelope/", gzip.compress(_ENVELOPE, mtime=0), {"content-encoding": "gzip"}),
    "otlp, a log": Sample("/v1/logs", _LOG.SerializeToString(), _PROTOBUF),
    "otlp, a log in JSON": Sample("/v1/logs", as_json(_LOG)),
    "otlp, a span": Sample("/v1/traces", traces(span(exception(_RAISED), said=_USUAL)).SerializeToString(), _PROTOBUF),
    "otlp, 100 healthy spans": Sample("/v1/traces", _HEALTHY.SerializeToString(), _PROTOBUF),
    "otlp, 100 healthy spans in JSON": Sample("/v1/traces", as_json(_HEALTHY)),
}
"""By the name under which the figures are told; the first is what the others are compared with."""
