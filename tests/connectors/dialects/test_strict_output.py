"""Whatever problem is written, in whatever dialect: the document fits a JSON Schema written from the specification."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator, FormatChecker

from tests.harness.problem_strategies import as_sent, problems
from tocsin.connectors.dialects import Unwritable, load_dialect, read_document
from tocsin.connectors.dialects.codes import parse_code
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.dialects.table import WRITTEN
from tocsin.schemas.problem import Problem

_LABEL = r"[a-z0-9]+(-[a-z0-9]+)*"
_ADOPTING = r"(?!report-problem/(?!1\.)|connection/).+/\d+\.\d+"
_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_URI: dict[str, Any] = {"type": "string", "format": "uri"}
_TEXTS: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"pattern": "^[A-Za-z0-9-]+$"},
    "additionalProperties": _TEXT,
}
_THREAD: dict[str, Any] = {"type": "object", "minProperties": 1, "properties": {"thid": _TEXT, "pthid": _TEXT}}
_ITEMS: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": {"type": "string"}},
}
_V1_VALUES: dict[str, Any] = {
    "who-retries": {"enum": ["you", "me", "both", "none"]},
    "impact": {"enum": ["message", "thread", "connection"]},
    "where": {"type": "string", "pattern": r"^(you|me|other) - \S"},
    "noticed": {"type": "string", "format": "utc-time"},
}


def _closed(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


SCHEMAS: dict[str, dict[str, Any]] = {
    # RFC 9457, appendix A
    "rfc9457": {
        "type": "object",
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 100, "maximum": 599},
            "detail": {"type": "string"},
            "instance": {"type": "string", "format": "uri-reference"},
        },
    },
    # DIDComm Messaging v2, "Problem Reports" and "Problem Codes"
    "didcomm-2.0": _closed(
        ["id", "type", "pthid", "body"],
        {
            "id": _TEXT,
            "type": {"const": "https://didcomm.org/report-problem/2.0/problem-report"},
            "thid": _TEXT,
            "pthid": _TEXT,
            # extension "Advanced Sequencing"
            "sender_order": {"type": "integer"},
            "received_orders": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["id", "last"],
                    "properties": {"id": {"type": "string"}, "last": {"type": "integer"}},
                },
            },
            "created_time": {"type": "integer", "minimum": 0},
            "ack": {"type": "array", "minItems": 1, "items": _TEXT},
            "lang": {"type": "string", "pattern": "^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$"},
            "body": _closed(
                ["code"],
                {
                    "code": {"type": "string", "pattern": rf"^[ew]\.{_LABEL}(\.{_LABEL})+$"},
                    "comment": _TEXT,
                    "args": {"type": "array", "items": {"type": "string"}},
                    "escalate_to": _URI,
                },
            ),
        },
    ),
    # Aries RFC 0035, "Field Reference"; fields without content are left out
    "aries-1.0": _closed(
        ["@type", "@id", "description"],
        {
            "@type": {"type": "string", "pattern": rf"^https://didcomm\.org/{_ADOPTING}/problem[-_]report$"},
            "@id": _TEXT,
            "~thread": _THREAD,
            "~l10n": {"type": "object"},
            "description": {**_TEXTS, "required": ["code"]},
            "problem_items": _ITEMS,
            "who_retries": _V1_VALUES["who-retries"],
            "fix_hint": _TEXTS,
            "impact": _V1_VALUES["impact"],
            "where": _V1_VALUES["where"],
            "noticed_time": _V1_VALUES["noticed"],
            "tracking_uri": _URI,
            "escalation_uri": _URI,
        },
    ),
    # Indy HIPE problem-report, "Fields"
    "hipe": _closed(
        ["@type", "@id", "friendly-ltxt"],
        {
            "@type": {
                "type": "string",
                "pattern": rf"^did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/{_ADOPTING}/problem[-_]report$",
            },
            "@id": _TEXT,
            "@thread": _THREAD,
            "@msg_catalog": _URI,
            "friendly-ltxt": _TEXTS,
            "problem-items": _ITEMS,
            "who-retries": _V1_VALUES["who-retries"],
            "fix-hint-ltxt": _TEXTS,
            "impact": _V1_VALUES["impact"],
            "where": _V1_VALUES["where"],
            "time-noticed": _V1_VALUES["noticed"],
            "tracking-uri": _URI,
            "escalation-uri": _URI,
        },
    ),
    # JSON-RPC 2.0, sections 5 and 5.1
    "jsonrpc": _closed(
        ["jsonrpc", "error", "id"],
        {
            "jsonrpc": {"const": "2.0"},
            "error": _closed(
                ["code", "message"], {"code": {"type": "integer"}, "message": {"type": "string"}, "data": {}}
            ),
            "id": {"type": ["string", "number", "null"]},
        },
    ),
    # Web5 JS Error Handling, "status": always code and detail
    "dwn-status": _closed(
        ["status"],
        {
            "status": _closed(
                ["code", "detail"],
                {"code": {"type": "integer", "minimum": 400, "maximum": 599}, "detail": _TEXT},
            )
        },
    ),
}

FORMATS = FormatChecker(formats=())
_REFERENCE = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*")  # RFC 3986, section 2
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+", re.DOTALL)


def is_reference(value: object) -> bool:
    return not isinstance(value, str) or _REFERENCE.fullmatch(value) is not None


def is_absolute(value: object) -> bool:
    return not isinstance(value, str) or (is_reference(value) and _ABSOLUTE.fullmatch(value) is not None)


def is_utc_time(value: object) -> bool:
    return not isinstance(value, str) or (value.endswith("Z") and datetime.fromisoformat(value) is not None)


FORMATS.checks("uri-reference")(is_reference)
FORMATS.checks("uri")(is_absolute)
FORMATS.checks("utc-time", raises=ValueError)(is_utc_time)
VALIDATORS = {name: Draft202012Validator(schema, format_checker=FORMATS) for name, schema in SCHEMAS.items()}


def test_no_dialect_is_forgotten() -> None:
    assert VALIDATORS.keys() == {*WRITTEN} - {"canonical"}


@pytest.mark.parametrize("dialect", SCHEMAS)
@settings(max_examples=200)
@given(problem=problems)
def test_any_problem_is_written_strictly_or_refused(dialect: str, problem: Problem) -> None:
    try:
        document = as_sent(load_dialect(dialect).write(problem))
    except Unwritable:
        return
    assert [error.message for error in VALIDATORS[dialect].iter_errors(document)] == []
    read = read_document(json_text(document).encode(), dialect)
    assert isinstance(read, Problem)
    # DIDComm v1 has no grammar of codes, so a code goes out as it is; what v2 would say of it is flagged all the same.
    of_the_code = set(parse_code(problem.code).violations) if dialect in ("hipe", "aries-1.0") else set()
    assert [each for each in read.violations if each.rule not in of_the_code] == []
    if of_the_code:
        assert read.code == problem.code
