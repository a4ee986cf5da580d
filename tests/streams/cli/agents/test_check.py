"""`tocsin agents check` against a real gateway, and what may stand where one should: what it says, how it ends."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from tests.connectors.gateway.conftest import serving
from tests.connectors.sources.identus.events import event
from tests.harness.certificates import write_certificates
from tests.harness.keys import Keyring
from tocsin.connectors.gateway import Access, GatewayConfig, build_gateway
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.publish import MemoryPublisher
from tocsin.streams.cli.main import application
from tocsin.streams.processes.exit_codes import CommandFailed

ACAPY, IDENTUS = "/v1/agents/acapy", "/v1/agents/identus"


class World:
    """A gateway that wants keys, and the command line."""

    def __init__(self) -> None:
        self.keyring, self.publisher, self.ready, self.url = Keyring(), MemoryPublisher(), True, ""

    async def check(self, *words: str, key: str | None = None) -> tuple[int, str]:
        """The exit code, and all that was said; `key` is the one that may read."""
        return await asyncio.to_thread(self._check, list(words), {"TOCSIN_API_KEY": key})

    def _check(self, words: list[str], around: dict[str, str | None]) -> tuple[int, str]:
        ended = CliRunner().invoke(application("agents"), ["agents", "check", *words], env=around)
        if isinstance(ended.exception, CommandFailed):
            return ended.exception.exit_code, str(ended.exception)
        return ended.exit_code, ended.stdout

    async def send(self, path: str, document: Any, key: str) -> int:
        headers = {"authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(self.url) as http, http.post(path, json=document, headers=headers) as answer:
            return answer.status


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()

    async def ready() -> bool | str:
        return made.ready or "Kafka does not answer"

    app = build_gateway(
        GatewayConfig(anonymous="off"), made.publisher, ready, CollectorRegistry(),
        Ports(access=Access(keys=made.keyring.keys), wallets={"w-globex": "globex"}),
    )  # fmt: skip
    async with serving(app) as port:
        made.url = f"http://127.0.0.1:{port}"
        yield made


# address (KEY is replaced), scopes of the key -> exit code, words that are said
FAULTS: dict[str, tuple[str, tuple[str, ...], int, str]] = {
    "no key": (f"{ACAPY}/acme", (), 1, "append #KEY to the address"),
    "no key, of Identus": (f"{IDENTUS}/acme", (), 1, "GLOBAL_WEBHOOK_API_KEY"),
    "a key of another bus": (f"{ACAPY}/acme#tocsin_aaaa_bbbb", (), 1, "the key does not hold"),
    "a key that may not publish": (f"{ACAPY}/acme#KEY", ("read",), 1, "the key may read, and not publish"),
    "another tenant's key": (f"{ACAPY}/globex#KEY", ("publish",), 1, "the key is another tenant's than globex"),
    "a path that is none": ("/v1/agent/acapy/acme#KEY", ("publish",), 1, "is no path of a webhook"),
    "no path": ("", (), 1, "ACA-Py: https://bus.example.org/v1/agents/acapy/TENANT#KEY"),
    "an agent that is not known": ("/v1/agents/credo/acme", (), 1, "behind /v1/agents/ stand acapy or identus"),
    "the topic is in the address": (
        f"{ACAPY}/acme/topic/connections/#KEY", ("publish",), 1, "without it, /v1/agents/acapy/acme",
    ),
    "a proxy's prefix": (f"/bus{ACAPY}/acme#KEY", ("publish",), 1, "a proxy may have changed it"),
    "a fragment for Identus": (f"{IDENTUS}/acme#KEY", ("publish",), 1, "is a key for ACA-Py alone"),
    "a query": (f"{ACAPY}/acme?key=x", (), 1, "a query or a user"),
    "letters that HTTP has not": (f"{ACAPY}/acme#clé", (), 2, "visible ASCII characters"),
    "two lines": (f"{ACAPY}/acme#a\r\nx-more: 1", (), 2, "visible ASCII characters"),
    "a space in the host": (f" {ACAPY}", (), 2, "that is no address"),
    "right, for ACA-Py": (f"{ACAPY}/acme#KEY", ("publish",), 0, "of tenant acme, as the address says"),
    "a slash at the end": (f"{ACAPY}/acme/#KEY", ("publish",), 1, "set it without the / at its end"),
    "right, without a tenant": (f"{ACAPY}#KEY", ("publish",), 0, "of tenant acme, as the key says"),
}  # fmt: skip


@pytest.mark.parametrize(("address", "scopes", "code", "words"), FAULTS.values(), ids=list(FAULTS))
async def test_what_it_says_and_how_it_ends(
    world: World, address: str, scopes: tuple[str, ...], code: int, words: str
) -> None:
    key = world.keyring.text("acme", *scopes) if scopes else ""
    ended, said = await world.check(world.url + address.replace("KEY", key))
    assert (ended, words in said) == (code, True), said
    assert not key or key not in said
    assert world.publisher.events == [], "nothing of a probe is stored"


async def test_identus_and_its_wallets(world: World, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text(world.keyring.text("*", "publish"))
    key = f"file:{secret}"
    for more, words in (
        (["--wallet", "w-globex"], "of tenant globex, as its wallet says"),
        (["--wallet", "w-other"], "of tenant default, since neither the address nor the key names one"),
    ):
        ended, said = await world.check(world.url + IDENTUS, "--key", key, *more)
        assert (ended, words in said) == (0, True), said
    code, said = await world.check(world.url + IDENTUS, "--key", key, "--json")
    found = json.loads(said)
    assert (code, found["ok"], found["probe"]["source"], found["probe"]["tenant_by"]) == (0, True, "identus", "default")
    assert found["probe"]["would"][0]["became"] == ["record_changed", "connection_opened"]


async def test_what_was_heard_lately(world: World) -> None:
    """Only of the tenant, only with a key that may read; --since fails until a message came that was taken."""
    publish, read = world.keyring.text("acme", "publish"), world.keyring.text("acme", "read")
    address = f"{world.url}{ACAPY}/acme#{publish}"
    code, said = await world.check(address, "--since", "1h", key=read)
    assert (code, "messages since then: none" in said) == (1, True), said
    assert await world.send(f"{IDENTUS}/acme", {"type": "WalletUpdated", "data": {}}, publish) == 202
    assert (await world.check("--url", world.url, "--since", "1h", key=read))[0] == 1, "it became nothing"
    assert await world.send(f"{IDENTUS}/acme", event("PresentationUpdated", left=2), publish) == 202
    assert await world.send(f"{IDENTUS}/acme", {"data": {}}, publish) == 422
    code, said = await world.check("--url", world.url, "--since", "1h", key=read)
    assert code == 0, said
    assert "PresentationUpdated: 1" in said
    assert "record_changed, problem error:Connection:FailureInfo" in said
    assert "events of type WalletUpdated are not known" in said
    assert "refused: " in said
    assert (await world.check(address, "--since", "1h", key=read))[0] == 1, "nothing of ACA-Py came"
    assert (await world.check("--url", world.url, "--since", "0s", key=read))[0] == 1, "nothing since now"
    code, said = await world.check(address, key=publish)
    assert (code, "is not known" in said) == (0, True), "what was heard is told to nobody who may not read"
    assert (await world.check(address, "--since", "1h", key=publish))[0] == 1
    code, said = await world.check("--url", world.url, key=world.keyring.text("globex", "read"))
    assert (code, "nothing was heard yet" in said) == (0, True), said


async def test_a_gateway_that_is_not_ready(world: World) -> None:
    world.ready = False
    address = f"{world.url}{ACAPY}/acme#{world.keyring.text('acme', 'publish')}"
    code, said = await world.check(address)
    assert (code, "the gateway is not ready" in said) == (1, True), said


@contextmanager
def standing_in(status: int, headers: dict[str, str], body: bytes, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


# status, headers, body -> words
OTHERS: dict[str, tuple[int, dict[str, str], bytes, str]] = {
    "a redirect": (302, {"location": "https://elsewhere.example/"}, b"", "it redirects to https://elsewhere.example/"),
    "another server": (404, {}, b"<html>", "no gateway of Tocsin"),
    "another server, that is pleased": (200, {}, b"ok", "no gateway of Tocsin"),
    "a gateway of an older release": (202, {}, b"{}", "or of an older release"),
    "a proxy without a gateway": (502, {}, b"", "a proxy answers (HTTP 502)"),
    "another refusal": (
        429, {}, b'{"type": "urn:tocsin:problem:rate-limited", "detail": "Come later."}', "refuses it: Come later.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("status", "headers", "body", "words"), OTHERS.values(), ids=list(OTHERS))
async def test_what_is_no_gateway(status: int, headers: dict[str, str], body: bytes, words: str) -> None:
    with standing_in(status, headers, body) as port:
        code, said = await World().check(f"http://127.0.0.1:{port}{ACAPY}")
    assert (code, words in said) == (1, True), said


async def test_what_cannot_be_reached(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        code, said = await World().check(f"http://127.0.0.1:{taken.getsockname()[1]}{ACAPY}")
    assert (code, "nothing listens there" in said) == (69, True), said
    code, said = await World().check(f"http://no-such-host.invalid{ACAPY}")
    assert (code, "no host has that name" in said) == (69, True), said
    write_certificates(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem")
    with standing_in(200, {}, b"", tls) as port:
        code, said = await World().check(f"https://127.0.0.1:{port}{ACAPY}")
        assert (code, "its certificate is not trusted here" in said) == (69, True), said
        code, said = await World().check(f"http://127.0.0.1:{port}{ACAPY}")
        assert (code, "try https://" in said) == (69, True), said
    with standing_in(200, {}, b"") as port:
        code, said = await World().check(f"https://127.0.0.1:{port}{ACAPY}")
        assert (code, "it does not speak TLS" in said) == (69, True), said
