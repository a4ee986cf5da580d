"""How many documents a second one core reads, by dialect: from bytes to a Problem, a typical report. Prints JSON.

A benchmark, not a test: `python tests/bench/dialects.py [--seconds 1] [--profile DIALECT]`.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import sys
import time
from collections.abc import Callable
from functools import partial

import msgspec

from tocsin.connectors.dialects import AUTO, DIALECTS, read_document
from tocsin.schemas.problem import Problem

WANTED = 30_000
"""Documents a second and core."""

TYPICAL: dict[str, object] = {
    "text": "The ledger did not answer within 30 s: connection reset by peer",
    "canonical": {
        "code": "e.p.xfer.cant-use-endpoint",
        "text_template": "Unable to use the {1} endpoint for {2}.",
        "args": ["https://agents.r.us/inbox", "did:sov:C805sNYhMrjHiqZDTUASHg"],
        "thread_id": "1e513ad4-48c9-444e-9e7e-5b8b45c5e325",
        "message_id": "7c9de639-c51c-4d60-ab95-103fa613c805",
        "source": {"service": "cloud-agent", "connection": "0f4b2c1e"},
    },
    "rfc9457": {
        "type": "https://errors.example/out-of-credit",
        "title": "You do not have enough credit.",
        "status": 403,
        "detail": "Your current balance is 30, but that costs 50.",
        "instance": "/account/12345/msgs/abc",
        "balance": 30,
        "accounts": ["/account/12345", "/account/67890"],
    },
    "didcomm-2.0": {
        "type": "https://didcomm.org/report-problem/2.0/problem-report",
        "id": "7c9de639-c51c-4d60-ab95-103fa613c805",
        "pthid": "1e513ad4-48c9-444e-9e7e-5b8b45c5e325",
        "ack": ["1e513ad4-48c9-444e-9e7e-5b8b45c5e325"],
        "from": "did:example:alice",
        "to": ["did:example:bob"],
        "created_time": 1795000000,
        "body": {
            "code": "e.p.xfer.cant-use-endpoint",
            "comment": "Unable to use the {1} endpoint for {2}.",
            "args": ["https://agents.r.us/inbox", "did:sov:C805sNYhMrjHiqZDTUASHg"],
            "escalate_to": "mailto:admin@foo.org",
        },
    },
    "aries-1.0": {
        "@type": "https://didcomm.org/report-problem/1.0/problem-report",
        "@id": "7c9de639-c51c-4d60-ab95-103fa613c805",
        "~thread": {"pthid": "1e513ad4-48c9-444e-9e7e-5b8b45c5e325", "sender_order": 0},
        "description": {"en": "Unable to find a route to the specified recipient.", "code": "cant-find-route"},
        "problem_items": [{"recipient": "did:sov:C805sNYhMrjHiqZDTUASHg"}],
        "who_retries": "you",
        "impact": "message",
        "noticed_time": "2026-11-22T18:23:06Z",
    },
    "hipe": {
        "@type": "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/notification/1.0/problem-report",
        "@id": "7c9de639-c51c-4d60-ab95-103fa613c805",
        "@thread": {"pthid": "1e513ad4-48c9-444e-9e7e-5b8b45c5e325", "seqnum": 1},
        "friendly-ltxt": {"en": "Unable to find a route to the specified recipient.", "code": "cant-find-route"},
        "problem-items": [{"recipient": "did:sov:C805sNYhMrjHiqZDTUASHg"}],
        "who-retries": "you",
        "impact": "message",
        "time-noticed": "2026-11-22T18:23:06Z",
    },
    "jsonrpc": {
        "jsonrpc": "2.0",
        "id": "7c9de639-c51c-4d60-ab95-103fa613c805",
        "error": {
            "code": -50400,
            "message": "RecordsWriteMissingData: no data",
            "data": {"status": {"code": 400, "detail": "RecordsWriteMissingData: no data"}},
        },
    },
    "dwn-status": {"status": {"code": 404, "detail": "RecordsReadNotFound: record does not exist"}},
    "tocsin-notification": {
        "type": "problem.opened",
        "timestamp": "2026-11-22T18:23:06.120Z",
        "data": {
            "case": "0d0c9f0e-3b63-5b4e-8a57-7a3f0a1e1c7c",
            "event_id": "019ab7c1-5f00-7000-8000-000000000000",
            "tenant": "saltmarsh-ferries",
            "count": 1,
            "problem": {
                "dialect": "didcomm-2.0",
                "code": "e.p.xfer.cant-use-endpoint",
                "code_key": "e.p.xfer.cant-use-endpoint",
                "text": "Unable to use the endpoint.",
                "thread_id": "1e513ad4-48c9-444e-9e7e-5b8b45c5e325",
            },
        },
    },
}
"""One document for each dialect, as long as those that are really sent."""


def rate(read: Callable[[], object], seconds: float) -> float:
    """Calls a second of CPU time: the best of seven stretches, for whatever else runs here only slows it down."""
    rates = []
    for _ in range(7):
        count, started = 0, time.process_time()
        while (spent := time.process_time() - started) < seconds / 7:
            for _ in range(200):
                read()
            count += 200
        rates.append(count / spent)
    return max(rates)


def figures(seconds: float) -> dict[str, object]:
    """Every dialect, told and detected, beside msgspec's parse of the same bytes, and which are slower than wanted."""
    found = {}
    for name in DIALECTS:
        raw = json.dumps(TYPICAL[name]).encode()
        assert isinstance(read_document(raw, name), Problem)
        told = rate(partial(read_document, raw, name), seconds)
        # a text is one only when somebody says so
        detected = 0.0 if name == "text" else rate(partial(read_document, raw, AUTO), seconds)
        parsed = rate(partial(msgspec.json.decode, raw), seconds)
        found[name] = {
            "bytes": len(raw), "told_per_s": round(told), "detected_per_s": round(detected),
            "parsed_per_s": round(parsed), "told_to_parsed": round(told / parsed, 2),
        }  # fmt: skip
    below = [name for name, each in found.items() if each["told_per_s"] < WANTED]
    return {"wanted_per_s": WANTED, "below": below, "dialects": found}


def show_profile(dialect: str) -> None:
    """Where the time of one dialect goes, on standard error."""
    raw = json.dumps(TYPICAL[dialect]).encode()
    profile = cProfile.Profile()
    profile.runcall(lambda: [read_document(raw, dialect) for _ in range(20_000)])
    pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(18)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each dialect and way")
    parser.add_argument("--profile", choices=DIALECTS, help="show where the time of one dialect goes")
    chosen = parser.parse_args()
    if chosen.profile:
        show_profile(chosen.profile)
    else:
        sys.stdout.write(json.dumps(figures(chosen.seconds), indent=2) + "\n")
