"""Real messages of other projects (../shared/vectors): every fact must be found, told the dialect or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tocsin.connectors.dialects import AUTO, DIALECTS, NotAProblem, Unreadable, UnreadableReason, read_document
from tocsin.connectors.dialects.codes import Promotion, escalation_allowed, matches_prefix, promotion, read_code
from tocsin.connectors.dialects.facts import document_facts
from tocsin.schemas.problem import Problem

FOLDER = Path(__file__).parents[4] / "shared" / "vectors"
VECTORS: dict[str, Any] = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
DOCUMENTS = [
    name
    for name, each in VECTORS.items()
    if each["dialect"] in DIALECTS and each["input_form"] in ("json", "body", "text")
]
CODES = [name for name, each in VECTORS.items() if each["input_form"] == "code"]
NO_FACTS = {"derived", "error_kind"}
"""What the vectors say of their facts: which of them the document does not state, and why there are none."""
REASONS = {
    "missing-code": UnreadableReason.MISSING_MEMBER,
    "bad-code": UnreadableReason.BAD_CODE,
    "not-json": UnreadableReason.NOT_JSON,
}

needs_vectors = pytest.mark.skipif(not VECTORS, reason="the shared vectors are not beside this repository")


def as_bytes(vector: dict[str, Any]) -> bytes:
    """The document as it was received."""
    given = vector["input"]
    return (given if vector["input_form"] == "text" else json.dumps(given, ensure_ascii=False)).encode()


@needs_vectors
@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("told", [True, False], ids=["told", "detected"])
def test_document(name: str, told: bool) -> None:
    vector = VECTORS[name]
    expect = {key: value for key, value in vector["expect"].items() if key not in NO_FACTS}
    dialect = vector["dialect"] if told else AUTO
    if expect.pop("error", False):
        with pytest.raises(Unreadable) as refusal:
            document_facts(as_bytes(vector), dialect)
        undetected = () if told else (UnreadableReason.UNDETECTED,)
        assert refusal.value.reason in (REASONS[vector["expect"]["error_kind"]], *undetected)
        return
    found = document_facts(as_bytes(vector), dialect)
    if "elements" not in expect:
        assert found["dialect"] == vector["dialect"]
        assert isinstance(read_document(as_bytes(vector), dialect), NotAProblem) is not found["is_problem"]
    assert {key: _of(found[key], value) for key, value in expect.items()} == expect
    derived = vector["expect"].get("derived", [])
    assert set(derived) <= expect.keys()
    if "elements" not in expect and found["is_problem"]:
        read = read_document(as_bytes(vector), dialect)
        assert isinstance(read, Problem)
        assert "thread_id" not in expect or read.thread_id_derived is ("thread_id" in derived)


def _of(found: Any, expected: Any) -> Any:
    """Of the answers of a batch only the facts that the vector states."""
    if not isinstance(expected, list) or not all(isinstance(each, dict) for each in expected):
        return found
    return [{key: answer.get(key) for key in wanted} for answer, wanted in zip(found, expected, strict=True)]


@needs_vectors
@pytest.mark.parametrize("name", CODES)
def test_code(name: str) -> None:
    vector = VECTORS[name]
    if vector["expect"].get("error"):
        with pytest.raises(Unreadable) as refusal:
            read_code(vector["input"])
        assert refusal.value.reason is REASONS[vector["expect"]["error_kind"]]
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
    first, reply = escalate["input"]["first_report_code"], escalate["input"]["reply_code"]
    assert not escalation_allowed(first, reply)
    assert promotion(first, reply) is Promotion.STILL_A_WARNING
    assert escalate["expect"]["error_kind"] == "illegal-escalation"


def test_a_status_stays_valid_whatever_else_is_wrong_with_it() -> None:
    assert document_facts(b'{"status":{"code":404,"message":"Not Found"}}')["status_valid"] is True
    assert document_facts(b'{"title":"t","status":200}')["status_valid"] is False


@needs_vectors
def test_no_vector_is_forgotten() -> None:
    elsewhere = {name for name, each in VECTORS.items() if each["dialect"] == "mediator-scenario"}
    rules = {name for name, each in VECTORS.items() if each["input_form"] == "rule"}
    assert set(VECTORS) == {*DOCUMENTS, *CODES, *rules, *elsewhere}
