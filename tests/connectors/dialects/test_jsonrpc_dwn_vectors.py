"""Real answers of other projects (../shared/vectors, dialects jsonrpc and dwn-status): every fact must be found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tocsin.connectors.dialects import dwn, jsonrpc
from tocsin.connectors.dialects.facts import answer_facts, batch_facts

FOLDER = Path(__file__).parents[4] / "shared" / "vectors"
READERS = {jsonrpc.NAME: jsonrpc.read, dwn.NAME: dwn.read}
VECTORS = {
    path.stem: vector
    for path in sorted(FOLDER.glob("*.json"))
    if (vector := json.loads(path.read_text()))["dialect"] in READERS
}

needs_vectors = pytest.mark.skipif(not VECTORS, reason="the shared vectors are not beside this repository")


@needs_vectors
@pytest.mark.parametrize("name", VECTORS)
def test_every_fact(name: str) -> None:
    vector = VECTORS[name]
    expect = {key: value for key, value in vector["expect"].items() if key != "derived"}
    if "elements" in expect:
        found = batch_facts(vector["input"])
        assert found["problem_count"] == expect["problem_count"]
        assert len(found["elements"]) == len(expect["elements"])
        for facts, expected in zip(found["elements"], expect["elements"], strict=True):
            assert {key: facts[key] for key in expected} == expected
        return
    problem = READERS[vector["dialect"]](vector["input"])
    facts = answer_facts(problem) | {"severity": getattr(problem, "severity", None)}
    assert {key: facts[key] for key in expect} == expect
