"""A mediator as a process of its own: `python -m tests.harness.didcomm_mediator KEYS PORT VERSION`.

It speaks coordinate-mediation of one version and messagepickup 3.0, keeps what is forwarded until it is acknowledged,
and answers in the same exchange. `GET /box` shows what it keeps and what it was asked, as JSON, for the test; after
`POST /hang` it does not answer `messages-received`, and forgets it, until `DELETE /hang`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web

from tests.harness.didcomm_world import make_keys
from tocsin.connectors.didcomm.packer import PackerConfig, open_packer
from tocsin.connectors.didcomm.port import Packer, Unpackable

PICKUP = "https://didcomm.org/messagepickup/3.0"


class Box:
    """What a mediator keeps, by recipient, and what it has been asked."""

    def __init__(self, packer: Packer, version: str) -> None:
        self.packer, self.version = packer, version
        self.kept: dict[str, dict[str, bytes]] = {}
        self.asked: Counter[str] = Counter()
        self.hangs = False

    async def post(self, request: web.Request) -> web.Response:
        """One message."""
        try:
            opened = await self.packer.unpack(await request.read())
        except Unpackable as error:
            return web.Response(status=400, text=str(error))
        message = opened.message
        kind = message["type"]
        self.asked[kind.rpartition("/")[2]] += 1
        if kind == "https://didcomm.org/routing/2.0/forward":
            return self.forward(message)
        if self.hangs and kind == f"{PICKUP}/messages-received":
            await asyncio.sleep(3600)
        if opened.sender is None:
            return web.Response(status=403)
        reply = self.reply(kind, message.get("body", {}), opened.sender)
        reply |= {"id": str(uuid4()), "thid": message["id"]}
        envelope = await self.packer.pack(reply, opened.sender)
        return web.Response(body=envelope.content, headers={"content-type": envelope.media_type})

    def forward(self, message: dict[str, Any]) -> web.Response:
        """Keep what is inside for its next one, if that is enrolled."""
        box = self.kept.get(message["body"]["next"].partition("#")[0])
        if box is None:
            return web.Response(status=404)
        for each in message["attachments"]:
            data = each["data"]
            inside = json.dumps(data["json"]).encode() if "json" in data else base64.urlsafe_b64decode(data["base64"])
            box[str(uuid4())] = inside
        return web.Response(status=202)

    def reply(self, kind: str, body: dict[str, Any], sender: str) -> dict[str, Any]:
        """The answer to an agent."""
        mediation = f"https://didcomm.org/coordinate-mediation/{self.version}"
        mine = self.packer.own[0].did
        updated = "recipient-update" if self.version == "3.0" else "keylist-update"
        if kind == f"{mediation}/mediate-request":
            return {"type": f"{mediation}/mediate-grant", "body": {"routing_did": [mine]}}
        if kind == f"{mediation}/{updated}":
            for each in body["updates"]:
                self.kept.setdefault(each["recipient_did"], {})
            results = [each | {"result": "success"} for each in body["updates"]]
            return {"type": f"{mediation}/{updated}-response", "body": {"updated": results}}
        if kind.startswith(PICKUP) and sender in self.kept:
            return self.pickup(kind.rpartition("/")[2], body, self.kept[sender])
        code = "e.p.req.not_enroll" if kind.startswith(PICKUP) else "e.p.msg.unsupported"
        return {"type": "https://didcomm.org/report-problem/2.0/problem-report", "body": {"code": code}}

    def pickup(self, name: str, body: dict[str, Any], box: dict[str, bytes]) -> dict[str, Any]:
        """The answer to messagepickup."""
        if name == "messages-received":
            for ident in body["message_id_list"]:
                box.pop(ident, None)
        if name != "delivery-request" or not box:
            return {"type": f"{PICKUP}/status", "body": {"message_count": len(box)}}
        some = list(box.items())[: body["limit"]]
        attachments = [
            {"id": ident, "data": {"base64": base64.urlsafe_b64encode(one).decode().rstrip("=")}} for ident, one in some
        ]
        return {"type": f"{PICKUP}/delivery", "body": {}, "attachments": attachments}

    async def hang(self, request: web.Request) -> web.Response:
        """Take no acknowledgement from now on, or take them again."""
        self.hangs = request.method == "POST"
        return web.Response(status=204)

    async def show(self, request: web.Request) -> web.Response:
        """How many are kept for each recipient, and what was asked how often."""
        return web.json_response({"kept": {who: len(box) for who, box in self.kept.items()}, "asked": self.asked})


async def main(keys: Path, port: int, version: str) -> None:
    """Serve until killed; says its DID on standard output."""
    async with open_packer(PackerConfig(keys=keys)) as packer:
        box = Box(packer, version)
        app = web.Application(client_max_size=2 * 1024 * 1024)
        app.add_routes([web.post("/", box.post), web.get("/box", box.show), web.route("*", "/hang", box.hang)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        print(json.dumps({"dids": [own.did for own in packer.own]}), flush=True)
        await asyncio.Event().wait()


class MediatorProcess:
    """A running mediator."""

    def __init__(self, url: str, dids: list[str]) -> None:
        """It answers under the first of its DIDs, whichever it was asked by."""
        self.url, self.did, self.other_did = url, *dids

    async def box(self) -> dict[str, Any]:
        """What it keeps, and what it has been asked."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/box") as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def hang(self, method: str) -> None:
        """POST: take no acknowledgement; DELETE: take them again."""
        async with aiohttp.ClientSession() as http, http.request(method, f"{self.url}/hang") as answer:
            assert answer.status == 204


@asynccontextmanager
async def mediator_process(folder: Path, port: int, version: str = "3.0") -> AsyncIterator[MediatorProcess]:
    """A mediator on this port, until the block ends."""
    url, keys = f"http://127.0.0.1:{port}", folder / "mediator.json"
    await make_keys(keys, "default", "other", uri=url)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.harness.didcomm_mediator", str(keys), str(port), version,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        yield MediatorProcess(url, json.loads(line)["dids"])
    finally:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
