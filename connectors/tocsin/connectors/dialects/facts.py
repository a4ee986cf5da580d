"""What a reader understood, under the names that the dialects use: the output of `tocsin read`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tocsin.connectors.dialects import AUTO, detect, dwn, jsonrpc, load_dialect, read_parsed, text
from tocsin.connectors.dialects.answers import Success, as_number, kept_value, split_detail, status_in_data
from tocsin.connectors.dialects.codes import parse_code, read_code
from tocsin.connectors.dialects.context import context_in
from tocsin.connectors.dialects.didcomm1 import typed_items
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable
from tocsin.schemas.problem import Problem

_HTTP = ("type", "title", "status", "detail", "instance")
_BAD_STATUS = frozenset({"status-invalid", "status-not-an-error", "status-not-a-number"})
_IDENTUS_TYPE = re.compile(r"error:([^:]+):([^:]+)")
"""The Cloud Agent's `type`: `error:<namespace>:<name>` (docs/requirements.md#a1)."""


def document_facts(
    raw: bytes, dialect: str = AUTO, *, refine: Callable[[Problem], Problem] = lambda found: found
) -> dict[str, Any]:
    """The facts of a document's bytes; of a JSON-RPC batch those of each answer, as `elements`. What is read goes
    through `refine` first (what the catalogue knows, and dialects do not). Raises Unreadable, nothing else.
    """
    if dialect != AUTO:
        load_dialect(dialect)
        if load_dialect(dialect).NAME == text.NAME:
            return _refined(text.read(text.decode(raw)), refine)
    document = parse_json(raw)
    if (
        isinstance(document, list)
        and (detect(document) if dialect == AUTO else load_dialect(dialect).NAME) == "jsonrpc"
    ):
        return batch_facts(document)
    return _refined(read_parsed(document, dialect), refine)


def _refined(found: Problem | NotAProblem, refine: Callable[[Problem], Problem]) -> dict[str, Any]:
    return facts(refine(found) if isinstance(found, Problem) else found)


def facts(found: Problem | NotAProblem) -> dict[str, Any]:
    """The facts of one problem, or why it is none. What is absent is None or empty."""
    if isinstance(found, NotAProblem):
        return {"is_problem": False, "dialect": found.dialect, "why": found.why} | answer_facts(found)
    return _http_facts(found) | _common_facts(found) | answer_facts(found)


def answer_facts(found: Problem | NotAProblem) -> dict[str, Any]:
    """What an answer says; empty for a document of another dialect. `status_ok` is `outcome_ok` (2xx)."""
    if isinstance(found, Success):
        return {
            "is_problem": False,
            "rpc_id": found.rpc_id,
            "status_code": found.status_code,
            "status_detail": found.status_detail,
            "request_completed": True,
            "status_ok": True,
        }
    if isinstance(found, NotAProblem) or found.dialect not in (jsonrpc.NAME, dwn.NAME):
        return {}
    own = _rpc_facts(found) if found.dialect == jsonrpc.NAME else _dwn_facts(found)
    dwn_code, dwn_message = split_detail(own["status_detail"] or found.text)
    return own | {
        "is_problem": True,
        "rpc_id": kept_value(found, "id"),
        "dwn_code": dwn_code,
        "dwn_message": dwn_message,
        "request_completed": found.request_completed,
        "status_ok": found.outcome_ok,
    }


def batch_facts(document: object) -> dict[str, Any]:
    """The facts of each answer of a batch as `elements`, and how many are problems. Raises Unreadable(empty)."""
    facts = [_element_facts(element) for element in jsonrpc.elements(document)]
    return {"elements": facts, "problem_count": sum(each.get("is_problem") is True for each in facts)}


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
        "context": context_in(found),
        "created_time": _utc(found.noticed_at),
        "text": found.text,
        "comment": found.text_template,
        "args": found.args,
        "localized": found.localized,
        "problem_items": [{key: value} if key else value for key, value in typed_items(found)],
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


def _element_facts(element: object) -> dict[str, Any]:
    try:
        found = jsonrpc.read(element)
    except Unreadable as unreadable:
        return {"error": True, "error_kind": str(unreadable.reason), "pointer": unreadable.pointer}
    return {"is_problem": isinstance(found, Problem)} | answer_facts(found)


def _rpc_facts(problem: Problem) -> dict[str, Any]:
    number = as_number(problem.code)
    status = status_in_data(kept_value(problem, "error.data"))
    return {
        "rpc_code": problem.code if number is None else number,
        "rpc_message": problem.text,
        "http_equivalent": problem.http.status if problem.http else None,
        "status_code": status[0] if status else None,
        "status_detail": status[1] if status else None,
    }


def _dwn_facts(problem: Problem) -> dict[str, Any]:
    status = problem.http.status if problem.http else kept_value(problem, "status.code")
    return {"status_code": status, "status_detail": problem.text, "http_equivalent": status}
