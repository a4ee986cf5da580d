"""Keys at two gateways of one bus: what another tenant learns, what a revoked key still opens, what is on record."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness.bus import Bus, Child
from tests.harness.certificates import write_certificates
from tests.harness.judging import read_topic
from tests.harness.two_tenants import MARK, belongings, guarded, nothing_is_told
from tests.harness.wiring import events_on
from tocsin.connectors.sealing import new_seal_key
from tocsin.schemas.events import AccessAudited, AuditOutcome, CredentialKind
from tocsin.streams.topology import TOPICS

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

POLLS, BETWEEN = 100, 0.05
"""How often the other gateway is asked until it knows; far more often than it takes."""


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@asynccontextmanager
async def two_gateways(bootstrap: str, prefix: str, folder: Path) -> AsyncIterator[tuple[Bus, Child, Child]]:
    (folder / "seal.key").write_text(new_seal_key())
    async with Bus(bootstrap, prefix, folder) as bus:
        bus.environment |= {
            "TOCSIN_ANONYMOUS": "off",
            "TOCSIN_SEAL_KEY": f"file:{folder / 'seal.key'}",
            "TOCSIN_TENANT_READS": "0",
        }
        one, other = await bus.start("gateway"), await bus.start("gateway")
        await asyncio.gather(one.ready(), other.ready())
        yield bus, one, other


async def first_key(bus: Bus, *arguments: str) -> str:
    """A key made straight in Kafka, by the command line."""
    code, said = await bus.run("keys", "create", *arguments, "--by", "ann", "--json")
    assert code == 0, said
    return str(json.loads(said.strip().splitlines()[-1])["key"])


async def made(http: aiohttp.ClientSession, url: str, admin: str, tenant: str, *scopes: str) -> dict[str, Any]:
    wish = {"name": f"{tenant} {'+'.join(scopes)}", "scopes": list(scopes), "by": "ann"}
    async with http.post(f"{url}/v1/keys?tenant={tenant}", json=wish, headers=bearer(admin)) as answer:
        said: dict[str, Any] = await answer.json(content_type=None)
        assert answer.status == 201, said
        return said


async def refused(http: aiohttp.ClientSession, method: str, url: str, key: str) -> int:
    """The status, once the gateway answers: of credentials that do not hold it takes so many a second."""
    while True:
        async with http.request(method, url, headers=bearer(key)) as answer:
            if answer.status != 429:
                return answer.status
            await asyncio.sleep(int(answer.headers["retry-after"]))


async def status_of(http: aiohttp.ClientSession, url: str, key: str) -> int:
    async with http.get(f"{url}/v1/silences", headers=bearer(key)) as answer:
        return answer.status


async def soon(http: aiohttp.ClientSession, url: str, key: str, status: int) -> None:
    """Wait until a gateway answers so to a key; by then it has followed the topic as far as that."""
    for _ in range(POLLS):
        if await status_of(http, url, key) == status:
            return
        await asyncio.sleep(BETWEEN)
    raise AssertionError(f"{url} still does not answer {status}")


async def records(bootstrap: str, prefix: str) -> list[tuple[str, bytes]]:
    """Everything in every topic of the bus: name, and key, value and headers."""
    found = []
    for spec in TOPICS:
        for partition in (await read_topic(bootstrap, prefix + spec.name)).values():
            found += [(spec.name, repr((one.key, one.value, one.headers)).encode()) for one in partition]
    return found


async def audit_of(bootstrap: str, prefix: str) -> list[AccessAudited]:
    return [event for event in await events_on(bootstrap, prefix, "audit") if isinstance(event, AccessAudited)]


async def test_two_tenants_at_two_gateways(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    """Everything of one tenant, asked for by the other with each of the routes; then what is on record, and where no
    key is to be found."""
    async with two_gateways(bootstrap, prefix, tmp_path) as (bus, one, other), aiohttp.ClientSession() as http:
        admin = await first_key(bus, "--scope", "admin", "--every-tenant")
        await soon(http, one.url, admin, 200)
        acme = await made(http, one.url, admin, "acme", "admin")
        globex = await made(http, one.url, admin, "globex", "admin")
        async with aiohttp.ClientSession(one.url) as theirs:
            has = await belongings(theirs, bearer(acme["key"]))
        later = await made(http, one.url, admin, "globex", "read")
        await soon(http, other.url, later["key"], 200)  # what came before it is known there by now
        async with aiohttp.ClientSession(other.url) as asking:
            assert await nothing_is_told(asking, has, bearer(globex["key"])) == []
            listed = await (await asking.get("/v1/keys", headers=bearer(acme["key"]))).text()
            assert MARK in listed  # it is there, for who may see it
            metrics = await (await asking.get("/metrics", headers=bearer(admin))).text()
        code, config = await bus.run("config")
        assert code == 0
        _, keys = await bus.run("keys", "list", "--json")
        await bus.stop(one, other)

        events = await audit_of(bootstrap, prefix)
        ended = {event.cause: event for event in events if event.cause is not None}
        changes = [event for event in events if event.outcome is AuditOutcome.ASKED]
        assert [event for event in changes if event.event_id not in ended] == []
        silences = [event for event in changes if event.action == "POST /v1/silences" and event.tenant == "acme"]
        assert [(event.key, event.who, event.credential) for event in silences] == [
            (acme["id"], "acme admin", CredentialKind.KEY)
        ]
        assert ended[silences[0].event_id].outcome is AuditOutcome.DONE
        first = next(event for event in changes if event.action == "key.create")
        assert (first.credential, first.who, first.target) == (CredentialKind.KAFKA, "ann", admin.split("_")[1])
        refused = {event.reason for event in events if event.tenant == "*" and event.outcome is AuditOutcome.REFUSED}
        assert "other-tenant" in refused

        secrets = [key.split("_", 2)[2] for key in (admin, acme["key"], globex["key"], later["key"])]
        stored = await records(bootstrap, prefix)
        assert {"inbox", "settings", "audit"} <= {topic for topic, _ in stored}
        places = {
            **{f"log of {child.name}": child.log.read_bytes() for child in bus.children},
            **{f"record {number} of {topic}": value for number, (topic, value) in enumerate(stored)},
            **{name: text.encode() for name, text in {"metrics": metrics, "config": config, "keys": keys}.items()},
        }
        assert [place for place, text in places.items() for secret in secrets if secret.encode() in text] == []


async def test_a_revoked_key_opens_nothing_at_any_gateway_and_never_again(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    async with two_gateways(bootstrap, prefix, tmp_path) as (bus, one, other), aiohttp.ClientSession() as http:
        admin = await first_key(bus, "--scope", "admin", "--tenant", "acme")
        await soon(http, one.url, admin, 200)
        key = await made(http, one.url, admin, "acme", "read")
        await soon(http, other.url, key["key"], 200)
        async with http.delete(f"{one.url}/v1/keys/{key['id']}", headers=bearer(admin)) as answer:
            assert answer.status == 200, await answer.text()
        assert await status_of(http, one.url, key["key"]) == 401
        await soon(http, other.url, key["key"], 401)
        code, said = await bus.run("keys", "revoke", admin.split("_")[1], "--by", "bob")
        assert code == 0, said
        await soon(http, one.url, admin, 401)
        await bus.stop(one, other)
        write_certificates(tmp_path)
        again = await (await bus.start("gateway", TOCSIN_TLS_CERTIFICATE=str(tmp_path / "server.pem"))).ready()
        assert again.url.startswith("https://127.0.0.1:")
        trusting = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=tmp_path / "ca.pem"))
        async with aiohttp.ClientSession(connector=trusting) as safe:
            assert [await status_of(safe, again.url, each) for each in (key["key"], admin)] == [401, 401]
            for method, route in guarded():
                assert await refused(safe, method, again.url + route, admin) == 401, (method, route)
        other_admin = await first_key(bus, "--scope", "admin", "--tenant", "acme")
        bus.environment |= {"SSL_CERT_FILE": str(tmp_path / "ca.pem"), "TOCSIN_API_KEY": other_admin}
        code, said = await bus.run("keys", "list", "--url", again.url)
        assert (code, other_admin.split("_")[1] in said) == (0, True), said
