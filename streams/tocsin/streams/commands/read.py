"""`tocsin read`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.connectors.dialects import AUTO, NotAProblem, Unreadable, read_document
from tocsin.connectors.dialects.codes import parse_code, read_code
from tocsin.schemas.problem import Problem
from tocsin.streams.commands.documents import bytes_of, existing
from tocsin.streams.commands.failures import BAD_INPUT
from tocsin.streams.commands.showing import show_json

CODE = "code"
"""The dialect of a bare problem code."""


def run(
    file: Annotated[
        Path | None, typer.Argument(dir_okay=False, callback=existing, help="A document; else stdin.")
    ] = None,
    dialect: Annotated[str, typer.Option(help="The dialect, auto, or code for a bare problem code.")] = AUTO,
) -> None:
    """Print what the reader understands, as one JSON object; unreadable: {"error": true, ...} and exit 65."""
    raw = bytes_of(file)
    try:
        found = _code_facts(raw) if dialect == CODE else facts(read_document(raw, dialect))
    except Unreadable as unreadable:
        kind = str(unreadable.reason)
        show_json({"error": True, "error_kind": kind, "pointer": unreadable.pointer, "expected": unreadable.expected})
        raise typer.Exit(BAD_INPUT) from None
    show_json(found)


def facts(found: Problem | NotAProblem) -> dict[str, Any]:
    """A problem under the names that its dialects use (DESIGN 11 `tocsin read`)."""
    if isinstance(found, NotAProblem):
        return {"is_problem": False, "dialect": found.dialect, "why": found.why}
    http = {name: getattr(found.http, name, None) for name in ("type", "title", "status", "detail", "instance")}
    time = None if found.noticed_at is None else datetime.fromtimestamp(found.noticed_at / 1e6, UTC)
    return http | {
        "is_problem": True,
        "dialect": found.dialect,
        "conformant": found.conformant,
        "violations": [{"rule": each.rule, "pointer": each.pointer} for each in found.violations],
        "code": found.code,
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
        "created_time": None if time is None else time.isoformat().replace("+00:00", "Z"),
        "text": found.text,
        "comment": found.text_template,
        "args": found.args,
        "localized": found.localized,
        "problem_items": [{each.key: each.value} if each.key else each.value for each in found.items],
        "who_retries": found.who_retries,
        "impact": found.impact,
        "escalation_uri": found.escalation_uri,
        "extensions": {name: json.loads(text) for name, text in found.extensions.items()},
    }


def _code_facts(raw: bytes) -> dict[str, Any]:
    code = read_code(raw.decode("utf-8", "replace").rstrip("\r\n"))
    return {
        "code": code.text,
        "severity": code.severity.value,
        "scope": code.scope,
        "descriptors": list(code.descriptors),
        "category": code.category,
        "conformant": not code.violations,
    }
