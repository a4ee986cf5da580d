"""What peers send by DIDComm, end to end: by two gateways, with forgeries, and through a mediator with a kill."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.test_gateway_kill import free_port
from tests.harness.bus import Bus
from tests.harness.didcomm_forging import authcrypt_naming
from tests.harness.didcomm_mediator import MediatorProcess, mediator_process
from tests.harness.didcomm_world import Agent, agents, changed, flipped, old_report, report
from tests.harness.judging import read_topic
from tests.harness.receiver import Receiver, rules_for
from tests.harness.traffic import arrived
from tocsin.connectors.didcomm.port import Packing, Service
from tocsin.schemas.codec import decode
from tocsin.schemas.events import ProblemReported
from tocsin.schemas.ids import derived_id

V2, V1 = "application/didcomm-encrypted+json", "application/didcomm-envelope-enc"


async def inbox(bus: Bus) -> list[ProblemReported]:
    """Every problem that came in, copies too."""
    records = await read_topic(bus.bootstrap, f"{bus.prefix}inbox")
    events = [decode(record.value) for partition in records.values() for record in partition if record.value]
    return [event for event in events if isinstance(event, ProblemReported)]


async def post(url: str, content: bytes, media_type: str = V2) -> tuple[int, Any]:
    headers = {"content-type": media_type, "x-request-id": "req-7"}
    async with aiohttp.ClientSession() as http, http.post(f"{url}/didcomm", data=content, headers=headers) as answer:
        return answer.status, answer.headers


def keys_in_logs(folder: Path) -> list[str]:
    """Logs in which a private key of ours stands."""
    keys: list[str] = re.findall(r'"d": ?"([^"]+)"', (folder / "ours.json").read_text())
    assert keys
    return [log.name for log in folder.glob("*.log") if any(key in log.read_text() for key in keys)]


async def forgeries(ours: Agent, peer: Agent, folder: Path) -> dict[str, bytes]:
    """Envelopes that must not be believed, in plain words."""

    def flip(envelope: dict[str, Any]) -> None:
        envelope["ciphertext"] = flipped(envelope["ciphertext"])

    plain = report(**{"from": peer.did, "to": [ours.did]})
    return {
        "tampered": changed(await peer.send(report(), ours.did), flip),
        "for somebody else": await peer.send(report(), peer.did),
        "of another sender than it says": await authcrypt_naming(folder / "stranger.json", ours, plain),
        "plaintext": json.dumps(plain).encode(),
        "anoncrypt": await peer.send(plain, ours.did, Packing.ANONCRYPT),
        "nested deep": b'{"a":' * 60 + b"1" + b"}" * 60,
        "expired": await peer.send(report(expires_time=1_600_000_000), ours.did),
    }


@pytest.mark.timeout(240)
async def test_genuine_reports_reach_their_owner_once_and_nothing_else_is_told_as_theirs(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    async with (
        Receiver() as receiver,
        agents(tmp_path, ours=("default",), peer=("default",), stranger=("default",)) as found,
        Bus(bootstrap, prefix, tmp_path) as bus,
    ):
        ours, peer = found["ours"], found["peer"]
        bus.rules(rules_for(receiver.url))
        bus.environment["TOCSIN_DIDCOMM_KEYS"] = str(tmp_path / "ours.json")
        children = [await bus.start(name) for name in ("gateway", "gateway", "worker", "dispatch")]
        await asyncio.gather(*(child.ready() for child in children))
        one, two = children[0].url, children[1].url

        said, old = report(), old_report()
        envelope = await peer.send(said, ours.did)
        status, headers = await post(one, envelope)
        assert (status, headers["tocsin-outcome"]) == (202, "reported")
        digest = headers["tocsin-message-sha256"]
        assert [(await post(url, envelope))[0] for url in (one, two, two)] == [202] * 3
        assert (await post(two, await peer.send(said, ours.did)))[0] == 202, "encrypted anew"
        assert (await post(one, await peer.send(old, ours.verkey, Packing.V1_AUTHCRYPT), V1))[0] == 200
        for name, content in (await forgeries(ours, peer, tmp_path)).items():
            status, _ = await post(two, content)
            assert status == (202 if name == "expired" else 400), name

        told = [event for event in await inbox(bus) if event.problem.source.service != "tocsin:didcomm"]
        assert len({event.event_id for event in told}) == 2
        assert len(told) == 4, "the second gateway and the second envelope stored it again, under its id"
        await arrived(receiver, {derived_id("delivery", event.event_id, "owner") for event in told})
        await asyncio.sleep(2.0)
        problems = [arrival.document["data"]["problem"] for arrival in receiver.arrivals]
        of_peer = [each for each in problems if each["source"].get("sender") in (peer.did, peer.verkey)]
        assert sorted(each["code"] for each in of_peer) == ["e.p.xfer.cant-use-endpoint", "message-parse-failure"]
        (new,) = (each for each in of_peer if each["dialect"] == "didcomm-2.0")
        assert (new["message_sha256"], new["request_id"]) == (digest, "req-7")
        assert (new["source"]["side"], new["source"]["recipients"]) == ("peer", [ours.did])
        assert {each["source"]["service"] for each in problems if each not in of_peer} == {"tocsin:didcomm"}
        assert not keys_in_logs(tmp_path)


async def send_through(mediator: MediatorProcess, ours: Agent, peer: Agent, count: int) -> list[str]:
    """Reports of the peer, put into our mailbox; their message ids."""
    through = Service(uri=mediator.url, to=ours.did, version=2, routing_keys=(mediator.did,))
    ids = []
    for _ in range(count):
        said = report()
        forwarded = await peer.packer.forward(await peer.packer.pack(said, ours.did), through)
        async with (
            aiohttp.ClientSession() as http,
            http.post(mediator.url, data=forwarded.content, headers={"content-type": forwarded.media_type}) as answer,
        ):
            assert answer.status == 202
        ids.append(said["id"])
    return ids


async def until(what: Callable[[dict[str, Any]], bool], mediator: MediatorProcess, within: float = 60.0) -> None:
    """Until the mediator's box is so."""
    box: dict[str, Any] = {}
    try:
        async with asyncio.timeout(within):
            while not what(box := await mediator.box()):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"the mediator's box is {box}") from None


