"""What was accepted and is not in the store yet comes while its asker waits; and a store that is away is said to be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.harness.stored import take_up, told_story
from tests.streams.ask.conftest import gateway_over
from tests.streams.ask.world import STORY
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.store import Store, address_of
from tocsin.streams.ask.asking import WAITING, Asking


async def test_what_comes_meanwhile_is_answered(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'store.db'}"
    await take_up(address, [])
    async with gateway_over(address, waits=(0.05,) * 400) as gateway:
        asking = asyncio.create_task(gateway.get("/v1/problems/p-1"))
        done, _ = await asyncio.wait([asking], timeout=0.3)
        assert not done, "it is waited for"
        await take_up(address, told_story("acme", "just accepted"))
        assert (await asking).status == 200


def asking_of_nothing(waits: tuple[float, ...]) -> Asking:
    return Asking(Store(address_of("sqlite:///nowhere/store.db")), None, waits)


async def test_how_many_wait_is_bounded() -> None:
    """Whoever comes beyond them is answered at once, and when they have gone others may wait."""
    asking, looks = asking_of_nothing((3600.0,)), 0

    async def question() -> None:
        nonlocal looks
        looks += 1

    waiting: list[asyncio.Task[None]] = [asyncio.create_task(asking.awaited(question)) for _ in range(WAITING)]
    while looks < WAITING:  # noqa: ASYNC110 - until each has looked once
        await asyncio.sleep(0)
    with pytest.raises(Refusal, match="not-known"):
        await asyncio.wait_for(asking.awaited(question), 60)
    assert looks == WAITING + 1
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    late: asyncio.Task[None] = asyncio.create_task(asking.awaited(question))
    done, _ = await asyncio.wait([late], timeout=0.1)
    assert not done, "there is room again"
    late.cancel()


async def test_it_is_looked_for_as_often_as_was_said_and_no_more() -> None:
    looks = 0

    async def question() -> str | None:
        nonlocal looks
        looks += 1
        return "there" if looks == 3 else None

    assert await asking_of_nothing((0.0,) * 5).awaited(question) == "there"
    looks = 10
    with pytest.raises(Refusal, match="not-known"):
        await asking_of_nothing((0.0,) * 5).awaited(question)
    assert looks == 16


QUESTIONS = [
    "/v1/problems", "/v1/problems/p-1", "/v1/problems?q=x", "/v1/records/issuance/r-1", "/v1/threads/t-1",
    "/v1/connections", "/v1/connections/c-1", "/v1/cases", "/v1/cases/case-1", "/v1/deliveries?about=p-1",
    "/v1/deliveries/d-1", "/v1/dead", "/v1/statistics", "/v1/peers", "/v1/peers/did:example:bob",
]  # fmt: skip


@pytest.mark.parametrize("store", ["not there", "no database", "not filled"])
async def test_a_store_that_is_away(tmp_path: Path, store: str) -> None:
    path = tmp_path / "store.db"
    if store == "no database":
        path.write_bytes(b"this is none" * 1000)
    elif store == "not filled":
        path.write_bytes(b"")
    async with gateway_over(f"sqlite:///{path}") as gateway:
        for question in QUESTIONS:
            answer = await gateway.get(question)
            assert (answer.status, answer.json["type"]) == (503, "urn:tocsin:problem:store-away"), question
            assert answer.headers["retry-after"] == "5"
            assert str(tmp_path) not in answer.text


async def test_a_store_that_comes_later_is_found(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'store.db'}"
    async with gateway_over(address) as gateway:
        assert (await gateway.get("/v1/problems/p-1")).status == 503
        await take_up(address, STORY)
        assert (await gateway.get("/v1/problems/p-1")).status == 200
