"""Probes, metrics and the schema registry over HTTP."""

from __future__ import annotations

import json

import pytest

from tocsin.schemas.codec import encode
from tocsin.schemas.events import Tick

from .conftest import Gateway


@pytest.mark.parametrize(
    ("state", "status", "text"),
    [
        (True, 200, "ready"),
        (False, 503, "not ready"),
        ("Kafka is away", 503, "Kafka is away"),
        (RuntimeError("secret"), 503, "not ready: the check failed"),
    ],
    ids=str,
)
async def test_readyz(gateway: Gateway, state: object, status: int, text: str) -> None:
    gateway.state["ready"] = state
    async with gateway.http.get("/readyz") as answer:
        assert (answer.status, await answer.text()) == (status, f"{text}\n")


async def test_healthz(gateway: Gateway) -> None:
    async with gateway.http.get("/healthz") as answer:
        assert answer.status == 200


async def test_metrics_have_bounded_labels(gateway: Gateway) -> None:
    await gateway.post("/v1/problems", json={"title": "t", "status": 500})
    await gateway.post("/v1/problems", json={"code": "x", "dialect": "made\nup"})
    await gateway.post("/v1/problems", json={"code": ""}, params={"dialect": "canonical"})
    for path in ("/secret/1", "/secret/2"):
        await gateway.http.get(path)
    async with gateway.http.get("/metrics") as answer:
        text = await answer.text()
    assert 'tocsin_gateway_accepted_total{kind="rfc9457"} 1.0' in text
    assert 'tocsin_gateway_accepted_total{kind="other"} 1.0' in text
    assert 'tocsin_gateway_refused_total{reason="not-valid"} 1.0' in text
    assert 'tocsin_gateway_requests_total{route="/v1/problems",status="202"} 2.0' in text
    assert 'tocsin_gateway_requests_total{route="none",status="404"} 2.0' in text
    assert "secret" not in text


async def test_the_schema_of_a_record_is_found_by_its_id(gateway: Gateway) -> None:
    record = encode(Tick(event_id="e", tenant="t", occurred_at=1, recorded_at=1, partition=0))
    schema_id = int.from_bytes(record[1:5], "big")
    async with gateway.http.get(f"/schemas/ids/{schema_id}") as answer:
        assert answer.content_type == "application/vnd.schemaregistry.v1+json"
        assert json.loads((await answer.json(content_type=None))["schema"])["name"] == "Tick"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/schemas/ids/1", 404, 40403),
        ("GET", "/schemas/ids/x", 404, 40403),
        ("GET", "/subjects/nope/versions", 404, 40401),
        ("GET", "/subjects/io.tocsin.Tick/versions/99", 404, 40402),
        ("GET", "/subjects/io.tocsin.Tick/versions/zero", 422, 42202),
        ("POST", "/subjects/io.tocsin.Tick/versions", 422, 42205),
        ("DELETE", "/subjects/io.tocsin.Tick", 422, 42205),
    ],
)
async def test_registry_errors_have_the_confluent_shape(
    gateway: Gateway, method: str, path: str, status: int, code: int
) -> None:
    async with gateway.http.request(method, path) as answer:
        document = await answer.json(content_type=None)
    assert (answer.status, document["error_code"]) == (status, code)
    assert document.keys() == {"error_code", "message"}


async def test_subjects_and_versions(gateway: Gateway) -> None:
    async with gateway.http.get("/subjects") as answer:
        subjects = await answer.json(content_type=None)
    assert "io.tocsin.ProblemReported" in subjects
    async with gateway.http.get("/subjects/io.tocsin.ProblemReported/versions/latest") as answer:
        latest = await answer.json(content_type=None)
    async with gateway.http.get(f"/subjects/io.tocsin.ProblemReported/versions/{latest['version']}") as answer:
        assert await answer.json(content_type=None) == latest


async def test_openapi(gateway: Gateway) -> None:
    async with gateway.http.get("/openapi.json") as answer:
        document = await answer.json()
    assert {"/v1/problems", "/v1/activity", "/readyz", "/metrics"} <= document["paths"].keys()
    assert "application/problem+json" in document["paths"]["/v1/problems"]["post"]["responses"]["503"]["content"]
