"""Every dialect through the gateway: `?dialect=` for each, the shared vectors, and JSON-RPC batches."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tocsin.connectors.dialects import DIALECTS
from tocsin.connectors.dialects.facts import answer_facts, facts
from tocsin.connectors.dialects.table import ALIASES

from .conftest import Gateway

FOLDER = Path(__file__).parents[4] / "shared" / "vectors"
VECTORS: dict[str, Any] = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
DOCUMENTS = [
    name
    for name, each in VECTORS.items()
    if each["dialect"] in DIALECTS
    and each["input_form"] in ("json", "body", "text")
    and "elements" not in each["expect"]
]
REFUSALS = {"not-json": (400, "urn:tocsin:problem:malformed"), "missing-code": (422, "urn:tocsin:problem:not-valid")}
NO_FACTS = {"derived", "error_kind", "is_problem"}
HIPE = {
    "@type": "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/notification/1.0/problem-report",
    "friendly-ltxt": {"en": "no route", "code": "cant-find-route"},
}
ARIES = {"@type": "https://didcomm.org/report-problem/1.0/problem-report", "description": {"code": "cant-find-route"}}
RPC = {"jsonrpc": "2.0", "id": "1", "error": {"code": -50400, "message": "Conflict"}}
DWN = {"status": {"code": 404, "detail": "Not Found"}}


@pytest.mark.parametrize(
    ("dialect", "document"),
    [("hipe", HIPE), ("aries-1.0", ARIES), ("aries", ARIES), ("jsonrpc", RPC), ("dwn-status", DWN)],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("told", [True, False], ids=["told", "detected"])
async def test_the_dialect(gateway: Gateway, dialect: str, document: dict[str, object], told: bool) -> None:
    status, _, _ = await gateway.post("/v1/problems", json.dumps(document), params={"dialect": dialect} if told else {})
    assert status == 202
    assert gateway.reported[0].problem.dialect == ALIASES.get(dialect, dialect)


@pytest.mark.skipif(not VECTORS, reason="the shared vectors are not beside this repository")
@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_vector(gateway: Gateway, name: str) -> None:
    vector = VECTORS[name]
    given = vector["input"]
    body = given if vector["input_form"] == "text" else json.dumps(given)
    status, answer, _ = await gateway.post("/v1/problems", body, params={"dialect": vector["dialect"]})
    if vector["expect"].get("error"):
        assert (status, answer["type"]) == REFUSALS[vector["expect"]["error_kind"]]
    elif vector["expect"].get("is_problem") is False:
        assert (status, answer.keys(), gateway.reported) == (202, {"ignored"}, [])
    else:
        assert status == 202
        found = facts(gateway.reported[0].problem)
        expect = {key: value for key, value in vector["expect"].items() if key not in NO_FACTS}
        assert {key: found[key] for key in expect} == expect
        derived = "thread_id" in vector["expect"].get("derived", [])
        assert "thread_id" not in expect or gateway.reported[0].problem.thread_id_derived is derived


@pytest.mark.parametrize("params", [{"dialect": "jsonrpc"}, {}], ids=["told", "detected"])
async def test_of_a_batch_of_answers_only_the_errors_become_events(gateway: Gateway, params: dict[str, str]) -> None:
    batch = [{"jsonrpc": "2.0", "result": 7, "id": "1"}, RPC, RPC | {"id": None}]
    status, answer, _ = await gateway.post("/v1/problems", json.dumps(batch), params=params)
    assert (status, answer["accepted"], answer["refused"], answer["ignored"]) == (202, 2, 0, 1)
    assert answer["items"][0].keys() == {"ignored"}
    assert [event.problem.request_id for event in gateway.reported] == ["1", None]


@pytest.mark.parametrize("document", [{"type": "ConnectionUpdated", "data": {}}, {"type": "UserCreated"}])
async def test_what_is_not_a_problem_is_taken_counted_and_told_to_nobody(
    gateway: Gateway, document: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "tocsin.connectors.gateway"):
        status, answer, _ = await gateway.post("/v1/problems", json.dumps(document))
    assert (status, answer, gateway.publisher.events) == (202, {"ignored": "an object of another kind"}, [])
    assert hashlib.sha256(json.dumps(document).encode()).hexdigest() in caplog.text
    async with gateway.http.get("/metrics") as metrics:
        assert 'tocsin_gateway_refused_total{reason="not-a-problem"} 1.0' in await metrics.text()


@pytest.mark.parametrize(
    ("body", "headers", "params"),
    [
        ("[disk] is full", {"content-type": "text/plain; charset=utf-8"}, {}),
        ("[disk] is full", {}, {"dialect": "text"}),
        ('"[disk] is full"', {}, {"dialect": "text"}),
        ('"[disk] is full"', {"content-type": "text/plain"}, {}),
    ],
    ids=["media type", "parameter", "a JSON string", "a JSON string as text"],
)
async def test_a_text_is_a_problem_when_somebody_says_that_it_is_one(
    gateway: Gateway, body: str, headers: dict[str, str], params: dict[str, str]
) -> None:
    status, _, _ = await gateway.post("/v1/problems", body, headers=headers, params=params)
    assert status == 202
    problem = gateway.reported[0].problem
    assert (problem.dialect, problem.text, problem.severity) == ("text", "[disk] is full", "error")


async def test_an_array_of_several_dialects(gateway: Gateway) -> None:
    await gateway.post("/v1/problems", json.dumps([HIPE, ARIES, DWN, {"title": "t", "status": 403}]))
    assert {event.problem.dialect for event in gateway.reported} == {"hipe", "aries-1.0", "dwn-status", "rfc9457"}


BATCHES = [name for name, each in VECTORS.items() if "elements" in each["expect"]]


@pytest.mark.skipif(not VECTORS, reason="the shared vectors are not beside this repository")
@pytest.mark.parametrize("name", BATCHES)
async def test_a_vector_that_is_a_batch(gateway: Gateway, name: str) -> None:
    vector = VECTORS[name]
    body, params = json.dumps(vector["input"]), {"dialect": vector["dialect"]}
    status, answer, _ = await gateway.post("/v1/problems", body, params=params)
    assert (status, answer["accepted"]) == (202, vector["expect"]["problem_count"])
    elements = vector["expect"]["elements"]
    assert ["event_id" in item for item in answer["items"]] == [each["is_problem"] for each in elements]
    problems = [{**each} for each in elements if each["is_problem"]]
    found = [facts(event.problem) | answer_facts(event.problem) for event in gateway.reported]
    assert [{key: one[key] for key in each} for one, each in zip(found, problems, strict=True)] == problems


def test_no_vector_that_is_a_document_is_forgotten() -> None:
    documents = [name for name, each in VECTORS.items() if each["input_form"] in ("json", "body", "text")]
    assert {name for name in documents if VECTORS[name]["dialect"] in DIALECTS} == {*DOCUMENTS, *BATCHES}
