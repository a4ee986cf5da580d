"""Names that lead somewhere private, asked of a real DNS server: refused, whatever it answers the second time."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.name_server import NXDOMAIN, SILENCE, Answers, NameServer
from tests.harness.webhook_receivers import SECRET, attempt
from tocsin.connectors.guard import MAX_ADDRESSES, AddressRefused, PublicResolver
from tocsin.connectors.sinks.base import Reason, RetryLater
from tocsin.connectors.sinks.webhook import WebhookConfig, WebhookSink

PUBLIC = "93.184.216.34"
MANY = [f"93.184.{n // 250}.{n % 250 + 1}" for n in range(200)]

ANSWERS: dict[str, tuple[Answers, Reason]] = {
    "private": (["127.0.0.1"], Reason.ADDRESS_REFUSED),
    "the metadata service": (["169.254.169.254"], Reason.ADDRESS_REFUSED),
    "private in IPv6": (["::1"], Reason.ADDRESS_REFUSED),
    "mapped": (["::ffff:127.0.0.1"], Reason.ADDRESS_REFUSED),
    "unique local": (["fd00::1"], Reason.ADDRESS_REFUSED),
    "public and private": ([PUBLIC, "127.0.0.1"], Reason.ADDRESS_REFUSED),
    "private and public": (["10.0.0.1", PUBLIC], Reason.ADDRESS_REFUSED),
    "public in one family, private in the other": ([PUBLIC, "fe80::1"], Reason.ADDRESS_REFUSED),
    "one private of two hundred": ([*MANY, "192.168.0.1"], Reason.ADDRESS_REFUSED),
    "an alias of a private name": (["cname:inside.example", "127.0.0.1"], Reason.ADDRESS_REFUSED),
    "an alias that leads nowhere": (["cname:inside.example"], Reason.DNS_FAILED),
    "an alias of itself": (["cname:asked.example"], Reason.DNS_FAILED),
    "no such name": ([NXDOMAIN], Reason.DNS_FAILED),
    "no address": ([], Reason.DNS_FAILED),
}


def sink(server: NameServer, url: str = "https://asked.example/hook", timeout: float = 5.0) -> WebhookSink:
    config = WebhookConfig(url=url, secrets=(SECRET,), connect_timeout=timeout)
    return WebhookSink(config, name_servers=server.resolver())


@pytest.mark.parametrize(("answers", "reason"), ANSWERS.values(), ids=ANSWERS)
async def test_what_a_name_server_may_say(answers: Answers, reason: Reason) -> None:
    async with NameServer({"asked.example": answers}) as server, sink(server) as open_sink:
        assert await open_sink.deliver(attempt()) == RetryLater(reason=reason)
        assert sum(server.asked.values()) >= 1


async def test_a_name_server_that_says_nothing() -> None:
    async with NameServer({"asked.example": [SILENCE]}) as server, sink(server, timeout=0.5) as open_sink:
        outcome = await open_sink.deliver(attempt())
    assert isinstance(outcome, RetryLater)
    assert outcome.reason in (Reason.TIMEOUT, Reason.DNS_FAILED)


async def test_a_second_answer_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Public when it is asked, private afterwards (rebinding): what is connected to is what was looked at."""
    dialled: list[str] = []

    def listen(target: tuple[int, int, int, str, tuple[str, int]]) -> socket.socket:
        dialled.append(target[4][0])
        raise OSError("nobody leaves this test")

    monkeypatch.setattr("tocsin.connectors.egress.transport.dial_public", listen)

    def rebinding(question: int) -> list[str]:
        return [PUBLIC] if question == 0 else ["127.0.0.1"]

    async with NameServer({"asked.example": rebinding}) as server:
        async with sink(server) as open_sink:
            outcomes = [await open_sink.deliver(attempt(attempt=number)) for number in (1, 2)]
        assert set(dialled) == {PUBLIC}
        assert outcomes[0] == RetryLater(reason=Reason.CONNECT_FAILED)
        async with sink(server) as another:  # as after a restart: the name is asked for again
            assert await another.deliver(attempt(attempt=3)) == RetryLater(reason=Reason.ADDRESS_REFUSED)
    assert set(dialled) == {PUBLIC}


async def test_of_many_public_addresses_some_are_tried() -> None:
    async with NameServer({"asked.example": MANY}) as server:
        found = await PublicResolver(server.resolver()).resolve("asked.example", 443, socket.AF_INET)
    assert len(found) == MAX_ADDRESSES
    assert {each["host"] for each in found} <= set(MANY)


async def test_what_the_resolver_itself_refuses() -> None:
    async with NameServer({"asked.example": ["2002:7f00:1::"]}) as server:
        with pytest.raises(AddressRefused):
            await PublicResolver(server.resolver()).resolve("asked.example", 443, socket.AF_UNSPEC)


IN_A_WORLD_OF_ITS_OWN = ["unshare", "--map-root-user", "--net", "--mount"]
CLOSED = {"address_refused", "dns_failed"}


def test_the_systems_own_resolver() -> None:
    """The sink as it is delivered, with getaddrinfo and a name server on port 53."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("needs unshare and ip")
    if subprocess.run([*IN_A_WORLD_OF_ITS_OWN, "true"], capture_output=True, timeout=30).returncode:
        pytest.skip("this system lets nobody make a network namespace")
    command = [*IN_A_WORLD_OF_ITS_OWN, sys.executable, "-m", "tests.connectors.sinks.names_in_a_namespace"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    reasons = found["reasons"]
    # nobody is at a public address there: that it was tried is what counts
    assert reasons.pop("public.example") == ["connect_failed"] * 2
    assert reasons.pop("rebinding.example") == ["connect_failed", "address_refused"]
    assert {one for each in reasons.values() for one in each} == CLOSED
    assert reasons["mixed.example"] == reasons["private.example"] == ["address_refused"] * 2
    assert found["asked"] >= 14