@pytest.mark.timeout(240)
async def test_a_gateway_that_is_killed_before_it_acknowledges_fetches_again_and_it_is_one_event(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    async with (
        mediator_process(tmp_path, free_port()) as mediator,
        agents(tmp_path, ours=("default",), peer=("default",)) as found,
        Bus(bootstrap, prefix, tmp_path) as bus,
    ):
        ours, peer = found["ours"], found["peer"]
        bus.environment |= {
            "TOCSIN_DIDCOMM_KEYS": str(tmp_path / "ours.json"),
            "TOCSIN_DIDCOMM_PRIVATE": "true",
            "TOCSIN_DIDCOMM_MEDIATOR": mediator.did,
            "TOCSIN_DIDCOMM_INTERVAL": "1",
        }
        code, said = await bus.run("didcomm", "mediate", mediator.did)
        assert (code, mediator.did in said) == (0, True), said
        sent = await send_through(mediator, ours, peer, 3)
        await mediator.hang("POST")
        gateway = await bus.start("gateway")
        await gateway.ready()
        await until(lambda box: box["asked"].get("messages-received", 0) >= 1, mediator)
        assert {event.problem.message_id for event in await inbox(bus)} == set(sent), (
            "in Kafka before it is acknowledged"
        )
        await gateway.kill()
        assert (await mediator.box())["kept"][ours.did] == 3

        await mediator.hang("DELETE")
        gateway = await bus.start("gateway")
        await gateway.ready()
        await until(lambda box: box["kept"][ours.did] == 0, mediator)
        events = await inbox(bus)
        assert len(events) == 6, "each was fetched twice: else the test proves nothing"
        assert len({event.event_id for event in events}) == 3
        async with aiohttp.ClientSession() as http, http.get(f"{gateway.url}/metrics") as answer:
            assert 'tocsin_didcomm_pickups_total{result="fetched"}' in await answer.text()
