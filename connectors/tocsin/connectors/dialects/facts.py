"""What a reader understood, under the names that the dialects use: the output of `tocsin read` (DESIGN 11)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from tocsin.connectors.dialects import AUTO, NotAProblem, detect, load_dialect, read_parsed
from tocsin.connectors.dialects.answer_facts import answer_facts, batch_facts
from tocsin.connectors.dialects.codes import parse_code, read_code
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.schemas.problem import Problem

_HTTP = ("type", "title", "status", "detail", "instance")
_BAD_STATUS = frozenset({"status-invalid", "status-not-an-error"})
_IDENTUS_TYPE = re.compile(r"error:([^:]+):([^:]+)")
"""The Cloud Agent's `type`: `error:<namespace>:<name>` (REQUIREMENTS A1)."""


def document_facts(raw: bytes, dialect: str = AUTO) -> dict[str, Any]:
    """The facts of a document's bytes; of a JSON-RPC batch those of each answer, as `elements`. Raises Unreadable and
    nothing else."""
    if dialect != AUTO:
        load_dialect(dialect)
    document = parse_json(raw)
    if (
        isinstance(document, list)
        and (detect(document) if dialect == AUTO else load_dialect(dialect).NAME) == "jsonrpc"
    ):
        return batch_facts(document)
    return facts(read_parsed(document, dialect))


def facts(found: Problem | NotAProblem) -> dict[str, Any]:
    """The facts of one problem, or why it is none. What is absent is None or empty."""
    if isinstance(found, NotAProblem):
        return {"is_problem": False, "dialect": found.dialect, "why": found.why} | answer_facts(found)
    return _http_facts(found) | _common_facts(found) | answer_facts(found)


def code_facts(raw: bytes) -> dict[str, Any]:
    """The facts of a bare problem code. Raises Unreadable(bad_code)."""
    code = read_code(raw.decode("utf-8", "replace").rstrip("\r\n"))
    return {
        "code": code.text,
        "severity": code.severity.value,
        "scope": code.scope,
        "descriptors": list(code.descriptors),
        "category": code.category,
        "conformant": not code.violations,
    }


def _common_facts(found: Problem) -> dict[str, Any]:
    return {
        "is_problem": True,
        "dialect": found.dialect,
        "conformant": found.conformant,
        "violations": [{"rule": each.rule, "pointer": each.pointer} for each in found.violations],
        "code": found.code or None,
        "code_key": found.code_key or None,
        "severity": found.severity.value,
        "scope": found.scope,
        "descriptors": list(parse_code(found.code).descriptors),
        "category": found.category,
        "message_id": found.message_id,
        "message_type": found.message_type,
        "thread_id": found.thread_id,
        "parent_thread_id": found.parent_thread_id,
        "ack": found.ack,
        "from": found.source.sender,
        "to": found.source.recipients,
        "created_time": _utc(found.noticed_at),
        "text": found.text,
        "comment": found.text_template,
        "args": found.args,
        "localized": found.localized,
        "problem_items": [{each.key: each.value} if each.key else each.value for each in found.items],
        "who_retries": found.who_retries,
        "retry_party": found.retry_party.value,
        "fix_hint": found.fix_hint,
        "impact": found.impact,
        "where": {"party": found.where_party, "place": found.where_place},
        "tracking_uri": found.tracking_uri,
        "escalation_uri": found.escalation_uri,
        "request_completed": found.request_completed,
        "status_ok": found.outcome_ok,
        "extensions": {name: parse_json(text.encode()) for name, text in found.extensions.items()},
    }


def _http_facts(found: Problem) -> dict[str, Any]:
    members: dict[str, Any] = {name: getattr(found.http, name, None) for name in _HTTP}
    stated = _IDENTUS_TYPE.fullmatch(members["type"] or "")
    broken = any(each.rule in _BAD_STATUS for each in found.violations)
    return members | {
        "status_valid": False if broken else None if members["status"] is None else True,
        "namespace": stated.group(1) if stated else None,
        "error_name": stated.group(2) if stated else None,
    }


def _utc(micros: int | None) -> str | None:
    if micros is None:
        return None
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat().replace("+00:00", "Z")
