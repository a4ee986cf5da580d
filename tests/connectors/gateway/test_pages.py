"""The OpenAPI document says what bodies look like, and its examples are taken as they stand; two pages for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.connectors.gateway.conftest import Gateway
from tocsin.connectors.gateway.examples import PROBLEMS, activity_of
from tocsin.connectors.gateway.ingest import NOT_TEXT
from tocsin.connectors.gateway.request import KNOWN


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, media type, and what is said of it."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
                if body.get("schema", {}).get("format") != "binary":  # bytes have no example
                    yield path, media_type, body


NAMES = {"target": "e-1", "tenant": "default", "topic": "issue_credential_v2_0", "project": "1"}
"""What stands in the path of an example."""


def as_sent(example: object) -> bytes:
    return example.encode() if isinstance(example, str) else json.dumps(example).encode()


async def test_every_body_has_a_schema_and_an_example(gateway: Gateway) -> None:
    async with gateway.http.get("/openapi.json") as answer:
        found = list(bodies(await answer.json()))
    assert [path for path, _, body in found if not body.get("schema") or not body.get("example")] == []
    posted = {path for path, _, _ in found}
    assert {"/v1/problems", "/v1/activity", "/v1/read", "/v1/unwrap", "/v1/mediation/decide"} <= posted
    assert PROBLEMS.keys() == set(KNOWN)


@pytest.mark.parametrize("media_type", PROBLEMS)
async def test_the_examples_of_problems_are_taken(gateway: Gateway, media_type: str) -> None:
    body = as_sent(PROBLEMS[media_type]["example"])
    status, said, _ = await gateway.post("/v1/problems", body, headers={"content-type": media_type})
    assert status == 202, said
    assert not any("error" in item for item in said.get("items", ()))


@pytest.mark.parametrize("media_type", NOT_TEXT)
async def test_the_examples_of_activity_are_taken(gateway: Gateway, media_type: str) -> None:
    status, said, _ = await gateway.post(
        "/v1/activity", as_sent(activity_of(media_type)["example"]), headers={"content-type": media_type}
    )
    assert status == 202, said
    assert not any("error" in item for item in said.get("items", ()))


async def test_the_other_examples_are_taken(gateway: Gateway) -> None:
    async with gateway.http.get("/openapi.json") as answer:
        found = list(bodies(await answer.json()))
    for path, media_type, body in found:
        if path in ("/v1/problems", "/v1/activity") or path.endswith(("snooze", "choose")):
            continue  # the last two need an end, and a choice
        kind = "application/json" if media_type == "*/*" else media_type
        status, said, _ = await gateway.post(
            path.format_map(NAMES), as_sent(body["example"]), headers={"content-type": kind}
        )
        assert status in (200, 202), (path, said)


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_a_page_for_people_loads_nothing(gateway: Gateway, path: str) -> None:
    async with gateway.http.get(path) as answer:
        page = await answer.text()
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "/v1/problems" in page
    assert "<script" not in page
    assert "http://" not in page
