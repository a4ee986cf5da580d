"""GET /v1/events: told to its tenant alone, from a position on, and no more streams than there are places for."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.harness.projected import TIME
from tests.harness.stored import Happening, problem
from tests.streams.ask.conftest import Gateway, gateway_over
from tests.streams.ask.world import EVIL
from tocsin.schemas.events import Event, ProblemOpened, ProblemResolved, ThreadContext
from tocsin.streams.ask.event_routes import event_json
from tocsin.streams.ask.positions import Happened, Positions, text_of


def happened(number: int, tenant: str = "acme") -> Event:
    """The number-th event: every third is a resolution."""
    base: dict[str, Any] = {"tenant": tenant, "occurred_at": TIME, "recorded_at": TIME + number}
    if number % 3 == 2:
        return ProblemResolved(event_id=f"{tenant}-{number}", case="case-1", by="ann", why=EVIL, **base)
    thread = ThreadContext(thread_id="t-1", first_seen=1, last_seen=2)
    return ProblemOpened(
        event_id=f"{tenant}-{number}", case="case-1", report=f"p-{number}", problem=problem(EVIL), thread=thread, **base
    )


EVENTS = [happened(number, "globex" if number % 2 else "acme") for number in range(12)]
ACMES = [f"acme-{number}" for number in range(0, 12, 2)]


def told(stream: str) -> list[dict[str, str]]:
    """The events of a stream: its fields."""
    blocks = [block.split("\n") for block in stream.split("\n\n") if block]
    return [dict(line.split(": ", 1) for line in block) for block in blocks if block[0].startswith("event: ")]


AT_ONCE = 24


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that is built now has AT_ONCE streams."""
    monkeypatch.setattr(sys.modules[event_json.__module__], "AT_ONCE", AT_ONCE)


class Silent:
    """A `StreamPort` in which nothing happens, until it is left."""

    def __init__(self) -> None:
        self.open = 0

    async def follow(self, tenant: str, positions: Positions | None, beat: float) -> AsyncGenerator[Happened, None]:
        """The position alone, and then nothing."""
        self.open += 1
        try:
            yield None, {"problems": {0: 7}}
            await asyncio.Event().wait()
        finally:
            self.open -= 1


async def test_a_tenant_is_told_of_its_own_alone(lite: str) -> None:
    async with gateway_over(lite, happening=Happening(*EVENTS)) as gateway:
        answer = await gateway.get("/v1/events")
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.text.startswith("retry: 2000\n\n")
        assert [json.loads(one["data"])["event_id"] for one in told(answer.text)] == ACMES
        assert "globex" not in answer.text
        others = await gateway.get("/v1/events", gateway.keyring.header("globex"))
        assert len(told(others.text)) == 6
        assert "acme" not in others.text


async def test_what_a_stranger_wrote_ends_no_event(lite: str) -> None:
    """Line ends in texts are escaped, so nobody can say an event or a position of another."""
    async with gateway_over(lite, happening=Happening(*EVENTS)) as gateway:
        stream = (await gateway.get("/v1/events")).text
    lines = [line.partition(": ")[0] for line in stream.split("\n") if line]
    assert lines == ["retry", *["event", "id", "data"] * len(ACMES)]
    assert "\r" not in stream


