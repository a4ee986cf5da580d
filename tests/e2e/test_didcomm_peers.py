"""A problem told by HTTP reaches the agent that is the other side, encrypted and on the right thread: straight and
through a mediator, in both versions; while dispatchers are killed, and while another peer is dead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness.bus import Bus
from tests.harness.didcomm_agents import ROUTES, V1, V2, Agent, agent_process, keys_file, told
from tests.harness.wiring import events_on
from tocsin.connectors.didcomm.making import new_identity
from tocsin.schemas.events import DeliveryOutcome, Outcome

RULES = """\
endpoints:
  owner: {sink: memory}
  peers: {sink: didcomm, allow_private: true, timeout: 5, delivery: {schedule: [0s, 1s, 1s, 2s, 4s, 10s, 30s, 60s]}}
default_route: owner
routes: [{name: all, endpoints: [owner, peers]}]
limits: {thread_errors: 0, connection_errors: 0, repeat_window: 0s, peer_thread: 0, peer_hour: 0}
"""
EACH, KILLS = 15, 2
ISSUE_V1, ISSUE_V2 = (
    f"https://didcomm.org/issue-credential/{version}/offer-credential" for version in ("2.0", "3.0")
)  # fmt: skip


async def until(holds: Callable[[], bool], within: float = 120.0) -> None:
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.1)


class Reporter:
    """An agent's own service, which says by HTTP what it does and what went wrong."""

    def __init__(self, http: aiohttp.ClientSession, url: str, own: str) -> None:
        self._http, self._url, self._own = http, url, own
        self.wanted: dict[str, dict[str, str]] = {}
        """Connection -> id of each report -> its thread."""

    async def connect(self, connection: str, peer: str) -> None:
        detail = {"their_did": peer, "my_did": self._own}
        await self._post(
            "/v1/activity",
            {"kind": "connection_opened", "connection": connection, "trust": "high", "detail": detail},
        )

    async def fail(self, connection: str, number: int, message_type: str) -> None:
        thread = f"{connection}-{number}"
        sent = {"kind": "message_sent", "message_type": message_type, "message_id": thread, "thread_id": thread}
        await self._post("/v1/activity", {**sent, "connection": connection})
        report = {"code": "e.p.xfer", "text": f"number {number}", "thread_id": thread}
        answer = await self._post("/v1/problems", {**report, "source": {"connection": connection}})
        self.wanted.setdefault(connection, {})[answer["event_id"]] = thread

    async def _post(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        async with self._http.post(self._url + path, json=document) as answer:
            said = await answer.text()
            assert answer.status < 300, said
            found: Any = json.loads(said)
        return found[0] if isinstance(found, list) else dict(found)


def arrived(folder: Path) -> dict[str, str]:
    """Message id -> thread, of the reports that an agent took."""
    found = {}
    for one in told(folder):
        message = one["message"]
        thread = message.get("~thread") or message
        found[message.get("@id") or message["id"]] = thread.get("pthid") or thread["thid"]
    return found


@pytest.mark.timeout(420)
async def test_nothing_is_missing_and_a_dead_peer_stops_no_other(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    ours = new_identity("default", "peer:4", now=1, uri="https://bus.example.org/didcomm")
    dead = Agent(tmp_path).did  # nobody listens there
    async with AsyncExitStack() as opened, Bus(bootstrap, prefix, tmp_path) as bus:
        mediator = await opened.enter_async_context(agent_process(tmp_path / "mediator", mediator=True))
        behind, aries = tmp_path / "behind", tmp_path / "aries"
        far = await opened.enter_async_context(agent_process(behind, uri=mediator["did"]))
        near = await opened.enter_async_context(agent_process(aries, method="peer:4"))
        (tmp_path / "mediator" / ROUTES).write_text(json.dumps({far["did"]: far["url"]}))
        bus.rules(RULES)
        bus.environment["TOCSIN_DIDCOMM_KEYS"] = str(await keys_file(tmp_path, ours))
        gateway, worker, victim = [await bus.start(name) for name in ("gateway", "worker", "dispatch")]
        await asyncio.gather(gateway.ready(), worker.ready(), victim.ready())
        http = await opened.enter_async_context(aiohttp.ClientSession())
        reporter = Reporter(http, gateway.url, ours.did)
        for connection, peer in (("far", far["did"]), ("near", near["did"]), ("dead", dead)):
            await reporter.connect(connection, peer)
        for round_ in range(KILLS + 1):
            for number in range(round_ * EACH, (round_ + 1) * EACH):
                await reporter.fail("dead", number, ISSUE_V2)
                await reporter.fail("far", number, ISSUE_V2)
                await reporter.fail("near", number, ISSUE_V1)
            if round_ < KILLS:
                await until(lambda done=round_ * EACH: len(arrived(behind)) > done)  # type: ignore[misc]
                await victim.kill()
                victim = await bus.start("dispatch")
                await victim.ready()
        await until(lambda: arrived(behind).keys() >= reporter.wanted["far"].keys())
        await until(lambda: arrived(aries).keys() >= reporter.wanted["near"].keys())
        outcomes = [one for one in await events_on(bootstrap, prefix, "deliveries") if isinstance(one, DeliveryOutcome)]
        log = victim.log.read_text()
    assert arrived(behind) == reporter.wanted["far"], "each with its own id, on its own thread"
    assert arrived(aries) == reporter.wanted["near"]
    assert {one["sender"] for one in told(behind)} == {ours.did}
    assert {one["sender"] for one in told(aries)} == {ours.verkey}
    assert ({one["media_type"] for one in told(behind)}, {one["media_type"] for one in told(aries)}) == ({V2}, {V1})
    forwarded = json.dumps([one["message"] for one in told(tmp_path / "mediator")])
    assert "e.p.xfer" not in forwarded, "a mediator reads nothing"
    digests = {one.message_sha256 for one in outcomes if one.outcome is Outcome.DELIVERED and one.endpoint == "peers"}
    assert digests <= {one["sha256"] for one in (*told(behind), *told(aries))}, "the record names what the peer opened"
    assert len(digests) >= 2 * EACH
    assert "number 7" not in log
    assert "envelope" in log
