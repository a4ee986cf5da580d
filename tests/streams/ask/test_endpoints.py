"""Endpoints over HTTP: how they stand, and what became of a tenant's own attempts; who may steer which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.connectors.gateway.test_scopes import HeldEndpoints
from tests.harness.stored import told_story
from tests.streams.ask.conftest import Gateway, fill, gateway_over
from tocsin.streams.ask.endpoint_facts import EndpointFacts
from tocsin.streams.processes import endpoint_views

ALL = "since=2020-01-01T00:00:00Z"
KNOWN = HeldEndpoints(
    acme=EndpointFacts(name="owner", origin="rules file", sink="webhook", to="https://h.example/...", state="failing"),
    globex=EndpointFacts(name="own", origin="running", state="enabled"),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("large"))
    found = f"sqlite:///{tmp_path / 'store.db'}"
    fill(found, told_story("acme", "x"))
    return found


async def test_what_became_of_the_attempts(address: str) -> None:
    async with gateway_over(address, endpoints=KNOWN) as gateway:
        (owner,) = (await gateway.get(f"/v1/endpoints?{ALL}")).json["items"]
        assert (owner["state"], owner["to"], owner["sink"]) == ("failing", "https://h.example/...", "webhook")
        assert (owner["attempts"], owner["delivered"], owner["under_way"]) == (2, 1, 0)
        assert (owner["success_share"], owner["last_failure"]) == (0.5, "timeout")
        assert owner["last_success_at"] == owner["last_failure_at"] == "2023-11-14T22:13:20.000Z"
        assert (await gateway.get(f"/v1/endpoints/owner?{ALL}")).json == owner | {"notes": []}
        assert (await gateway.get("/v1/endpoints/own")).status == 404, "it is another tenant's"
        for sort in ("name", "-state", "attempts", "-last_failure_at", "success_share"):
            assert (await gateway.get(f"/v1/endpoints?sort={sort}")).status == 200


async def test_what_may_be_done_with_one(lite: str) -> None:
    async with gateway_over(lite, endpoints=KNOWN) as gateway:
        every = gateway.keyring.header("*")
        (owner,) = (await gateway.get("/v1/endpoints")).json["items"]
        assert set(owner["links"]) == {"self"}, "the operator's is no tenant's to steer"
        (owner,) = (await gateway.get("/v1/endpoints?tenant=acme", every)).json["items"]
        assert owner["links"]["disable"] == "/v1/endpoints/owner/disable?tenant=acme"
        (own,) = (await gateway.get("/v1/endpoints", gateway.keyring.header("globex"))).json["items"]
        assert own["links"]["disable"] == "/v1/subscriptions/own/disable"


async def test_who_may_steer_an_endpoint_of_the_file(lite: str) -> None:
    known = HeldEndpoints(**KNOWN.of_tenants)
    async with gateway_over(lite, endpoints=known) as gateway:
        every = gateway.keyring.header("*")
        assert (await _post(gateway, "/v1/endpoints/owner/disable", gateway.acme))[:2] == (403, "operators-only")
        assert (await _post(gateway, "/v1/endpoints/none/disable", every))[:2] == (404, "not-known")
        assert known.steered == []
        status, _, said = await _post(gateway, "/v1/endpoints/owner/disable", every, {"by": "ann", "why": "noise"})
        assert (status, known.steered) == (202, [("owner", "disable", "ann")])
        assert said["status"].startswith("/v1/commands/")
        assert (await _post(gateway, "/v1/endpoints/owner/enable", every, {"by": ""}))[0] == 422


async def _post(
    gateway: Gateway, path: str, headers: dict[str, str], document: Any = None
) -> tuple[int, str, dict[str, Any]]:
    http: aiohttp.ClientSession = gateway.http
    async with http.post(path, json={"by": "ann"} if document is None else document, headers=headers) as answer:
        said = await answer.json(content_type=None)
        return answer.status, str(said.get("type", "")).rpartition(":")[2], said


def test_what_all_share_is_named_as_the_facts_have_it() -> None:
    assert set(EndpointFacts.__struct_fields__) >= endpoint_views.OF_ALL
