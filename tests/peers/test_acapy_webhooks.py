"""The errors of a real ACA-Py through a bus: each webhook is taken as it is, also over a gateway that is killed."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.harness.bus import Bus, Child
from tests.harness.wiring import events_on, free_port
from tests.peers import acapy_errors
from tests.peers.acapy import AcaPy
from tests.peers.acapy_errors import ERRORS, World, connect, settled
from tests.peers.processes import until
from tests.peers.test_packing import us
from tocsin.connectors.publish import InboxEvent, Origin
from tocsin.connectors.sources.acapy import read
from tocsin.connectors.sources.port import Message
from tocsin.schemas.events import Event, ProblemExplained, ProblemOpened, ThreadContext

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(500)]

GOAL = 0.9


async def test_webhooks(
    acapy_is_here: None, bootstrap: str, prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    async with Bus(bootstrap, prefix, tmp_path) as bus, AsyncExitStack() as stack:
        bus.environment |= {"TOCSIN_PORT": str(port), "TOCSIN_ANONYMOUS": "off"}
        agents = {name: AcaPy(tmp_path, name, *await options(bus, name, port)) for name in ("alice", "bob")}
        gateway, worker = await bus.start("gateway"), await bus.start("worker")
        peer = await stack.enter_async_context(us(tmp_path))
        await asyncio.gather(
            gateway.ready(), worker.ready(), *(stack.enter_async_context(agent) for agent in agents.values())
        )
        world = World(agents, peer)
        await errors(world, bus, gateway)
        expected = {event.event_id: event for name, agent in agents.items() for event in events_of(name, agent)}
        await stored(bus, expected)
        right, wrong = await until(lambda: judged(bus, world), "every problem is decided")
        with capsys.disabled():
            print(f"\nACA-Py: {right} of {right + len(wrong)} problems have the true connection and thread")
        assert right >= GOAL * (right + len(wrong)), wrong


async def options(bus: Bus, name: str, port: int) -> list[str]:
    """How an agent is told of the bus: one flag, with a key."""
    code, said = await bus.run("keys", "create", "--scope", "publish", "--tenant", name, "--by", "ann", "--json")
    assert code == 0, said
    key = json.loads(said.strip().splitlines()[-1])["key"]
    return [*acapy_errors.OPTIONS, "--webhook-url", f"http://127.0.0.1:{port}/v1/agents/acapy/{name}#{key}"]


async def errors(world: World, bus: Bus, gateway: Child) -> None:
    """All errors; in their middle the gateway is killed, and started again while they go on."""
    await connect(world)
    for number, (name, do) in enumerate(ERRORS.items()):
        if number == len(ERRORS) // 3:
            await gateway.kill()
            again = await bus.start("gateway")
        world.error = name
        await do(world)
    await again.ready()
    await settled(world)


def events_of(name: str, agent: AcaPy) -> list[InboxEvent]:
    """What its webhooks mean."""
    messages = (Message(body=one.raw, origin=Origin(tenant=name), topic=one.topic, now=1) for one in agent.webhooks)
    return [event for message in messages for event in read(message).events]


async def stored(bus: Bus, expected: dict[str, InboxEvent]) -> None:
    """Nothing is lost: what could not be taken came again, ten seconds later."""
    missing = dict[str, InboxEvent]()

    async def all_there() -> bool | None:
        missing.clear()
        there = {event.event_id for event in await events_on(bus.bootstrap, bus.prefix, "inbox")}
        missing.update({ident: event for ident, event in expected.items() if ident not in there})
        return not missing or None

    try:
        await until(all_there, f"{len(expected)} events are on inbox")
    except AssertionError:
        pytest.fail(f"lost: {len(missing)} of {len(expected)}, {[*missing.values()][:3]}")


async def judged(bus: Bus, world: World) -> tuple[int, list[str]] | None:
    """How many of the problems of which some webhook names the connection have it and their thread; the others."""
    contexts = contexts_of(await events_on(bus.bootstrap, bus.prefix, "problems"))
    right, wrong = 0, list[str]()
    for one in world.shown:
        webhook = world.agents[one.agent].webhooks[one.number]
        message = Message(body=webhook.raw, origin=Origin(tenant=one.agent), topic=webhook.topic, now=1)
        report = read(message).events[-1].event_id
        if report not in contexts:
            return None
        context = contexts[report]
        if one.connection is None:
            continue
        if context.connection == one.connection and (not one.threads or {context.thread_id} & {*one.threads}):
            right += 1
        else:
            wrong.append(f"{one.error} ({one.agent}): {context}")
    return right, wrong


def contexts_of(events: list[Event]) -> dict[str, ThreadContext]:
    """What is known in the end of each report's thread."""
    return {each.report: each.thread for each in events if isinstance(each, ProblemOpened | ProblemExplained)}
