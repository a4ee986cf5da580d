"""TLS and SASL, against a real Kafka that wants them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from tests.harness.secured_broker import MECHANISMS, PASSWORD, SecuredBroker, unsecured_token
from tocsin.connectors.kafka import Kafka, KafkaSecurity, SecurityUnusable, client_options, open_admin
from tocsin.streams.processes.kafka import any_answers


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    broker = SecuredBroker(tmp_path_factory.mktemp("secured"))
    asyncio.run(broker.start())
    try:
        yield broker
    finally:
        asyncio.run(broker.stop())


async def brokers(kafka: Kafka) -> int:
    async with open_admin(kafka) as admin:
        return len((await admin.describe_cluster())["brokers"])


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_client_that_logs_in(secured: SecuredBroker, mechanism: str) -> None:
    secret = unsecured_token() if mechanism == "OAUTHBEARER" else PASSWORD
    assert await brokers(Kafka(secured.sasl, secured.security(mechanism, password=secret))) == 1


async def test_a_password_in_a_file_or_a_variable(
    secured: SecuredBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    monkeypatch.setenv("KAFKA_SECRET", PASSWORD)
    for given in (f"file:{tmp_path / 'password'}", "env:KAFKA_SECRET"):
        assert await brokers(Kafka(secured.sasl, secured.security("SCRAM-SHA-512", password=given))) == 1


async def test_a_client_with_a_certificate(secured: SecuredBroker) -> None:
    assert await brokers(Kafka(secured.mutual, secured.certified())) == 1


async def test_a_certificate_of_another_host(secured: SecuredBroker) -> None:
    with pytest.raises(KafkaError):
        await brokers(Kafka(secured.misnamed, secured.certified()))
    assert await brokers(Kafka(secured.misnamed, secured.certified(check_hostname=False))) == 1


REFUSED = {
    "a wrong password": ("sasl", {"password": "wrong"}),
    "nobody's authority": ("sasl", {"ca_file": None}),
    "no certificate": ("mutual", {"certificate": None, "key": None}),
    "without any security": ("sasl", None),
}


@pytest.mark.parametrize(("listener", "changes"), REFUSED.values(), ids=REFUSED)
async def test_who_is_refused(secured: SecuredBroker, listener: str, changes: dict[str, object] | None) -> None:
    make = secured.certified if listener == "mutual" else lambda **more: secured.security("SCRAM-SHA-256", **more)
    kafka = Kafka(getattr(secured, listener), None if changes is None else make(**changes))
    assert not await any_answers(kafka, 10.0)


UNUSABLE = {
    "no such variable": ({"password": "env:NOT_THERE"}, "the environment variable NOT_THERE is not set"),
    "no such file": ({"password": "file:/not/there"}, "the file /not/there cannot be read: No such file or directory"),
    "no authority": ({"ca_file": Path("/not/there.pem")}, "/not/there.pem cannot be used: No such file or directory"),
    "an authority that is none": ({"ca_file": Path(__file__)}, "a PEM file is expected"),
    "a certificate that is none": ({"certificate": Path(__file__)}, "a PEM file is expected"),
}


@pytest.mark.parametrize(("changes", "why"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_cannot_be_used_is_named(changes: dict[str, object], why: str) -> None:
    known = {"protocol": "SASL_SSL", "mechanism": "PLAIN", "user": "u", "password": "p"}
    with pytest.raises(SecurityUnusable, match=why):
        client_options(Kafka("k:1", KafkaSecurity(**known | changes)))  # type: ignore[arg-type]


def test_an_address_without_security_is_as_before() -> None:
    assert client_options("k:1") == {"bootstrap_servers": "k:1"}
    assert client_options(Kafka("k:1")) == {"bootstrap_servers": "k:1"}


def test_the_security_goes_with_the_address() -> None:
    security = KafkaSecurity("SASL_SSL", "PLAIN", "u", "hunter2")
    kafka = Kafka("a:1, b:2", security)
    assert Kafka(kafka).security is security
    assert [(server, server.security) for server in kafka.servers()] == [("a:1", security), ("b:2", security)]
    assert "hunter2" not in repr(security)
