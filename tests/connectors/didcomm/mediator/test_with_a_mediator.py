"""A mediator as a real process: enrolled with, filled by a peer's forwards, fetched from, acknowledged to."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.harness.didcomm_mediator import MediatorProcess, mediator_process
from tests.harness.didcomm_world import Agent, agents, report
from tocsin.connectors.didcomm.config import PackerConfig
from tocsin.connectors.didcomm.mediator.enrolling import enrol
from tocsin.connectors.didcomm.mediator.messages import MediatorRefused, status_request
from tocsin.connectors.didcomm.mediator.pickup import Pickup, Taken
from tocsin.connectors.didcomm.mediator.talking import Mediator
from tocsin.connectors.didcomm.port import Envelope, Service
from tocsin.connectors.egress.addresses import outgoing_url
from tocsin.connectors.egress.transport import Transport


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class World:
    """A mediator, us, and a peer that reaches us through it."""

    def __init__(self, process: MediatorProcess, ours: Agent, peer: Agent, transport: Transport) -> None:
        self.process, self.ours, self.peer, self.transport = process, ours, peer, transport
        self.mediator = Mediator(ours.packer, transport, process.did, ours.did, private=True)
        self.taken: list[bytes] = []
        self.answers: dict[int, Taken] = {}

    async def send(self, count: int = 1) -> None:
        """The peer sends us reports, through the mediator."""
        through = Service(uri=self.process.url, to=self.ours.did, version=2, routing_keys=(self.process.did,))
        for _ in range(count):
            envelope: Envelope = await self.peer.packer.pack(report(), self.ours.did)
            forwarded = await self.peer.packer.forward(envelope, through)
            url = outgoing_url(self.process.url, private=True)
            answer = await self.transport.send("POST", url, {"content-type": forwarded.media_type}, forwarded.content)
            assert answer.status == 202

    async def take(self, content: bytes) -> Taken:
        """What the gateway would do, as `answers` says for each in turn."""
        self.taken.append(content)
        return self.answers.get(len(self.taken), Taken.DONE)

    def pickup(self) -> Pickup:
        return Pickup(self.mediator, self.take, 60)

    async def kept(self) -> int:
        return int((await self.process.box())["kept"][self.ours.did])


@asynccontextmanager
async def made(folder: Path, version: str = "3.0") -> AsyncIterator[World]:
    config = PackerConfig(keys=folder / "ours.json", allow_private=True)
    async with (
        mediator_process(folder, free_port(), version) as process,
        agents(folder, ours=("default",), peer=("default",)) as found,
        Transport(config) as transport,
    ):
        yield World(process, found["ours"], found["peer"], transport)


@pytest.mark.parametrize("version", ["3.0", "2.0"])
async def test_what_a_peer_sends_through_a_mediator_is_fetched_and_acknowledged(tmp_path: Path, version: str) -> None:
    async with made(tmp_path, version) as world:
        assert await enrol(world.mediator, world.ours.did) == [world.process.did]
        assert await world.pickup().round() is False, "nothing is there yet"
        await world.send(3)
        assert await world.pickup().round() is True
        assert len(world.taken) == 3
        opened = [await world.ours.packer.unpack(each) for each in world.taken]
        assert {each.sender for each in opened} == {world.peer.did}
        assert await world.kept() == 0


async def test_who_is_not_enrolled_is_refused_by_its_code(tmp_path: Path) -> None:
    async with made(tmp_path) as world:
        with pytest.raises(MediatorRefused, match=r"e\.p\.req\.not_enroll"):
            await world.pickup().round()


async def test_only_what_is_dealt_with_is_acknowledged(tmp_path: Path) -> None:
    async with made(tmp_path) as world:
        await enrol(world.mediator, world.ours.did)
        await world.send(4)
        world.answers = {2: Taken.UNSURE, 4: Taken.LATER}
        assert await world.pickup().round() is True
        assert await world.kept() == 2, "the second, and the fourth"
        first = list(world.taken)
        await world.pickup().round()
        assert world.taken[4:] == [first[1], first[3]], "those come again, in their order"


async def test_a_message_of_which_nobody_can_say_is_let_go_at_last(tmp_path: Path) -> None:
    async with made(tmp_path) as world:
        await enrol(world.mediator, world.ours.did)
        await world.send()
        world.answers = dict.fromkeys(range(1, 100), Taken.UNSURE)
        pickup = world.pickup()
        rounds = 0
        while not await pickup.round():
            rounds += 1
            assert rounds < 20
        assert await world.kept() == 0


async def test_an_answer_that_is_not_proven_to_be_the_mediators_counts_for_nothing(tmp_path: Path) -> None:
    async with made(tmp_path) as world:
        await enrol(world.mediator, world.ours.did)
        asked = Mediator(world.ours.packer, world.transport, world.process.other_did, world.ours.did, private=True)
        with pytest.raises(MediatorRefused, match="not proven to be its own"):
            await asked.ask(status_request())


async def test_a_private_address_is_not_asked_without_leave(tmp_path: Path) -> None:
    async with made(tmp_path) as world:
        guarded = Mediator(world.ours.packer, world.transport, world.process.did, world.ours.did)
        with pytest.raises(MediatorRefused, match="no address that we may post to"):
            await enrol(guarded, world.ours.did)
        assert (await world.process.box())["asked"] == {}
