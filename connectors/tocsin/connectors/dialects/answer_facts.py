"""The answers of Web5 under the names that JSON-RPC and DWN use, for `tocsin read` and for tests."""

from __future__ import annotations

from typing import Any

from tocsin.connectors.dialects import dwn, jsonrpc
from tocsin.connectors.dialects.answers import Success, as_number, kept_value, split_detail, status_in_data
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable
from tocsin.schemas.problem import Problem


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
