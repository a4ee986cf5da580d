"""A story of Identus Cloud Agent over the real bus: three records that fail and are tried again, two webhooks an event.

One record goes on, one is done, one is given up and done after all. The agent's webhooks, the global one and that of
the wallet, send every event, some twice and not in order.
"""

from __future__ import annotations

import asyncio
import copy
import random
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.connectors.sources.identus.events import FAILURE, WALLET, event
from tests.harness.bus import Bus
from tests.harness.receiver import SECRET, Receiver
from tocsin.schemas.problem import MAX_RETRIES

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

RULES = """endpoints:
  owner: {sink: webhook, url: URL, secret: SECRET, allow_private: true}
default_route: {endpoint: owner}
tenants:
  acme: {wallets: [WALLET]}
"""
GLOBAL, OF_WALLET = "/v1/agents/identus", "/v1/agents/identus/acme"
PRESENTATION, CONNECTION, ISSUANCE = "PresentationUpdated", "ConnectionUpdated", "IssueCredentialRecordUpdated"


def numbered(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events of one agent, one second after the other, each record in a thread of its own."""
    for number, one in enumerate(events, 1):
        one["id"], one["ts"] = f"event-{number:02}", f"2026-11-30T12:00:{number:02}.000000Z"
        if "thid" in one["data"]:
            one["data"]["thid"] = f"thread-of-{one['type']}"
    return events


STORY = numbered([
    event(CONNECTION, state="ConnectionRequestPending"),
    *[event(CONNECTION, state="ConnectionRequestPending", left=left) for left in (4, 3)],
    event(PRESENTATION, state="RequestPending"),
    *[event(PRESENTATION, state="RequestPending", left=left) for left in (4, 3, 2, 1)],
    event(ISSUANCE, state="CredentialPending", left=4),
    event("DIDStatusUpdated"),
    event(CONNECTION, state="ConnectionRequestSent"),
    event(CONNECTION, state="ConnectionResponseReceived"),
    event(ISSUANCE, state="CredentialSent", left=4),
    event(PRESENTATION, state="RequestPending", left=0),
    event(PRESENTATION, state="PresentationVerified"),
])  # fmt: skip
TRIED, GIVEN_UP, COMPLETED = STORY[:-2], STORY[-2], STORY[-1]
RECORDS = {
    "presentation": STORY[3]["data"]["presentationId"], "connection": STORY[0]["data"]["connectionId"],
    "issuance": STORY[8]["data"]["recordId"], "did": STORY[9]["data"]["did"],
}  # fmt: skip


def by_both_webhooks(one: dict[str, Any], chance: random.Random) -> list[tuple[str, dict[str, Any]]]:
    """The event as each webhook sends it, and one of them again: the agent writes it anew each time."""
    sent = []
    for path in (GLOBAL, OF_WALLET, chance.choice((GLOBAL, OF_WALLET))):
        again = copy.deepcopy(one)
        if "metaLastFailure" in again["data"]:
            again["data"]["metaLastFailure"]["instance"] = f"error:instance:{chance.randbytes(16).hex():0>36}"
        sent.append((path, again))
    return sent


async def until(told: Callable[[], Awaitable[Any]], right: Callable[[Any], bool]) -> Any:
    """What is told as soon as it is right; the test has its time limit."""
    while not right(found := await told()):  # noqa: ASYNC110 - it is another process that moves
        await asyncio.sleep(0.1)
    return found


async def test_three_records_and_their_retries(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    chance = random.Random(16)
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(RULES.replace("URL", receiver.url).replace("SECRET", SECRET).replace("WALLET", WALLET))
        children = [await bus.start(name) for name in ("worker", "dispatch", "project", "gateway")]
        for child in children:
            await child.ready()
        url = children[-1].url
        async with aiohttp.ClientSession(url) as http:

            async def send(events: list[dict[str, Any]]) -> None:
                messages = [message for one in events for message in by_both_webhooks(one, chance)]
                chance.shuffle(messages)
                for path, document in messages:
                    async with http.post(path, json=document) as answer:
                        assert answer.status == 202, await answer.text()

            async def record(kind: str) -> Any:
                async with http.get(f"/v1/records/{kind}/{RECORDS[kind]}?tenant=acme&limit=250") as answer:
                    return await answer.json()

            def told() -> list[tuple[str, str | None]]:
                said = [each[0].document for each in receiver.delivered().values()]
                return [(one["type"], one["data"].get("problem", {}).get("code")) for one in said]

            await send(TRIED)
            for kind in ("presentation", "connection", "issuance"):
                shown = await until(partial(record, kind), lambda one: "error" in one)
                assert (shown["error"]["type"], shown["open"]) == (FAILURE["type"], False), shown
            await send([GIVEN_UP])
            shown = await until(partial(record, "presentation"), lambda one: one["open"])
            assert shown["error"]["detail"] == FAILURE["detail"]
            await until(lambda: asyncio.sleep(0, receiver.arrivals), bool)
            assert told() == [("problem.opened", MAX_RETRIES)]
            await send([COMPLETED])
            shown = await until(partial(record, "presentation"), lambda one: not one["open"])
            assert shown["state"] == "PresentationVerified"
            for kind, count in (("presentation", 7), ("connection", 5), ("issuance", 2), ("did", 1)):
                line = (await record(kind))["timeline"]["items"]
                changes = [one for one in line if one["entry"] == "activity" and one["kind"] == "record_changed"]
                assert len(changes) == count, (kind, "one of each event, however often it came")
            await until(lambda: asyncio.sleep(0, told()), lambda all_of_it: len(all_of_it) > 1)
            assert [kind for kind, _ in told()] == ["problem.opened", "problem.resolved"]
        asked = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from tocsin.streams.cli.main import main; main()",
            "agents", "check", url + OF_WALLET, "--since", "1h", "--tenant", "acme", stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, _ = await asked.communicate()
        assert (asked.returncode, b"PresentationUpdated: 21" in said) == (0, True), said.decode()
