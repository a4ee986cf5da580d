"""Errors as a real ACA-Py says them: more than thirty, scripted, between two stock agents and a peer with own keys.

`python -m tests.peers.acapy_errors` runs them and writes the webhooks, without keys, to tests/connectors/sources/acapy:
the fast tests read them there. Each error says in which webhooks it shows, and of which connection and thread it is.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.harness.wiring import free_port
from tests.peers.acapy import CREDENTIAL, AcaPy
from tests.peers.test_packing import Us, us
from tocsin.connectors.didcomm.port import Packing

CORPUS = Path(__file__).parent.parent / "connectors" / "sources" / "acapy" / "webhooks.json"
EXCHANGE, PROOF, GENERIC = "issue_credential_v2_0", "present_proof_v2_0", "problem_report"
OPTIONS = ("--monitor-ping", "--monitor-revocation-notification", "--monitor-forward")
DID = "WgWxqztrNooG92RXvxSTWv"
DEFINITION = {
    "input_descriptors": [
        {
            "id": "any",
            "schema": [{"uri": "https://www.w3.org/2018/credentials#VerifiableCredential"}],
            "constraints": {},
        }
    ]
}
REQUEST = {
    "dif": {
        "options": {"challenge": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "domain": "d"},
        "presentation_definition": DEFINITION,
    }
}
PROPOSAL = {"dif": DEFINITION}
PRESENTATION_TYPE = "https://didcomm.org/present-proof/2.0/"


@dataclass(frozen=True)
class Shown:
    """A webhook in which an error shows: whose it is (`alice`, `bob`), its number among that agent's, and the truth:
    the connection, and ids that name its thread. An empty truth: nothing names it, anywhere."""

    error: str
    agent: str
    number: int
    connection: str | None
    threads: tuple[str, ...]


@dataclass
class World:
    """The agents, the connection between them (`link`: its id by agent), and the peer that sends what it likes."""

    agents: Mapping[str, AcaPy]
    peer: Us
    link: dict[str, str] = field(default_factory=dict)
    joined: dict[str, Any] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    error: str = ""

    async def see(self, agent: str, topic: str, connection: str | None, *threads: str, **members: object) -> None:
        """Wait for a webhook of this error, and note it with the truth."""
        of = self.agents[agent]
        found = await of.webhook(topic, **members)
        number = next(number for number, one in enumerate(of.webhooks) if one is found)
        self.shown.append(Shown(self.error, agent, number, connection, threads))

    async def tell(self, message_type: str, **members: Any) -> dict[str, Any]:
        """The peer sends alice a message over its connection; returns it."""
        message = {"@type": f"https://didcomm.org/{message_type}", "@id": str(uuid.uuid4()), **members}
        packed = await self.peer.packer.pack(message, self.joined["my_verkey"], packing=Packing.V1_AUTHCRYPT)
        assert await self.peer.post(packed, self.agents["alice"].endpoint) == 200
        return message

    async def report(self, protocol: str, **members: Any) -> dict[str, Any]:
        """The peer sends a report of some protocol."""
        said = {"description": {"code": "e.p.xfer", "en": self.error}, **members}
        return await self.tell(f"{protocol}/problem-report", **said)

    async def propose(self, agent: str, connection: str) -> dict[str, Any]:
        return await self.agents[agent].propose(connection)


Error = Callable[[World], Awaitable[None]]
ERRORS: dict[str, Error] = {}
"""What is done, by the words for it."""


def error(name: str) -> Callable[[Error], Error]:
    """Name an error."""

    def named(do: Error) -> Error:
        ERRORS[name] = do
        return do

    return named


def _abandoned(side: str, began: str) -> Error:
    """An exchange of a credential which one of both began, and one of both gives up: both see it."""

    async def do(world: World) -> None:
        first, other = world.agents[began], world.agents["bob" if began == "alice" else "alice"]
        if began == "bob":
            begun = await world.propose("bob", world.link["bob"])
        else:
            offer = {"connection_id": world.link["alice"], "filter": {"ld_proof": CREDENTIAL}, "comment": "an offer"}
            begun = await first.post("/issue-credential-2.0/send-offer", **offer)
        thread = begun["thread_id"]
        heard = await other.webhook(EXCHANGE, thread_id=thread)
        of = {first.name: begun["cred_ex_id"], other.name: heard.body["cred_ex_id"]}
        await world.agents[side].abandon(of[side], world.error)
        for name in ("alice", "bob"):
            await world.see(name, EXCHANGE, world.link[name], thread, thread_id=thread, state="abandoned")

    return do


for _side in ("alice", "bob"):
    for _began, _what in (("alice", "an offer"), ("bob", "a proposal")):
        ERRORS[f"{_what} is given up by {_side}"] = _abandoned(_side, _began)


def _proof_abandoned(side: str, began: str) -> Error:
    async def do(world: World) -> None:
        first, other = world.agents[began], world.agents["bob" if began == "alice" else "alice"]
        link = {"connection_id": world.link[began], "comment": "a proof"}
        if began == "alice":
            begun = await first.post("/present-proof-2.0/send-request", presentation_request=REQUEST, **link)
        else:
            begun = await first.post("/present-proof-2.0/send-proposal", presentation_proposal=PROPOSAL, **link)
        thread = begun["thread_id"]
        heard = await other.webhook(PROOF, thread_id=thread)
        of = {first.name: begun["pres_ex_id"], other.name: heard.body["pres_ex_id"]}
        report = f"/present-proof-2.0/records/{of[side]}/problem-report"
        await world.agents[side].post(report, description=world.error)
        for name in ("alice", "bob"):
            await world.see(name, PROOF, world.link[name], thread, thread_id=thread, state="abandoned")

    return do


for _side in ("alice", "bob"):
    for _began, _what in (("alice", "a request for a proof"), ("bob", "a proposal of a proof")):
        ERRORS[f"{_what} is given up by {_side}"] = _proof_abandoned(_side, _began)


@error("mediation is denied")
async def _(world: World) -> None:
    asked = await world.agents["bob"].post(f"/mediation/request/{world.link['bob']}")
    came = await world.agents["alice"].webhook("mediation", connection_id=world.link["alice"], role="server")
    await world.agents["alice"].post(f"/mediation/requests/{came.body['mediation_id']}/deny")
    await world.see("alice", "mediation", world.link["alice"], state="denied", role="server")
    await world.see("bob", "mediation", world.link["bob"], state="denied", mediation_id=asked["mediation_id"])


async def _invited(world: World, **more: Any) -> dict[str, Any]:
    asked = {"handshake_protocols": ["https://didcomm.org/didexchange/1.0"], **more}
    made = await world.agents["alice"].post("/out-of-band/create-invitation?auto_accept=false", **asked)
    return dict(made)


async def _received(world: World, invitation: dict[str, Any], accept: bool = True) -> dict[str, Any]:
    query = f"auto_accept={str(accept).lower()}&use_existing_connection=false"
    return dict(await world.agents["bob"].post(f"/out-of-band/receive-invitation?{query}", **invitation))


@error("a request for a connection is rejected")
async def _(world: World) -> None:
    made = await _invited(world)
    invitation = made["invi_msg_id"]
    bobs = (await _received(world, made["invitation"]))["connection_id"]
    asked = await world.agents["alice"].webhook("connections", invitation_msg_id=invitation, state="request")
    ours = asked.body["connection_id"]
    await world.agents["alice"].post(f"/didexchange/{ours}/reject", reason=world.error)
    request = asked.body["request_id"]
    await world.see("alice", "connections", ours, request, invitation, connection_id=ours, state="error")
    world.silent.append(f"{world.error}: bob ({bobs})")


@error("an invitation is rejected")
async def _(world: World) -> None:
    made = await _invited(world)
    invitation = made["invi_msg_id"]
    bobs = (await _received(world, made["invitation"], accept=False))["connection_id"]
    await world.agents["bob"].post(f"/didexchange/{bobs}/reject", reason=world.error)
    await world.see("bob", "connections", bobs, invitation, connection_id=bobs, state="error")


@error("an invitation is used a second time")
async def _(world: World) -> None:
    made = await _invited(world)
    await _received(world, made["invitation"])
    await world.agents["alice"].webhook("connections", invitation_msg_id=made["invi_msg_id"], state="request")
    await _received(world, {**made["invitation"], "@id": str(uuid.uuid4())})
    world.silent.append(world.error)


@error("an endpoint is dead")
async def _(world: World) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    made = await world.agents["alice"].post(
        "/connections/create-static",
        their_did="WgWxqztrNooG92RXvxSTWw",
        their_verkey=world.peer.verkey,
        their_endpoint=dead,
    )
    await world.propose("alice", made["record"]["connection_id"])
    world.silent.append(world.error)


def _told(protocol: str, code: str) -> Error:
    """The peer reports that an exchange which alice began with it is over."""

    async def do(world: World) -> None:
        connection = world.joined["connection_id"]
        if protocol.startswith("issue"):
            begun, topic = await world.propose("alice", connection), EXCHANGE
        else:
            asked = {"connection_id": connection, "presentation_request": REQUEST, "comment": "a proof"}
            begun, topic = await world.agents["alice"].post("/present-proof-2.0/send-request", **asked), PROOF
        thread = begun["thread_id"]
        said = {"~thread": {"thid": thread}, "description": {"code": code, "en": world.error}}
        await world.report(protocol, **said)
        await world.see("alice", topic, connection, thread, thread_id=thread, state="abandoned")

    return do


ERRORS |= {
    "a peer gives an issuance up": _told("issue-credential/2.0", "issuance-abandoned"),
    "a peer gives an issuance up with a code of its own": _told("issue-credential/2.0", "e.p.xfer.cant-use-endpoint"),
    "a peer gives a proof up": _told("present-proof/2.0", "abandoned"),
    "a peer gives a proof up with a code of its own": _told("present-proof/2.0", "e.p.trust.crypto"),
}


@error("a generic report about an exchange that goes on")
async def _(world: World) -> None:
    connection = world.joined["connection_id"]
    thread = (await world.propose("alice", connection))["thread_id"]
    said = await world.report("notification/1.0", **{"~thread": {"thid": thread}})
    await world.see("alice", GENERIC, connection, thread, **{"@id": said["@id"]})


@error("a generic report below an exchange that goes on")
async def _(world: World) -> None:
    connection = world.joined["connection_id"]
    thread = (await world.propose("alice", connection))["thread_id"]
    said = await world.report("notification/1.0", **{"~thread": {"pthid": thread}})
    await world.see("alice", GENERIC, connection, thread, **{"@id": said["@id"]})


def _generic(**members: Any) -> Error:
    async def do(world: World) -> None:
        said = await world.report("notification/1.0", **members)
        await world.see("alice", GENERIC, None, **{"@id": said["@id"]})

    return do


ERRORS |= {
    "a generic report about a thread that nobody knows": _generic(**{"~thread": {"thid": str(uuid.UUID(int=5))}}),
    "a generic report about nothing": _generic(),
    "a message that the peer could not parse": _generic(
        description={"code": "message-parse-failure", "en": "no such member"}, **{"~thread": {"pthid": "m-17"}}
    ),
    "a report of another language": _generic(description={"code": "e.p.req", "fr": "Le registre ne répond pas ☎"}),
    "a report with all that may be said": _generic(
        problem_items=[{"name": "x"}], who_retries="you", impact="thread", where="you - here",
        fix_hint={"en": "again"}, noticed_time="2026-11-30T12:00:00Z", tracking_uri="https://status.example.org",
    ),
}  # fmt: skip


def _unheard(message_type: str, **members: Any) -> Error:
    """ACA-Py makes no webhook of it, whatever it answers."""

    async def do(world: World) -> None:
        await world.tell(message_type, **members)
        world.silent.append(world.error)

    return do


_REPORT = {"description": {"code": "e.p.xfer", "en": "no"}}
ERRORS |= {
    "a peer gives an issuance up without a text": _unheard(
        "issue-credential/2.0/problem-report", description={"code": "e.p.me.res"}
    ),
    "an unknown protocol": _unheard("weather/1.0/ask"),
    "an offer without its parts": _unheard("issue-credential/2.0/offer-credential"),
    "an offer of no known format": _unheard(
        "issue-credential/2.0/offer-credential", formats=[{"attach_id": "0", "format": "x/y@v1"}],
        credential_preview={"@type": "https://didcomm.org/issue-credential/2.0/credential-preview", "attributes": []},
        **{"offers~attach": [{"@id": "0", "mime-type": "application/json", "data": {"base64": "e30="}}]},
    ),
    "a request for a proof without its parts": _unheard("present-proof/2.0/request-presentation"),
    "a report of RFC 0035": _unheard("report-problem/1.0/problem-report", **_REPORT),
    "a report of DIDComm v2": _unheard("report-problem/2.0/problem-report", body={"code": "e.p.xfer"}),
    "a report of mediation": _unheard("coordinate-mediation/1.0/problem-report", **_REPORT),
    "a report of an issuance of which nobody knows": _unheard("issue-credential/2.0/problem-report", **_REPORT),
    "a report of a proof of which nobody knows": _unheard("present-proof/2.0/problem-report", **_REPORT),
    "a report of a connection that nobody asked for": _unheard("didexchange/1.0/problem_report", **_REPORT),
}  # fmt: skip


@error("a report in plaintext that looks genuine")
async def _(world: World) -> None:
    thread = (await world.propose("alice", world.joined["connection_id"]))["thread_id"]
    forged = {
        "@type": "https://didcomm.org/notification/1.0/problem-report", "@id": str(uuid.uuid4()),
        "~thread": {"thid": thread}, "description": {"code": "issuance-abandoned", "en": world.error},
    }  # fmt: skip
    async with aiohttp.ClientSession() as http:
        sent = {"content-type": "application/json"}
        async with http.post(world.agents["alice"].endpoint, data=json.dumps(forged), headers=sent) as answer:
            assert answer.status == 200
    await world.see("alice", GENERIC, world.joined["connection_id"], thread, **{"@id": forged["@id"]})


async def connect(world: World) -> None:
    """Alice and bob are connected, and the peer is with alice."""
    asked = {"handshake_protocols": ["https://didcomm.org/didexchange/1.0"]}
    made = await world.agents["alice"].post("/out-of-band/create-invitation?auto_accept=true", **asked)
    world.link["bob"] = (await _received(world, made["invitation"]))["connection_id"]
    opened = await world.agents["bob"].webhook("connections", connection_id=world.link["bob"], rfc23_state="completed")
    assert opened.body["state"] in ("completed", "active")
    heard = await world.agents["alice"].webhook(
        "connections", invitation_msg_id=made["invi_msg_id"], rfc23_state="completed"
    )
    world.link["alice"] = heard.body["connection_id"]
    world.joined = await world.agents["alice"].connect(world.peer.verkey, world.peer.endpoint, DID)


async def settled(world: World) -> None:
    """No webhook comes any more."""

    def count() -> int:
        return sum(len(agent.webhooks) for agent in world.agents.values())

    before = -1
    while before != count():
        before = count()
        await asyncio.sleep(1.5)


async def run(world: World, only: Callable[[str], bool] = lambda _: True) -> None:
    """All errors, one after the other."""
    await connect(world)
    for name, do in ERRORS.items():
        if only(name):
            world.error = name
            await do(world)
    await settled(world)


_SECRET = re.compile(r"(?i)key|invitation_url|^data$|^base64$|^payload$|^jws$|signature|proof_?value")


def without_keys(value: Any, name: str = "") -> Any:
    """A body without keys, signatures and attachments."""
    if isinstance(value, dict):
        return {each: without_keys(inner, each) for each, inner in value.items()}
    if isinstance(value, list):
        return [without_keys(inner, name) for inner in value]
    return "left-out" if isinstance(value, str) and _SECRET.search(name) else value


def corpus(world: World) -> dict[str, Any]:
    """What the fast tests read: every webhook in its order of arrival, by agent, and where the errors show."""
    return {
        "webhooks": {
            name: [{"topic": one.topic, "body": without_keys(one.body)} for one in agent.webhooks]
            for name, agent in world.agents.items()
        },
        "shown": [[one.error, one.agent, one.number, one.connection, list(one.threads)] for one in world.shown],
        "silent": [name.partition(" (")[0] for name in world.silent],
    }


async def record() -> None:
    """Run, and write the corpus."""
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            agents = {name: AcaPy(Path(folder), name, *OPTIONS) for name in ("alice", "bob")}
            peer = await stack.enter_async_context(us(Path(folder)))
            await asyncio.gather(*(stack.enter_async_context(agent) for agent in agents.values()))
            world = World(agents, peer)
            try:
                await run(world)
            except BaseException:
                sys.stderr.write(f"at: {world.error}\n" + "\n".join(agents["alice"].said().splitlines()[-40:]) + "\n")
                raise
            found = corpus(world)
    CORPUS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    count = sum(map(len, found["webhooks"].values()))
    sys.stdout.write(f"{len(ERRORS)} errors, {count} webhooks, {len(found['shown'])} of them show one\n")


if __name__ == "__main__":
    asyncio.run(record())
