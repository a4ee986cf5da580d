"""POST, GET and DELETE /v1/silences, over a port that keeps them in a list."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from tocsin.connectors.gateway import GatewayConfig, build_gateway
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.gateway.silences import TENANT_SILENCES, FileSilence
from tocsin.connectors.publish import KafkaAway, MemoryPublisher
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import Matcher, MatchOperator, SilenceSet

from .conftest import Gateway, serving

MATCHERS = [{"field": "code", "operator": "prefix", "value": "e.p.xfer"}]
SILENCE = {"matchers": MATCHERS, "for": "2h", "by": "ann", "why": "maintenance"}


class ListedSilences:
    """Silences in a list, as they would be read back from Kafka."""

    def __init__(self) -> None:
        self.stored: list[SilenceSet] = []
        self.over: list[SilenceSet] = []
        self.filed: list[FileSilence] = []
        self.failure: Exception | None = None

    def current(self) -> tuple[SilenceSet, ...]:
        last = {one.silence: one for one in self.stored}
        return tuple(one for one in last.values() if not one.removed)

    def expired(self) -> tuple[SilenceSet, ...]:
        return tuple(self.over)

    async def of_file(self, tenant: str | None) -> list[FileSilence]:
        return self.filed

    def refusal(self, silence: SilenceSet) -> str | None:
        return "a regular expression" if silence.matchers[0].value == "(" else None

    async def store(self, silence: SilenceSet) -> None:
        if self.failure is not None:
            raise self.failure
        kept = decode(encode(silence))
        assert isinstance(kept, SilenceSet)
        self.stored.append(kept)


@pytest.fixture
async def silent() -> AsyncIterator[tuple[Gateway, ListedSilences]]:
    """A gateway with silences."""
    silences, publisher = ListedSilences(), MemoryPublisher()

    async def ready() -> bool:
        return True

    app = build_gateway(GatewayConfig(deadline=0.5), publisher, ready, CollectorRegistry(), Ports(silences=silences))
    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        yield Gateway(publisher, http, port), silences


async def listed(gateway: Gateway, tenant: str = "default") -> list[dict[str, Any]]:
    async with gateway.http.get("/v1/silences", params={"tenant": tenant}) as answer:
        assert answer.status == 200
        found: list[dict[str, Any]] = (await answer.json())["silences"]
        return found


async def test_made_listed_and_ended(silent: tuple[Gateway, ListedSilences]) -> None:
    gateway, silences = silent
    status, answer, _ = await gateway.post("/v1/silences", json=SILENCE)
    assert status == 202
    (made,) = silences.stored
    assert answer == {"event_id": made.event_id, "silence": made.silence}
    assert made.matchers == [Matcher(field="code", operator=MatchOperator.PREFIX, value="e.p.xfer")]
    assert (made.tenant, made.by, made.why, made.ends_at - made.starts_at) == (
        "default", "ann", "maintenance", 7_200_000_000,
    )  # fmt: skip
    (shown,) = await listed(gateway)
    assert (shown["silence"], shown["status"], shown["matchers"], shown["by"]) == (
        made.silence, "active", MATCHERS, "ann",
    )  # fmt: skip
    async with gateway.http.delete(f"/v1/silences/{made.silence}", headers={"tocsin-by": "bob"}) as ended:
        assert ended.status == 202
    assert (silences.stored[-1].removed, silences.stored[-1].by, silences.stored[-1].cause) == (
        True, "bob", made.event_id,
    )  # fmt: skip
    assert await listed(gateway) == []


async def test_the_example_of_the_openapi_document_is_taken(silent: tuple[Gateway, ListedSilences]) -> None:
    gateway, _ = silent
    async with gateway.http.get("/openapi.json") as answer:
        document = await answer.json()
    body = document["paths"]["/v1/silences"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["required"] == ["by", "matchers"]
    assert (await gateway.post("/v1/silences", json.dumps(body["example"])))[0] == 202


async def test_one_to_come(silent: tuple[Gateway, ListedSilences]) -> None:
    gateway, _ = silent
    starts = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    assert (await gateway.post("/v1/silences", json=SILENCE | {"starts_at": starts}))[0] == 202
    assert [one["status"] for one in await listed(gateway)] == ["pending"]


async def test_a_tenant_sees_and_ends_only_its_own(silent: tuple[Gateway, ListedSilences]) -> None:
    gateway, silences = silent
    await gateway.post("/v1/silences", json=SILENCE, params={"tenant": "acme"})
    assert await listed(gateway, "globex") == []
    path = f"/v1/silences/{silences.stored[0].silence}"
    async with gateway.http.delete(path, params={"tenant": "globex", "by": "eve"}) as answer:
        assert answer.status == 404
    async with gateway.http.delete(path, params={"tenant": "acme"}) as answer:
        assert (answer.status, (await answer.json())["pointer"]) == (422, "/by")
    assert len(await listed(gateway, "acme")) == 1


async def test_the_same_key_makes_one_silence(silent: tuple[Gateway, ListedSilences]) -> None:
    gateway, _ = silent
    for _ in range(2):
        await gateway.post("/v1/silences", json=SILENCE, headers={"idempotency-key": "k"})
    assert len(await listed(gateway)) == 1


async def test_a_tenant_may_have_so_many(silent: tuple[Gateway, ListedSilences]) -> None:
    gateway, silences = silent
    for _ in range(TENANT_SILENCES):
        await gateway.post("/v1/silences", json=SILENCE)
    status, problem, _ = await gateway.post("/v1/silences", json=SILENCE)
    assert (status, problem["type"], problem["limit"]) == (409, "urn:tocsin:problem:too-many-silences", TENANT_SILENCES)
    assert (await gateway.post("/v1/silences", json=SILENCE, params={"tenant": "acme"}))[0] == 202
    assert len(silences.stored) == TENANT_SILENCES + 1


# what is asked for instead, where the fault is, what would be right
REFUSED: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "nobody says so": ({"by": None}, "/by", "who says so"),
    "without end": ({"for": None}, "/until", "until when"),
    "over before it begins": ({"starts_at": "2999-01-01T00:00:00Z"}, "/starts_at", "before its end"),
    "everything": ({"matchers": []}, "/matchers", "1 to 10"),
    "too many matchers": ({"matchers": MATCHERS * 11}, "/matchers", "1 to 10"),
    "a field that is none": ({"matchers": [MATCHERS[0] | {"field": "mood"}]}, "/matchers/0/field", "one of code"),
    "an operator that is none": (
        {"matchers": [MATCHERS[0] | {"operator": "like"}]}, "/matchers/0/operator", "equal, not_equal, prefix",
    ),
    "an operator that is not known": (
        {"matchers": [MATCHERS[0] | {"operator": "unknown"}]}, "/matchers/0/operator", "equal, not_equal, prefix",
    ),
    "a prefix of what has no tokens": (
        {"matchers": [MATCHERS[0] | {"field": "text"}]}, "/matchers/0/operator", "code, category",
    ),
    "an empty value": ({"matchers": [MATCHERS[0] | {"value": ""}]}, "/matchers/0/value", "1 to 255"),
    "no value": ({"matchers": [{"field": "code", "operator": "equal"}]}, "/matchers/0/value", ""),
    "what the rules cannot use": (
        {"matchers": [{"field": "text", "operator": "matches", "value": "("}]}, "/matchers", "a regular expression",
    ),
    "a member that is none": ({"tenant": "acme"}, None, "matchers, by, why"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "pointer", "expected"), REFUSED.values(), ids=list(REFUSED))
async def test_refusals(
    silent: tuple[Gateway, ListedSilences], change: dict[str, Any], pointer: str | None, expected: str
) -> None:
    gateway, silences = silent
    status, problem, _ = await gateway.post("/v1/silences", json=SILENCE | change)
    assert (status, problem["type"]) == (422, "urn:tocsin:problem:not-valid")
    assert problem.get("pointer") == pointer
    assert expected in problem["expected"]
    assert silences.stored == []


async def test_nothing_is_accepted_while_kafka_is_away(silent: tuple[Gateway, ListedSilences]) -> None:
    gateway, silences = silent
    silences.failure = KafkaAway("e")
    assert (await gateway.post("/v1/silences", json=SILENCE))[0] == 503


async def test_without_silences_there_are_no_routes_for_them(gateway: Gateway) -> None:
    assert (await gateway.post("/v1/silences", json=SILENCE))[0] == 404


async def test_those_of_the_rules_file_and_those_that_are_over_are_listed_apart(
    silent: tuple[Gateway, ListedSilences],
) -> None:
    gateway, silences = silent
    now, hour = time.time_ns() // 1000, 3_600_000_000
    silences.filed = [
        FileSilence("holidays", now - hour, now + hour, "ops", "nobody is there"),
        FileSilence("move", now + hour, now + 2 * hour, "", None),
    ]
    over = SilenceSet(
        event_id="s", silence="s", matchers=[Matcher(field="code", operator=MatchOperator.EQUAL, value="e.p")],
        starts_at=now - 2 * hour, ends_at=now - hour, by="ann", tenant="acme", occurred_at=1, recorded_at=1,
    )  # fmt: skip
    silences.over = [over, replace(over, silence="foreign", tenant="globex")]
    async with gateway.http.get("/v1/silences", params={"tenant": "acme"}) as answer:
        listed = await answer.json()
    assert listed["silences"] == []
    assert [(one["silence"], one["status"]) for one in listed["expired"]] == [("s", "expired")]
    assert [(one["name"], one["status"], one["by"]) for one in listed["file"]] == [
        ("holidays", "active", "ops"), ("move", "pending", "")
    ]  # fmt: skip
    assert all("matchers" not in one for one in listed["file"])
