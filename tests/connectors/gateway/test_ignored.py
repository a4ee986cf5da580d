"""What is no problem is kept, bounded, and the sender is told the truth about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from tocsin.connectors.gateway import GatewayConfig, GatewayMetrics, IgnoredDocument, Rate, build_gateway
from tocsin.connectors.gateway.documents import Document
from tocsin.connectors.gateway.ignored import MAX_KEPT, IgnoredDocuments
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.publish import KafkaAway, MemoryPublisher, Origin, PublishUnconfirmed

from .conftest import serving

EVENT = {"type": "UserCreated", "data": {"id": 7}}


@dataclass
class Kept:
    """An `IgnoredPort` that keeps documents in a list."""

    documents: list[IgnoredDocument] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    async def keep(self, document: IgnoredDocument) -> None:
        if self.failures:
            raise self.failures.pop()
        self.documents.append(document)


@pytest.fixture
async def kept() -> Kept:
    return Kept()


@pytest.fixture
async def http(kept: Kept) -> AsyncIterator[aiohttp.ClientSession]:
    async def ready() -> bool:
        return True

    config = GatewayConfig(deadline=0.5, tenant_documents=Rate(0, 0))
    app = build_gateway(config, MemoryPublisher(), ready, CollectorRegistry(), Ports(ignored=kept))
    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session


CUT: dict[str, Any] = {
    "a value that is cut": {"password": 'a\\"b zebra ' * 3000},
    "a list that is cut": {"token": ["zebra", "x" * MAX_KEPT]},
    "before what is cut": {"a": {"client_secret": {"zebra": 1}}, "b": "x" * MAX_KEPT},
}


@pytest.mark.parametrize("document", CUT.values(), ids=list(CUT))
async def test_what_is_kept_of_a_long_document_holds_no_secret(
    http: aiohttp.ClientSession, kept: Kept, document: dict[str, Any]
) -> None:
    status, told = await post(http, EVENT | document)
    assert (status, told["kept"]) == (202, True)
    assert b"zebra" not in kept.documents[0].raw
    assert len(kept.documents[0].raw) <= MAX_KEPT


async def post(http: aiohttp.ClientSession, document: object, **options: Any) -> tuple[int, Any]:
    async with http.post("/v1/problems", json=document, **options) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_it_is_kept_before_it_is_answered(http: aiohttp.ClientSession, kept: Kept) -> None:
    status, answer = await post(http, EVENT, params={"tenant": "acme"})
    assert (status, answer) == (202, {"ignored": "an object of another kind", "kept": True})
    (document,) = kept.documents
    assert (document.tenant, document.why) == ("acme", "an object of another kind")
    assert (document.raw, document.bytes) == (b'{"type": "UserCreated", "data": {"id": 7}}', 42)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [(KafkaAway("e"), "kafka-away"), (PublishUnconfirmed("e"), "unconfirmed"), (TimeoutError(), "unconfirmed")],
)
async def test_without_kafka_it_is_not_said_to_be_taken(
    http: aiohttp.ClientSession, kept: Kept, failure: Exception, kind: str
) -> None:
    kept.failures.append(failure)
    status, answer = await post(http, EVENT)
    assert (status, answer["type"]) == (503, f"urn:tocsin:problem:{kind}")
    assert (await post(http, EVENT))[1]["kept"] is True
    assert len(kept.documents) == 1


async def test_in_a_batch_each_is_answered_for_itself(http: aiohttp.ClientSession, kept: Kept) -> None:
    kept.failures.append(KafkaAway("e"))
    status, answer = await post(http, [EVENT, {"title": "t", "status": 500}, EVENT])
    assert (status, answer["accepted"], answer["ignored"], answer["refused"]) == (202, 1, 1, 1)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ignored_documents(kept: Kept, clock: Clock) -> IgnoredDocuments:
    return IgnoredDocuments(kept, GatewayMetrics(CollectorRegistry()), 1.0, clock=clock)


def a_document(raw: bytes = b"{}", tenant: str = "acme") -> Document:
    return Document(raw, Origin(tenant=tenant, media_type="application/json"))


async def test_of_a_flood_the_first_of_each_minute_are_kept_and_the_rest_counted(kept: Kept) -> None:
    clock = Clock()
    taking = ignored_documents(kept, clock)
    answers = [await taking.take(a_document(), "x") for _ in range(100)]
    assert [answer["kept"] for answer in answers] == [True] * 30 + [False] * 70
    assert (await taking.take(a_document(tenant="other"), "x"))["kept"] is True, "another tenant has room of its own"
    clock.now = 60.0
    await taking.take(a_document(), "x")
    await taking.take(a_document(), "x")
    assert [document.not_kept for document in kept.documents[-2:]] == [70, 0]


async def test_a_flood_under_many_names_is_bounded(kept: Kept) -> None:
    taking = ignored_documents(kept, Clock())
    for number in range(1000):
        await taking.take(a_document(tenant=f"t{number}"), "x")
    assert len(kept.documents) == 300


async def test_only_the_beginning_is_kept_and_no_secret(kept: Kept) -> None:
    taking = ignored_documents(kept, Clock())
    await taking.take(a_document(b'{"password": "hunter2-hunter2"}'), "x")
    await taking.take(a_document(b"x" * 100_000), "x")
    secret, long = kept.documents
    assert b"hunter2" not in secret.raw
    assert (len(long.raw), long.bytes) == (MAX_KEPT, 100_000)
    assert secret.sha256 != long.sha256


async def test_without_a_place_to_keep_it_the_answer_says_nothing_of_it() -> None:
    taking = IgnoredDocuments(None, GatewayMetrics(CollectorRegistry()), 1.0)
    assert await taking.take(a_document(), "why") == {"ignored": "why"}
