"""Real messages of other projects (../shared/vectors): every fact that maps to a canonical field must be found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tocsin.connectors.dialects import AUTO, DIALECTS, NotAProblem, Unreadable, read_parsed
from tocsin.connectors.dialects.codes import escalation_allowed, matches_prefix, parse_code, read_code
from tocsin.schemas.problem import Problem

FOLDER = Path(__file__).parents[4] / "shared" / "vectors"
VECTORS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
MESSAGES = [
    name for name, each in VECTORS.items() if each["dialect"] in DIALECTS and each["input_form"] in ("json", "body")
]
CODES = [name for name, each in VECTORS.items() if each["input_form"] == "code"]
NO_FACTS = {"derived", "is_problem", "status_valid", "namespace", "error_name"}

needs_vectors = pytest.mark.skipif(not VECTORS, reason="the shared vectors are not beside this repository")


def facts(problem: Problem) -> dict[str, Any]:
    """The canonical problem under the keys of vectors/README.md."""
    http = {name: getattr(problem.http, name, None) for name in ("type", "title", "status", "detail", "instance")}
    return http | {
        "conformant": problem.conformant,
        "code": problem.code,
        "severity": str(problem.severity),
        "scope": problem.scope,
        "descriptors": list(parse_code(problem.code).descriptors),
        "category": problem.category,
        "message_id": problem.message_id,
        "message_type": problem.message_type,
        "thread_id": problem.thread_id,
        "parent_thread_id": problem.parent_thread_id,
        "ack": problem.ack,
        "from": problem.source.sender,
        "to": problem.source.recipients,
        "text": problem.text,
        "comment": problem.text_template,
        "args": problem.args,
        "localized": problem.localized,
        "escalation_uri": problem.escalation_uri,
        "extensions": {name: json.loads(text) for name, text in problem.extensions.items()},
    }


@needs_vectors
@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("told", [True, False], ids=["told", "detected"])
def test_message(name: str, told: bool) -> None:
    vector = VECTORS[name]
    expect = {key: value for key, value in vector["expect"].items() if key not in NO_FACTS}
    dialect = vector["dialect"] if told else AUTO
    if expect.pop("error", False):
        with pytest.raises(Unreadable):
            read_parsed(vector["input"], dialect)
        return
    problem = read_parsed(vector["input"], dialect)
    if vector["expect"].get("is_problem") is False:
        assert isinstance(problem, NotAProblem)
        return
    assert isinstance(problem, Problem)
    assert problem.dialect == vector["dialect"]
    found = facts(problem)
    assert {key: found[key] for key in expect} == expect


@needs_vectors
@pytest.mark.parametrize("name", CODES)
def test_code(name: str) -> None:
    vector = VECTORS[name]
    if vector["expect"].get("error"):
        with pytest.raises(Unreadable):
            read_code(vector["input"])
        return
    code = read_code(vector["input"])
    assert vector["expect"] == {
        "code": code.text,
        "severity": code.severity,
        "scope": code.scope,
        "descriptors": list(code.descriptors),
    }


@needs_vectors
def test_rules() -> None:
    prefix, escalate = VECTORS["rule-code-prefix-token-boundary"], VECTORS["rule-escalate-still-warning"]
    for start, matches in prefix["expect"]["matches_prefix"].items():
        assert matches_prefix(prefix["input"], start) is matches
    assert not escalation_allowed(escalate["input"]["first_report_code"], escalate["input"]["reply_code"])
