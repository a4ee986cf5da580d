"""The whole bus, and its commands, against a Kafka that wants TLS and a login."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.bus import COMMAND, Bus
from tests.harness.forking import start
from tests.harness.receiver import Receiver, rules_for
from tests.harness.secured_broker import PASSWORD, USER, SecuredBroker
from tests.harness.traffic import arrived
from tocsin.connectors.publish import Publisher, problem
from tocsin.connectors.subscribe import Subscriber
from tocsin.schemas.ids import derived_id

COMMANDS = {
    "topics plan": (["topics", "plan"], 0),
    "dead list": (["dead", "list"], 0),
    "silence list": (["silence", "list"], 0),
}


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[SecuredBroker]:
    broker = SecuredBroker(tmp_path)
    asyncio.run(broker.start())
    try:
        yield broker
    finally:
        asyncio.run(broker.stop())


async def tocsin(arguments: list[str], environment: dict[str, str], folder: Path) -> tuple[int, str]:
    """Exit code and output of a command."""
    process = await start(COMMAND, arguments, {**os.environ, **environment}, folder)
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, output.decode()


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_a_problem_travels_and_commands_work(
    secured: SecuredBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    environment = {
        "TOCSIN_BOOTSTRAP": secured.sasl,
        "TOCSIN_PREFIX": "safe.",
        "TOCSIN_PARTITIONS": "4",
        "TOCSIN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "TOCSIN_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "TOCSIN_KAFKA_USER": USER,
        "TOCSIN_KAFKA_PASSWORD": f"file:{tmp_path / 'password'}",
        "TOCSIN_KAFKA_CA_FILE": str(tmp_path / "ca.pem"),
    }
    async with Receiver() as receiver, Bus(secured.bootstrap, "safe.", tmp_path, environment=environment) as bus:
        bus.rules(rules_for(receiver.url))
        children = [await bus.start(name) for name in ("gateway", "worker", "dispatch")]
        await asyncio.gather(*(child.ready() for child in children))
        async with Publisher(secured.sasl, prefix="safe.", security=secured.security("PLAIN")) as publisher:
            receipt = await publisher.publish(problem("e.p.msg", text="over TLS"))
        await arrived(receiver, {derived_id("delivery", receipt.event_id, "owner")})
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        async with asyncio.timeout(60), Subscriber(group="g", kinds="ProblemOpened") as events:
            assert (await anext(events)).text == "over TLS"
        for arguments, code in COMMANDS.values():
            assert (await tocsin(arguments, bus.environment, tmp_path))[0] == code, arguments
        code, said = await tocsin(["topics", "plan"], bus.environment | {"TOCSIN_KAFKA_PASSWORD": "wrong"}, tmp_path)
        assert (code, "refuses us" in said, "TOCSIN_KAFKA_" in said) == (69, True, True), said
        await bus.stop(*children)
        up = await bus.start("up")  # over the same settings, handed on to its processes
        assert up.process.stdout
        assert b'"ready": true' in await asyncio.wait_for(up.process.stdout.readline(), 120)
        async with Publisher(secured.sasl, prefix="safe.", security=secured.security("PLAIN")) as publisher:
            receipt = await publisher.publish(problem("e.p.msg", text="once more"))
        await arrived(receiver, {derived_id("delivery", receipt.event_id, "owner")})
        await bus.stop(up)
    for child in children:
        assert PASSWORD not in child.log.read_text("utf-8")
