"""The category of a problem, whatever its dialect: by the catalogue, and by the words for what runs short."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.connectors.catalogue.categories import as_catalogued, shortage_of
from tocsin.connectors.dialects import read_parsed
from tocsin.connectors.publish import Origin, problem_reported
from tocsin.schemas.problem import Problem

ARIES = "https://didcomm.org/report-problem/1.0/problem-report"
HIPE = "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/notification/1.0/problem-report"


def category(document: dict[str, Any], dialect: str = "auto") -> str | None:
    found = read_parsed(document, dialect)
    assert isinstance(found, Problem)
    refined = as_catalogued(found)
    assert problem_reported(document, Origin(tenant="t", dialect=dialect)).problem.category == refined.category
    return refined.category


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"@type": ARIES, "description": {"code": "cant-find-route"}}, "xfer"),
        ({"@type": HIPE, "friendly-ltxt": {"code": "cant_find_route", "en": "x"}}, "xfer"),
        ({"type": "https://example.org/errors/cant-find-route", "status": 502}, "xfer"),
        ({"@type": ARIES, "description": {"code": "disk-full"}}, "me.res.storage"),
        ({"@type": ARIES, "description": {"code": "insufficient_storage"}}, "me.res.storage"),
        ({"@type": HIPE, "friendly-ltxt": {"code": "OutOfMemory", "en": "x"}}, "me.res.memory"),
        ({"title": "Insufficient Storage", "status": 507}, "me.res.storage"),
        ({"type": "https://example.org/problems/out-of-memory", "title": "t"}, "me.res.memory"),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": -50507, "message": "x"}}, "me.res.storage"),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": "ENOSPC", "message": "x"}}, "me.res.storage"),
        ({"status": {"code": 507, "detail": "full"}}, "me.res.storage"),
        ({"status": {"code": 500, "detail": "NoSpaceLeft: x"}}, "me.res.storage"),
        ({"code": "e.p.me.res.net"}, "me.res.net"),
        ({"code": "e.p.xfer.disk-full"}, "xfer"),
        ({"title": "Not Found", "status": 404}, None),
    ],
)
def test_the_category_of_a_document(document: dict[str, Any], expected: str | None) -> None:
    assert category(document) == expected


def test_a_stated_category_stays() -> None:
    assert category({"code": "disk-full", "category": "legal"}) == "legal"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("disk-space-low", "me.res.storage"),
        ("DISK_QUOTA_EXCEEDED", "me.res.storage"),
        ("heapExhausted", "me.res.memory"),
        ("OOMKilled", "me.res.memory"),
        ("java.lang.OutOfMemoryError", "me.res.memory"),
        ("error:Storage:StorageFull", "me.res.storage"),
        ("storage", None),
        ("full-refund", None),
        ("namespace-not-found", None),
        ("e.p.x", None),
    ],
)
def test_the_words_for_what_runs_short(code: str, expected: str | None) -> None:
    assert shortage_of(code) == expected


SEVERITIES = {
    "a warning that the catalogue knows": ("version-with-degraded-features", "warning"),
    "in another spelling": ("Fields_Ignored_Due_To_Version_Mismatch", "warning"),
    "an error that it knows": ("message-parse-failure", "error"),
    "nobody knows it": ("something-else", "error"),
    "the code says it": ("w.p.xfer", "warning"),
}


@pytest.mark.parametrize(("code", "severity"), SEVERITIES.values(), ids=SEVERITIES)
def test_the_severity_of_a_code_that_does_not_say_it(code: str, severity: str) -> None:
    report = problem_reported({"@type": ARIES, "description": {"code": code}}, Origin(tenant="t"))
    assert report.problem.severity == severity
