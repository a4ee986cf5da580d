"""ACA-Py as a peer: a stock agent with an Askar wallet and no ledger, steered by its admin API, heard by webhooks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.harness.wiring import free_port
from tests.peers import installing
from tests.peers.processes import READY, Agent, Refused, until

CREDENTIAL = {
    "credential": {
        "@context": ["https://www.w3.org/2018/credentials/v1"],
        "type": ["VerifiableCredential"],
        "issuer": "did:key:z6MkwXG2WjeQnNxSoynSGYU8V9j3QzP3JSqhdmkHc6SaVWoT",
        "issuanceDate": "2026-01-01T00:00:00Z",
        "credentialSubject": {"id": "did:key:z6MkwXG2WjeQnNxSoynSGYU8V9j3QzP3JSqhdmkHc6SaVWoT"},
    },
    "options": {"proofType": "Ed25519Signature2018"},
}
"""What is proposed: any credential that needs no ledger."""


@dataclass(frozen=True)
class Webhook:
    """One of its webhooks: the topic of its path, the body, and the bytes of that."""

    topic: str
    body: dict[str, Any]
    raw: bytes = b""


class AcaPy(Agent):
    """An ACA-Py inside `async with`: `endpoint` is its DIDComm address, `webhooks` all that it sent."""

    def __init__(self, folder: Path, name: str = "acapy", *options: str) -> None:
        super().__init__(folder, name)
        self.webhooks: list[Webhook] = []
        self._options = options

    async def begin(self) -> None:
        python = installing.acapy()
        await self._hear()
        port, admin = free_port(), free_port()
        self.endpoint, self.admin = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}"
        await self.start(
            python, "-m", "acapy_agent", "start", "--label", self.name, "--no-ledger", "--log-level", "warning",
            "--inbound-transport", "http", "127.0.0.1", str(port), "--outbound-transport", "http",
            "--endpoint", self.endpoint, "--admin", "127.0.0.1", str(admin), "--admin-insecure-mode",
            "--wallet-type", "askar", "--wallet-name", self.name, "--wallet-key", "tests", "--auto-provision",
            "--preserve-exchange-records", "--webhook-url", self._url, *self._options,
            env={**os.environ, "HOME": str(self.log.parent)},
        )  # fmt: skip
        await until(self._ready, "ACA-Py is ready", READY)

    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)
        await self._runner.cleanup()

    async def _hear(self) -> None:
        app = web.Application()
        app.router.add_post("/topic/{topic}/", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _take(self, request: web.Request) -> web.Response:
        self.webhooks.append(Webhook(request.match_info["topic"], await request.json(), await request.read()))
        return web.Response()

    async def _ready(self) -> bool | None:
        self.said()
        try:
            return (await self.get("/status/ready"))["ready"] or None
        except (OSError, Refused):
            return None

    async def get(self, path: str) -> Any:
        return await self.ask("GET", self.admin + path)

    async def post(self, path: str, **document: object) -> Any:
        return await self.ask("POST", self.admin + path, document)

    async def connect(self, verkey: str, endpoint: str, did: str, **more: str) -> dict[str, Any]:
        """A connection without a handshake to whoever has this verkey; `my_seed` (32 characters) names our own key.
        The answer has `my_did`, `my_verkey`, `my_endpoint` and `connection_id`."""
        answer = await self.post(
            "/connections/create-static", their_did=did, their_verkey=verkey, their_endpoint=endpoint, **more
        )
        return {**answer, "connection_id": answer["record"]["connection_id"]}

    async def propose(self, connection: str) -> dict[str, Any]:
        """Begin an exchange of a credential: its record."""
        proposal = {"connection_id": connection, "comment": "please", "filter": {"ld_proof": CREDENTIAL}}
        return dict(await self.post("/issue-credential-2.0/send-proposal", **proposal))

    async def abandon(self, exchange: str, description: str) -> None:
        """Give an exchange up, and tell the peer."""
        await self.post(f"/issue-credential-2.0/records/{exchange}/problem-report", description=description)

    async def exchange(self, thread: str, state: str) -> dict[str, Any]:
        """The record of the exchange on this thread, as soon as it has this state."""

        async def found() -> dict[str, Any] | None:
            results = (await self.get(f"/issue-credential-2.0/records?thread_id={thread}&state={state}"))["results"]
            return results[0]["cred_ex_record"] if results else None

        return await until(found, f"exchange {thread} is {state}")

    async def webhook(self, topic: str, **members: object) -> Webhook:
        """The first webhook of this topic with these members."""

        async def found() -> Webhook | None:
            for one in self.webhooks:
                if one.topic == topic and members.items() <= one.body.items():
                    return one
            return None

        return await until(found, f"webhook {topic} {members}, only {self.webhooks}")
