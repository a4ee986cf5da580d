"""A page repeats until somebody takes the case; a resolve is told; a silence made over HTTP holds within seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness.bus import Bus
from tests.harness.receiver import Receiver, rules_for
from tests.harness.wiring import events_on
from tocsin.schemas.events import EscalationAcknowledged, Event

ROUTE = """\
routes:
  - {name: pages, match: {code: [e.p.page]}, endpoints: [owner], escalate: page}
"""
ESCALATION = """\
escalations:
  page:
    steps:
      - {wait: 1s, endpoints: [owner], repeat: {every: 2s, times: 50}}
"""
BY = {"tocsin-by": "ann"}


async def until(holds: Callable[[], bool], within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.05)


def told(receiver: Receiver, kind: str, code: str) -> list[dict[str, Any]]:
    """The data of every body of a type about a code."""
    bodies = [arrivals[0].document for arrivals in receiver.delivered().values()]
    return [
        body["data"] for body in bodies if body["type"] == kind and body["data"].get("problem", {}).get("code") == code
    ]


async def post(http: aiohttp.ClientSession, path: str, document: object = None) -> dict[str, Any]:
    async with http.post(path, json=document, headers=BY) as answer:
        assert answer.status == 202, await answer.text()
        found: dict[str, Any] = await answer.json()
        return found


async def until_events(bus: Bus, topic: str, holds: Callable[[list[Event]], bool]) -> list[Event]:
    """What a topic holds, as soon as `holds` says that it is enough; fails after a minute."""
    async with asyncio.timeout(60):
        while not holds(events := await events_on(bus.bootstrap, bus.prefix, topic)):  # noqa: ASYNC110
            await asyncio.sleep(0.3)
    return events


@pytest.mark.timeout(400)
async def test_from_page_to_silence(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(receiver.url).replace("routes:\n", ROUTE) + ESCALATION)
        children = [await bus.start(name) for name in ("worker", "dispatch", "gateway")]
        await asyncio.gather(*(child.ready() for child in children))
        async with aiohttp.ClientSession(children[2].url) as http:
            await a_page_is_taken_and_resolved(bus, http, receiver)
            await a_silence_holds_until_it_is_ended(bus, http, receiver)


async def a_page_is_taken_and_resolved(bus: Bus, http: aiohttp.ClientSession, receiver: Receiver) -> None:
    report = (await post(http, "/v1/problems", {"code": "e.p.page", "thread_id": "t"}))["event_id"]
    await until(lambda: len(told(receiver, "escalation.stepped", "e.p.page")) >= 2)
    await post(http, f"/v1/problems/{report}/acknowledge")
    await until_events(bus, "escalations", lambda events: isinstance(events[-1], EscalationAcknowledged))
    await asyncio.sleep(4)  # two more pages would have their chance
    last = (await events_on(bus.bootstrap, bus.prefix, "escalations"))[-1]
    assert isinstance(last, EscalationAcknowledged), "nobody is paged of what somebody has"
    await post(http, f"/v1/problems/{report}/resolve", {"why": "a new cable"})
    await until(lambda: bool(told(receiver, "problem.resolved", "e.p.page")))
    (resolved,) = told(receiver, "problem.resolved", "e.p.page")
    assert (resolved["by"], resolved["why"], resolved["status"]) == ("ann", "a new cable", "resolved")


async def a_silence_holds_until_it_is_ended(bus: Bus, http: aiohttp.ClientSession, receiver: Receiver) -> None:
    matchers = [{"field": "code", "operator": "prefix", "value": "e.p.quiet"}]
    silence = (await post(http, "/v1/silences", {"matchers": matchers, "for": "1h"}))["silence"]
    await until_suppressed(bus, http)
    report = (await post(http, "/v1/problems", {"code": "e.p.quiet.one"}))["event_id"]
    assert await outcome(bus, report) == "silenced"
    await post(http, "/v1/problems", {"code": "e.p.loud"})
    await until(lambda: bool(told(receiver, "problem.opened", "e.p.loud")))
    assert told(receiver, "problem.opened", "e.p.quiet.one") == []
    async with http.get("/v1/silences") as answer:
        assert [one["silence"] for one in (await answer.json())["silences"]] == [silence]
    async with http.delete(f"/v1/silences/{silence}", headers=BY) as answer:
        assert answer.status == 202
    async with asyncio.timeout(60):
        while not told(receiver, "problem.opened", "e.p.quiet.two"):
            await post(http, "/v1/problems", {"code": "e.p.quiet.two"})
            await asyncio.sleep(1)


async def until_suppressed(bus: Bus, http: aiohttp.ClientSession) -> None:
    """The worker follows the topic `settings` by itself: until it knows of the silence, reports are told."""
    async with asyncio.timeout(60):
        while await outcome(bus, (await post(http, "/v1/problems", {"code": "e.p.quiet"}))["event_id"]) != "silenced":  # noqa: ASYNC110
            await asyncio.sleep(0.3)


async def outcome(bus: Bus, report: str) -> str:
    """Why a report was suppressed, or `told`."""
    events = await until_events(bus, "problems", lambda events: any(about(event, report) for event in events))
    return next(str(getattr(event, "reason", "told")) for event in events if about(event, report))


def about(event: Event, report: str) -> bool:
    return getattr(event, "report", None) == report
