"""A whole bus asked over HTTP: a dead letter replayed from its page, a document tried and nothing written, an endpoint
of the rules file switched off and on. Of two tenants, neither reaches the other's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness.bus import Bus
from tests.harness.judging import read_topic
from tests.streams.cli.dead.letters import a_report, died
from tocsin.connectors.kafka import open_producer
from tocsin.connectors.kafka.dead_letters import REPLAYED_OF
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import EndpointCommand, EndpointCommandKind, ProblemReported
from tocsin.streams.agents.agent import TICK_TENANT

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

RULES = """endpoints:
  desk: {sink: memory}
  theirs: {sink: memory}
default_route: {endpoint: desk}
routes:
  - {name: theirs, match: {tenant: [globex]}, endpoints: theirs}
"""
BROWSER = "text/html"
TICKS = TICK_TENANT.encode()


class Asker:
    """Asks a gateway with a key."""

    def __init__(self, http: aiohttp.ClientSession, key: str) -> None:
        self.http, self.headers = http, {"authorization": f"Bearer {key}"}

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        async with self.http.get(path, headers=self.headers | headers) as answer:
            text = await answer.text()
            return answer.status, text if headers else json.loads(text)

    async def post(self, path: str, document: Mapping[str, Any]) -> tuple[int, Any]:
        async with self.http.post(path, json=document, headers=self.headers) as answer:
            return answer.status, await answer.json(content_type=None)


async def _key(bus: Bus, *arguments: str) -> str:
    code, said = await bus.run("keys", "create", *arguments, "--by", "ann", "--json")
    assert code == 0, said
    return str(json.loads(said.strip().splitlines()[-1])["key"])


async def _dead(bootstrap: str, prefix: str, *letters: tuple[Any, bytes]) -> None:
    async with open_producer(bootstrap) as producer:
        for headers, value in letters:
            await producer.send_and_wait(f"{prefix}dead", value, key=b"k", headers=headers, partition=0)


async def _values(bootstrap: str, topic: str) -> list[Any]:
    """The records of a topic, without ticks: one comes when a timer is due, whenever that is."""
    records = [record for found in (await read_topic(bootstrap, topic)).values() for record in found]
    return [record for record in records if dict(record.headers).get("ce_tenant") != TICKS]


async def _until(asks: Any) -> Any:
    """What is answered once it is not None."""
    for _ in range(600):
        found = await asks()
        if found is not None:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("it was never answered")


async def _known(operator: Asker) -> Any:
    status, said = await operator.get("/v1/endpoints?tenant=acme")
    return said if status == 200 else None


async def test_what_a_person_does_from_the_pages(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Bus(bootstrap, prefix, tmp_path) as bus:
        bus.environment |= {"TOCSIN_ANONYMOUS": "off"}
        bus.rules(RULES)
        children = [await bus.start(name) for name in ("worker", "dispatch", "project", "gateway")]
        for child in children:
            await child.ready()
        wishes = (["--tenant", "acme"], ["--tenant", "globex"], ["--every-tenant"])
        keys = [await _key(bus, "--scope", "admin", *wish) for wish in wishes]
        async with aiohttp.ClientSession(children[-1].url) as http:
            acme, globex, operator = (Asker(http, key) for key in keys)
            await _until(lambda: _known(operator))
            await _replays(acme, globex, operator, bootstrap, prefix)
            await _tries(acme, globex, bootstrap, prefix)
            await _steers(acme, operator, bootstrap, prefix)


async def _replays(acme: Asker, globex: Asker, operator: Asker, bootstrap: str, prefix: str) -> None:
    mine, inbox = a_report("e.p.lost"), f"{prefix}inbox"
    steering = EndpointCommand(
        event_id="c", tenant="acme", occurred_at=1, recorded_at=1, endpoint="desk", kind=EndpointCommandKind.DISABLE,
        by="operator",
    )  # fmt: skip
    await _dead(
        bootstrap, prefix,
        (died("raised", "decide", inbox), encode(mine)),
        (died("raised", "decide", inbox), encode(a_report("e.p.theirs", "globex"))),
        (died("raised", "deliver", f"{prefix}deliveries"), encode(steering)),
        (died("raised", "decide", inbox), b"\x01 no event"),
        (died("raised", "decide", f"{prefix}settings"), encode(mine)),
    )  # fmt: skip
    status, page = await acme.get("/v1/dead/0:0", accept=BROWSER)
    assert (status, "e.p.lost" in page, "Replay" in page) == (200, True, True)
    assert (await globex.get("/v1/dead/0:0"))[0] == 404
    assert (await globex.post("/v1/dead/0:0/replay", {"by": "bob"}))[0] == 404
    status, said = await acme.post("/v1/dead/0:2/replay", {"by": "ann"})
    assert (status, "only who may see every tenant" in said["detail"]) == (409, True), "it may be an operator's word"
    status, said = await operator.post("/v1/dead/0:3/replay", {"by": "ann"})
    assert (status, "cannot read it either" in said["detail"]) == (409, True)
    status, said = await operator.post("/v1/dead/0:4/replay", {"by": "ann"})
    assert (status, "forged" in said["detail"]) == (409, True)
    assert await _values(bootstrap, inbox) == []
    status, said = await acme.post("/v1/dead/0:0/replay", {"by": "ann"})
    assert (status, said["outcome"], said["topic"]) == (200, "replayed", inbox)
    (written,) = await _values(bootstrap, inbox)
    event = decode(written.value)
    assert isinstance(event, ProblemReported)
    assert (event.event_id, written.key) == (mine.event_id, b"k")
    status, said = await acme.post("/v1/dead/0:0/replay", {"by": "ann"})
    assert (status, said["outcome"]) == (200, "already_so")
    assert len(await _values(bootstrap, inbox)) == 1
    notes = [dict(one.headers) for one in await _values(bootstrap, f"{prefix}dead") if REPLAYED_OF in dict(one.headers)]
    assert [(note[REPLAYED_OF], note["tocsin.by"]) for note in notes] == [(b"0:0", b"ann")]
    assert (await acme.get("/v1/dead/0:0"))[1]["replayed"] is True
    problem = await _until(lambda: _decided(acme, mine.event_id))
    assert problem["decision"] == "opened", "the bus has dealt with it"


async def _decided(acme: Asker, ident: str) -> Any:
    status, said = await acme.get(f"/v1/problems/{ident}?form=json")
    return said if status == 200 and "decision" in said else None


async def _tries(acme: Asker, globex: Asker, bootstrap: str, prefix: str) -> None:
    before = len(await _values(bootstrap, f"{prefix}inbox"))
    status, said = await acme.post("/v1/try", {"document": {"code": "e.p.x", "text": "x"}})
    assert (status, [one["endpoint"] for one in said["told"]]) == (200, ["desk"])
    assert "theirs" not in str(said)
    status, said = await globex.post("/v1/try", {"document": {"code": "e.p.x", "text": "x"}})
    assert (status, [one["endpoint"] for one in said["told"]]) == (200, ["theirs"])
    assert len(await _values(bootstrap, f"{prefix}inbox")) == before


async def _steers(acme: Asker, operator: Asker, bootstrap: str, prefix: str) -> None:
    _, said = await acme.get("/v1/endpoints")
    assert [(one["name"], one["state"]) for one in said["items"]] == [("desk", "enabled")]
    assert (await acme.post("/v1/endpoints/desk/disable", {"by": "ann"}))[0] == 403
    status, said = await operator.post("/v1/endpoints/desk/disable?wait=30s", {"by": "ann"})
    assert (status, said["outcome"]) == (200, "done")
    assert (await _until(lambda: _state(acme, "disabled")))["state"] == "disabled"
    status, said = await operator.post("/v1/endpoints/desk/enable?wait=30s", {"by": "ann"})
    assert (status, said["outcome"]) == (200, "done")
    assert (await _until(lambda: _state(acme, "enabled")))["state"] == "enabled"
    _, said = await operator.get("/v1/endpoints?tenant=acme")
    assert {one["name"] for one in said["items"]} >= {"desk", "theirs"}


async def _state(acme: Asker, wanted: str) -> Any:
    _, said = await acme.get("/v1/endpoints/desk")
    return said if said["state"] == wanted else None
