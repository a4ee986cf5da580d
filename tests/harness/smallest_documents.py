"""The smallest document of each dialect whose documents are objects, for the tests of all dialects and the fuzzer."""

from __future__ import annotations

SMALLEST: dict[str, dict[str, object]] = {
    "canonical": {"code": "e.p.x"},
    "rfc9457": {"title": "Out of credit", "status": 403},
    "didcomm-2.0": {
        "type": "https://didcomm.org/report-problem/2.0/problem-report",
        "id": "m",
        "body": {"code": "e.p.x"},
    },
    "aries-1.0": {
        "@type": "https://didcomm.org/report-problem/1.0/problem-report",
        "description": {"code": "cant-find-route"},
    },
    "hipe": {
        "@type": "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/notification/1.0/problem-report",
        "friendly-ltxt": {"en": "Unable to find a route."},
    },
    "jsonrpc": {"jsonrpc": "2.0", "id": "1", "error": {"code": -32601, "message": "Method not found"}},
    "dwn-status": {"status": {"code": 404, "detail": "Not Found"}},
    "tocsin-notification": {
        "type": "problem.opened",
        "timestamp": "2026-11-22T19:00:00.000Z",
        "data": {"event_id": "e", "case": "c", "tenant": "t", "problem": {"code": "e.p.x"}},
    },
}