async def test_while_much_happens_that_was_not_asked_for_the_position_is_told_all_the_same(
    lite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else who comes back would read all of that again, and a proxy between would give the connection up."""
    async with gateway_over(lite, happening=Happening(*[happened(number) for number in (0, 1, 3, 4)])) as gateway:
        resolved = "/v1/events?type=ProblemResolved"
        assert (await gateway.get(resolved)).text == "retry: 2000\n\n", "not yet: the beat is 15 s"
        monkeypatch.setattr(sys.modules[event_json.__module__], "BEAT", 0.0)
        stream = (await gateway.get(resolved)).text
    positions = [text_of({"problems": {0: number}}) for number in range(1, 5)]
    assert stream == "retry: 2000\n\n" + "".join(f"id: {one}\n: nothing\n\n" for one in positions)


async def test_only_the_types_that_are_asked_for(lite: str) -> None:
    async with gateway_over(lite, happening=Happening(*EVENTS)) as gateway:
        resolved = told((await gateway.get("/v1/events?type=ProblemResolved")).text)
        assert [one["event"] for one in resolved] == ["ProblemResolved"] * 2
        both = told((await gateway.get("/v1/events?type=ProblemResolved,ProblemOpened")).text)
        assert len(both) == len(ACMES)


async def test_it_goes_on_behind_the_last_event_that_was_told(lite: str) -> None:
    async with gateway_over(lite, happening=Happening(*EVENTS)) as gateway:
        whole = told((await gateway.get("/v1/events")).text)
        for number, one in enumerate(whole, 1):
            rest = told((await gateway.get("/v1/events", last_event_id=one["id"])).text)
            assert rest == whole[number:]
            assert told((await gateway.get(f"/v1/events?since={one['id']}")).text) == rest
        header_wins = await gateway.get(f"/v1/events?since={whole[0]['id']}", last_event_id=whole[-1]["id"])
        assert told(header_wins.text) == []


@pytest.mark.parametrize("position", ["what", "AAAA", "A" * 5000, text_of({"problems": {0: 1}})[:8]])
async def test_what_is_no_position_is_refused(shown: Gateway, position: str) -> None:
    answer = await shown.get("/v1/events", last_event_id=position)
    assert (answer.status, answer.json["parameter"]) == (400, "since")


async def test_one_too_many_is_refused_before_its_answer_begins(lite: str, few: None) -> None:
    """And when one has gone there is room again."""
    silent = Silent()
    async with gateway_over(lite, happening=silent, tenant_streams=0) as gateway, AsyncExitStack() as streams:
        for _ in range(AT_ONCE):
            stream = await streams.enter_async_context(gateway.http.get("/v1/events", headers=gateway.acme))
            assert stream.status == 200
            await stream.content.readuntil(b"\n\n")
        refused = await gateway.get("/v1/events")
        assert (refused.status, refused.json["type"]) == (503, "urn:tocsin:problem:busy")
        stream.close()
        while (again := await gateway.http.get("/v1/events", headers=gateway.acme)).status != 200:
            again.close()
            await asyncio.sleep(0.01)
        again.close()


async def test_of_many_at_the_same_moment_none_waits_without_an_end(lite: str, few: None) -> None:
    """Each is told or refused: none has an answer that began, and then nothing."""
    silent = Silent()
    async with gateway_over(lite, happening=silent, tenant_streams=0) as gateway, AsyncExitStack() as streams:
        asking = [gateway.http.get("/v1/events", headers=gateway.acme) for _ in range(AT_ONCE + 8)]
        answers = await asyncio.gather(*(streams.enter_async_context(one) for one in asking))
        statuses = sorted(one.status for one in answers)
        assert statuses == [200] * AT_ONCE + [503] * 8
        for one in answers:
            if one.status == 200:
                await one.content.readuntil(b": nothing\n\n")


async def test_a_tenant_has_so_many_and_a_stream_that_ended_is_none(lite: str) -> None:
    silent = Silent()
    async with gateway_over(lite, happening=silent, tenant_streams=2) as gateway, AsyncExitStack() as streams:
        for _ in range(2):
            stream = await streams.enter_async_context(gateway.http.get("/v1/events", headers=gateway.acme))
            await stream.content.readuntil(b": nothing\n\n")
        assert (await gateway.get("/v1/events")).status == 429
        async with gateway.http.get("/v1/events", headers=gateway.keyring.header("globex")) as other:
            assert other.status == 200
        await streams.aclose()
        while (again := await gateway.http.get("/v1/events", headers=gateway.acme)).status != 200:
            again.close()
            await asyncio.sleep(0.01)
        again.close()
        while silent.open:  # noqa: ASYNC110 - it is left when the server notices
            await asyncio.sleep(0.01)
