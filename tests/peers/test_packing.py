"""Envelopes between Tocsin's packer and the agents, both ways: each opens what the other made, and knows who it was."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.peers.acapy import AcaPy
from tests.peers.credo import Credo
from tests.peers.processes import until
from tests.peers.veramo import Veramo
from tocsin.connectors.didcomm.making import new_identity
from tocsin.connectors.didcomm.packer import PackerConfig, open_packer
from tocsin.connectors.didcomm.port import Envelope, Packer, Packing, Unpacked
from tocsin.connectors.didcomm.stores import KeyFile

pytestmark = pytest.mark.timeout(300)

TEXT = "Das Register antwortet nicht: «später» 🙈"
"""The library that is behind most agents in Python writes a wrong tag for what is no ASCII."""


class Us:
    """Our keys, and a server that opens what comes."""

    def __init__(self, packer: Packer, endpoint: str) -> None:
        self.packer, self.endpoint = packer, endpoint
        self.came: list[Unpacked] = []
        (self.own,) = packer.own

    @property
    def verkey(self) -> str:
        assert self.own.verkey
        return self.own.verkey

    async def post(self, envelope: Envelope, url: str) -> int:
        headers = {"content-type": envelope.media_type}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=envelope.content, headers=headers) as said,
        ):
            return said.status

    async def next(self, message_type: str) -> Unpacked:
        """The first message whose type ends so."""

        async def found() -> Unpacked | None:
            for one in self.came:
                if str(one.message.get("@type", one.message.get("type"))).endswith(message_type):
                    return one
            return None

        return await until(found, f"a message {message_type}, only {self.came}")


@asynccontextmanager
async def us(folder: Path) -> AsyncIterator[Us]:
    app = web.Application()
    runner = web.AppRunner(app, access_log=None)

    async def take(request: web.Request) -> web.Response:
        opened.came.append(await opened.packer.unpack(await request.read()))
        return web.Response(status=200)

    app.router.add_post("/didcomm", take)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}/didcomm"
        keys = folder / "keys.json"
        await KeyFile(keys).save([new_identity("default", "peer:2", now=0, uri=endpoint)])
        async with open_packer(PackerConfig(keys=keys)) as packer:
            opened = Us(packer, endpoint)
            yield opened
    finally:
        await runner.cleanup()


def v1_report(message_type: str, thread: str) -> dict[str, Any]:
    return {
        "@type": f"https://didcomm.org/{message_type}/problem-report",
        "@id": str(uuid.uuid4()),
        "~thread": {"thid": thread},
        "description": {"code": "e.p.xfer", "en": TEXT},
    }


async def test_acapy(acapy: AcaPy, tmp_path: Path) -> None:
    async with us(tmp_path) as our:
        joined = await acapy.connect(our.verkey, our.endpoint, "WgWxqztrNooG92RXvxSTWv")
        begun = await acapy.propose(joined["connection_id"])
        proposal = await our.next("issue-credential/2.0/propose-credential")
        assert (proposal.sender, proposal.recipient, proposal.how.version) == (joined["my_verkey"], our.verkey, 1)
        assert proposal.message["@id"] == begun["thread_id"]

        told = v1_report("issue-credential/2.0", begun["thread_id"])
        packed = await our.packer.pack(told, joined["my_verkey"], packing=Packing.V1_AUTHCRYPT)
        assert await our.post(packed, acapy.endpoint) == 200
        assert (await acapy.exchange(begun["thread_id"], "abandoned"))["error_msg"] == f"e.p.xfer: {TEXT}"

        generic = v1_report("notification/1.0", begun["thread_id"])
        for packing in (Packing.V1_AUTHCRYPT, Packing.V1_ANONCRYPT):
            again = {**generic, "@id": str(uuid.uuid4())}
            packed = await our.packer.pack(again, joined["my_verkey"], packing=packing)
            assert await our.post(packed, acapy.endpoint) == 200
            assert (await acapy.webhook("problem_report", **{"@id": again["@id"]})).body == again


async def test_credo(credo: Credo, tmp_path: Path) -> None:
    async with us(tmp_path) as our:
        theirs = await credo.do("key")
        joined = await credo.do("connect", own=theirs["did"], verkey=our.verkey, endpoint=our.endpoint)
        begun = await credo.do("propose", connection=joined["id"])
        proposal = await our.next("issue-credential/2.0/propose-credential")
        assert (proposal.sender, proposal.recipient) == (theirs["verkey"], our.verkey)

        told = v1_report("issue-credential/2.0", begun["thread"])
        (service,) = await our.packer.reach(theirs["did"])
        assert (service.uri, service.version, service.recipient_keys) == (credo.endpoint, 1, (theirs["verkey"],))
        packed = await our.packer.pack(told, theirs["did"], packing=Packing.V1_AUTHCRYPT)
        assert await our.post(packed, service.uri) == 200
        ended = await credo.first("credential", thread=begun["thread"], state="abandoned")
        assert (ended["connection"], ended["error"]) == (joined["id"], f"e.p.xfer: {TEXT}")


def v2_report() -> dict[str, Any]:
    report = {"type": "https://didcomm.org/report-problem/2.0/problem-report", "id": str(uuid.uuid4())}
    return report | {
        "thid": str(uuid.uuid4()),
        "pthid": str(uuid.uuid4()),
        "body": {"code": "e.p.xfer", "comment": TEXT},
    }


async def test_veramo_is_heard(veramo: Veramo, tmp_path: Path) -> None:
    async with us(tmp_path) as our:
        assert our.own.did is not None
        for packing, proven in (("authcrypt", veramo.did), ("anoncrypt", None)):
            report = v2_report()
            header = await veramo.send(our.own.did, report, packing)
            assert header["enc"] == "A256GCM"
            assert not {"apu", "apv"} & header.keys()
            came = await our.next("problem-report")
            assert came.message == report | {"from": veramo.did, "to": [our.own.did]}
            assert (came.sender, came.how.authenticated) == (proven, proven is not None)
            our.came.clear()


async def test_veramo_is_told(veramo: Veramo, tmp_path: Path) -> None:
    async with us(tmp_path) as our:
        (service,) = await our.packer.reach(veramo.did)
        report = v2_report()
        packed = await our.packer.pack(report, veramo.did, packing=Packing.ANONCRYPT)
        assert await our.post(packed, service.uri) == 200, await veramo.refused()
        heard = await veramo.first("problem", packing="anoncrypt", thread=report["thid"])
        assert {name: heard["message"][name] for name in report} == report
        # It has ECDH-1PU as of draft 3, without the tag in the key; DIDComm v2 has it as of draft 4.
        packed = await our.packer.pack(v2_report(), veramo.did)
        assert await our.post(packed, service.uri) == 400
