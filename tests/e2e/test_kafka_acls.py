"""Each process with a login of its own and only the rights of deploy/kafka-acls.sh, against Kafka's own authorizer."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

pytest.importorskip("confluent_kafka", reason="of the group dev: it makes the rights, which aiokafka cannot")
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.harness.bus import Bus, Child
from tests.harness.receiver import Receiver, rules_for
from tests.harness.secured_broker import PASSWORD, SecuredBroker
from tests.harness.traffic import arrived
from tocsin.connectors.publish import Publisher, PublishFailed, problem
from tocsin.connectors.subscribe import Subscriber
from tocsin.schemas.ids import derived_id

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

FILE = Path(__file__).parents[2] / "deploy" / "kafka-acls.sh"
PROCESSES = ("worker", "dispatch", "gateway")
STRANGER = "stranger"


def rights() -> Iterator[AclBinding]:
    """What the file gives, line by line."""
    for line in FILE.read_text("utf-8").splitlines():
        if not line.startswith("acl --"):
            continue
        words = shlex.split(line)[1:]
        given: dict[str, list[str]] = {}
        for number, word in enumerate(words):
            if word.startswith("--"):
                value = words[number + 1] if number + 1 < len(words) and not words[number + 1].startswith("--") else ""
                given.setdefault(word, []).append(value)
        pattern = ResourcePatternType.PREFIXED if "--resource-pattern-type" in given else ResourcePatternType.LITERAL
        resources = [(ResourceType.TOPIC, name) for name in given.get("--topic", [])]
        resources += [(ResourceType.GROUP, name) for name in given.get("--group", [])]
        resources += [(ResourceType.BROKER, "kafka-cluster")] if "--cluster" in given else []
        assert resources, line
        for principal in given["--allow-principal"]:
            for operation in given["--operation"]:
                for kind, name in resources:
                    yield AclBinding(
                        kind, name, pattern, principal, "*", _operation(operation), AclPermissionType.ALLOW
                    )


def _operation(name: str) -> AclOperation:
    names = {operation.name.replace("_", "").lower(): operation for operation in AclOperation}
    return names[name.lower()]


class GuardedBroker(SecuredBroker):
    """Nobody may do anything without a right, but who comes by the plain listener: the brokers, and the test."""

    users = (*(f"tocsin-{name}" for name in (*PROCESSES, "operator", "publisher", "subscriber")), STRANGER)
    more_properties = {  # noqa: RUF012
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "false",
    }


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[GuardedBroker]:
    broker = GuardedBroker(tmp_path)
    asyncio.run(broker.start())
    try:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        for made in admin.create_acls(list(rights())).values():
            made.result(30)
        yield broker
    finally:
        asyncio.run(broker.stop())


def login(broker: SecuredBroker, user: str) -> dict[str, str]:
    return {
        "TOCSIN_BOOTSTRAP": broker.sasl,
        "TOCSIN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "TOCSIN_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "TOCSIN_KAFKA_USER": user,
        "TOCSIN_KAFKA_PASSWORD": PASSWORD,
        "TOCSIN_KAFKA_CA_FILE": str(broker.folder / "ca.pem"),
    }


@asynccontextmanager
async def a_bus(broker: SecuredBroker, folder: Path, receiver: Receiver) -> AsyncIterator[tuple[Bus, list[Child]]]:
    async with Bus(broker.bootstrap, "tocsin.", folder) as bus:
        bus.rules(rules_for(receiver.url))
        yield bus, [await bus.start(name, **login(broker, f"tocsin-{name}")) for name in PROCESSES]


async def test_the_whole_bus_runs_with_these_rights_and_nobody_gets_in_without(
    guarded: GuardedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Receiver() as receiver, a_bus(guarded, tmp_path, receiver) as (bus, children):
        await asyncio.gather(*(child.ready() for child in children))
        gateway = children[PROCESSES.index("gateway")]
        async with aiohttp.ClientSession(gateway.url) as http:
            reported = await _asked(http, "/v1/problems", {"code": "e.p.msg", "text": "by the gateway"}, 202)
            await arrived(receiver, {derived_id("delivery", reported["event_id"], "owner")})
            answer = await _asked(http, f"/v1/problems/{reported['event_id']}/resolve?wait=30s", {"by": "ann"}, 200)
            assert answer["outcome"] in ("done", "already_so")
            await _asked(http, "/v1/silences", {
                "by": "ann", "for": "1h", "matchers": [{"field": "code", "operator": "equal", "value": "e.x"}],
            }, 202)  # fmt: skip
        security = guarded.security("SCRAM-SHA-512", user="tocsin-publisher")
        async with Publisher(guarded.sasl, prefix="tocsin.", security=security) as publisher:
            receipt = await publisher.publish(problem("e.p.other", text="by a publisher"))
        await arrived(receiver, {derived_id("delivery", receipt.event_id, "owner")})
        for name, value in {**login(guarded, "tocsin-subscriber"), "TOCSIN_PREFIX": "tocsin."}.items():
            monkeypatch.setenv(name, value)
        async with asyncio.timeout(60), Subscriber(group="subscriber.g", kinds="ProblemOpened") as events:
            # between partitions there is no order
            assert {(await anext(events)).text, (await anext(events)).text} == {"by the gateway", "by a publisher"}

        stranger = guarded.security("SCRAM-SHA-512", user=STRANGER)
        with pytest.raises(PublishFailed):
            async with Publisher(guarded.sasl, prefix="tocsin.", security=stranger) as publisher:
                await publisher.publish(problem("e.p.other"))
        bus.environment |= login(guarded, "tocsin-operator")
        for command in ("topics plan", "keys list"):
            code, said = await bus.run(*command.split())
            assert code == 0, (command, said)
        bus.environment |= login(guarded, STRANGER)
        for name in (*PROCESSES, "keys list"):
            code, said = await bus.run(*name.split())
            assert (code, "docs/access.md" in said) == (69, True), (name, said)
        for child in children:
            assert child.alive(), child.log.read_text()[-2000:]


async def _asked(http: aiohttp.ClientSession, path: str, document: Any, status: int) -> Any:
    async with http.post(path, json=document) as answer:
        said = await answer.json(content_type=None)
        assert answer.status == status, (path, said)
        return said


def test_no_process_may_write_what_another_says() -> None:
    """The gateway cannot say what became of a problem, nor the dispatcher what was reported."""
    writes = {
        (binding.principal.removeprefix("User:tocsin-"), binding.name.removeprefix("tocsin."))
        for binding in rights()
        if binding.operation in (AclOperation.WRITE, AclOperation.ALL) and binding.restype is ResourceType.TOPIC
    }
    only_worker = {"problems", "escalations", "answers", "attempts", "decide-changelog", "deliver-changelog"}
    assert {user for user, topic in writes if topic in only_worker} == {"worker"}
    assert {user for user, topic in writes if topic == "inbox"} == {"worker", "gateway", "publisher"}
    assert {user for user, topic in writes if topic == "audit"} == {"gateway"}
