"""Who is let in at the door, how it is said, and that what changes something is on record before it is done."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from tests.connectors.gateway.conftest import serving
from tests.connectors.gateway.test_silences import SILENCE, ListedSilences
from tests.harness.keys import Keyring
from tocsin.connectors.access import AuditBook, Caller, CredentialRefused, RefusedFor, Scope, network_of
from tocsin.connectors.access.audit import MAX_COUNTED
from tocsin.connectors.gateway import Access, GatewayConfig, Rate, build_gateway, credentials
from tocsin.connectors.gateway.access_kinds import TOKEN_KEYS_AWAY
from tocsin.connectors.gateway.credentials import Way
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.gateway.rates import Guesses, Payer, TenantRates
from tocsin.connectors.publish import KafkaAway, MemoryPublisher
from tocsin.schemas.events import AccessAudited, AuditOutcome, CredentialKind

TOKEN = "aaa.bbb.ccc"


class ListedAudit:
    """An `Audit` in lists; `failure` is what Kafka says."""

    def __init__(self) -> None:
        self.written: list[AccessAudited] = []
        self.counted: list[AccessAudited] = []
        self.failure: Exception | None = None

    async def write(self, event: AccessAudited) -> None:
        if self.failure is not None:
            raise self.failure
        self.written.append(event)

    def count(self, event: AccessAudited) -> None:
        self.counted.append(event)

    def soon(self, event: AccessAudited) -> None:
        self.written.append(event)


class OneToken:
    """Takes one token, or none while its keys are away."""

    away = False

    async def caller(self, token: str) -> Caller:
        if self.away:
            raise Refusal(TOKEN_KEYS_AWAY)
        if token != TOKEN:
            raise CredentialRefused(RefusedFor.BAD_SIGNATURE)
        scopes = frozenset({Scope.READ})
        return Caller(tenant="acme", scopes=scopes, name="agent-7", kind=CredentialKind.TOKEN)


class Door:
    """A gateway, and all that stands round it."""

    def __init__(self) -> None:
        self.keyring, self.audit, self.tokens = Keyring(), ListedAudit(), OneToken()
        self.publisher, self.silences = MemoryPublisher(), ListedSilences()
        self.http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, document: Any = None, **headers: str) -> tuple[int, Any, Any]:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.request(method, path, json=document, headers=said) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers


@asynccontextmanager
async def a_door(**config: Any) -> AsyncIterator[Door]:
    door = Door()

    async def ready() -> bool:
        return True

    known: dict[str, Any] = {"anonymous": "off", "tenant_reads": Rate(0, 0)}
    app = build_gateway(
        GatewayConfig(**known | config), door.publisher, ready, CollectorRegistry(), Ports(silences=door.silences,
        access=Access(keys=door.keyring.keys, tokens=door.tokens, audit=door.audit)),
    )  # fmt: skip
    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as door.http:
        yield door


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with a_door() as made:
        yield made


# how a key is said -> status, and the kind of problem
SAID: dict[str, tuple[Any, int, str]] = {
    "as a bearer": (lambda key: {"authorization": f"Bearer {key}"}, 200, ""),
    "in small letters, with spaces": (lambda key: {"authorization": f"bearer   {key} "}, 200, ""),
    "as ACA-Py says it": (lambda key: {"x_api_key": key}, 200, ""),
    "not at all": (lambda key: {}, 401, "no-credential"),
    "twice": (lambda key: {"authorization": f"Bearer {key}", "x_api_key": key}, 401, "two-credentials"),
    "without a scheme": (lambda key: {"authorization": key}, 401, "bad-credential"),
    "as a password": (
        lambda key: {"authorization": f"Basic {base64.b64encode(f'u:{key}'.encode()).decode()}"}, 401, "bad-credential",
    ),
    "as nothing": (lambda key: {"authorization": "Bearer "}, 401, "bad-credential"),
    "as something else": (lambda key: {"authorization": "Bearer hunter2"}, 401, "bad-credential"),
    "as two in one": (lambda key: {"authorization": f"Bearer {key},{key}"}, 401, "bad-credential"),
}  # fmt: skip


@pytest.mark.parametrize(("how", "status", "kind"), SAID.values(), ids=list(SAID))
async def test_how_a_key_is_said(door: Door, how: Any, status: int, kind: str) -> None:
    key = door.keyring.text("acme", "read")
    got, said, headers = await door.ask("GET", "/v1/silences", **how(key))
    assert (got, said.get("type", "").rpartition(":")[2]) == (status, kind)
    assert (status == 401) == headers.get("www-authenticate", "").startswith("Bearer realm=")
    assert key not in json.dumps(said)


async def test_a_key_in_the_url_is_refused_though_it_holds(door: Door) -> None:
    key = door.keyring.text("acme", "read")
    for name in ("api_key", "access_token", "q", "Tenant"):
        status, said, _ = await door.ask("GET", f"/v1/silences?{name}={key}", authorization=f"Bearer {key}")
        assert (status, said["type"].rpartition(":")[2]) == (401, "credential-in-url")


# where a key stands, on a route with a way of its own -> status, and the kind of problem
OTHERWISE: dict[str, tuple[Any, str, int, str]] = {
    "in its header": (lambda key: {"x_other": f"key={key}"}, "", 200, ""),
    "in its parameter": (lambda key: {}, "?other={}", 200, ""),
    "in both, the same": (lambda key: {"x_other": f"key={key}"}, "?other={}", 200, ""),
    "in both, not the same": (lambda key: {"x_other": "key=x"}, "?other={}", 401, "two-credentials"),
    "in another parameter": (lambda key: {}, "?another={}", 401, "credential-in-url"),
    "in its header, not as it should": (lambda key: {"x_other": key}, "", 401, "no-credential"),
    "beside a bearer": (lambda key: {"authorization": f"Bearer {key}"}, "?other={}", 401, "two-credentials"),
}


@pytest.mark.parametrize(("how", "query", "status", "kind"), OTHERWISE.values(), ids=list(OTHERWISE))
async def test_a_way_that_one_route_has(
    door: Door, monkeypatch: pytest.MonkeyPatch, how: Any, query: str, status: int, kind: str
) -> None:
    def keys_in(text: str) -> list[str]:
        return [text.removeprefix("key=")] if text.startswith("key=") else []

    key, way = door.keyring.text("acme", "read"), Way(header="x-other", keys_in=keys_in, parameter="other")
    monkeypatch.setattr(credentials, "WAYS", {"/v1/silences": way})
    got, said, _ = await door.ask("GET", f"/v1/silences{query.format(key)}", **how(key))
    assert (got, said.get("type", "").rpartition(":")[2]) == (status, kind)
    monkeypatch.setattr(credentials, "WAYS", {"/v1/keys": way})
    assert (await door.ask("GET", f"/v1/silences{query.format(key)}", x_other=f"key={key}"))[0] == 401


async def test_a_missing_scope_is_said_with_those_that_are_there(door: Door) -> None:
    status, said, headers = await door.ask("POST", "/v1/silences", SILENCE, **door.keyring.header("acme", "read"))
    assert (status, said["needed"], said["scopes"]) == (403, "command", ["read"])
    assert 'error="insufficient_scope"' in headers["www-authenticate"]


async def test_a_token_lets_in_and_is_503_while_its_keys_are_away(door: Door) -> None:
    assert (await door.ask("GET", "/v1/silences", authorization=f"Bearer {TOKEN}"))[0] == 200
    assert (await door.ask("GET", "/v1/silences", authorization="Bearer a.b.c"))[0] == 401
    door.tokens.away = True
    status, said, headers = await door.ask("GET", "/v1/silences", authorization=f"Bearer {TOKEN}")
    assert (status, said["type"].rpartition(":")[2], headers["retry-after"]) == (503, "token-keys-away", "10")
    assert (await door.ask("GET", "/v1/silences", **door.keyring.header("acme", "read")))[0] == 200


async def test_on_this_machine_a_wrong_key_is_still_refused() -> None:
    async with a_door(anonymous="loopback") as door:
        assert (await door.ask("GET", "/v1/silences"))[0] == 200
        assert (await door.ask("GET", "/v1/silences", authorization="Bearer tocsin_x"))[0] == 401
        assert (await door.ask("GET", "/v1/silences", x_forwarded_for="192.0.2.1"))[0] == 401


async def test_who_guesses_is_held_up_and_who_has_a_key_is_not(door: Door) -> None:
    statuses = [(await door.ask("GET", "/v1/silences", authorization=f"Bearer {n}"))[0] for n in range(80)]
    assert statuses[:50] == [401] * 50
    assert 429 in statuses[50:]
    assert (await door.ask("GET", "/v1/silences", **door.keyring.header("acme", "read")))[0] == 200


def test_guesses_from_one_address_do_not_count_for_another() -> None:
    guesses = Guesses(clock=lambda: 0.0)
    for _ in range(50):
        guesses.allow("192.0.2.1")
        guesses.count("192.0.2.1")
    with pytest.raises(Refusal):
        guesses.allow("192.0.2.1")
    guesses.allow("192.0.2.2")


async def test_what_changes_something_is_on_record_before_it_is_done(door: Door) -> None:
    header = door.keyring.header("acme", "command")
    door.audit.failure = KafkaAway("x")
    assert (await door.ask("POST", "/v1/silences", SILENCE, **header))[0] == 503
    assert door.silences.stored == []
    door.audit.failure = None
    assert (await door.ask("POST", "/v1/silences", SILENCE, **header))[0] == 202
    asked, done = door.audit.written
    assert (asked.outcome, asked.tenant, asked.who) == (AuditOutcome.ASKED, "acme", "a key of acme")
    assert (done.cause, done.outcome, done.status) == (asked.event_id, AuditOutcome.DONE, 202)
    assert (done.action, done.address) == ("POST /v1/silences", "127.0.0.1")


async def test_how_it_ended_is_on_record_too(door: Door) -> None:
    header = door.keyring.header("acme", "command")
    assert (await door.ask("DELETE", "/v1/silences/s-1", tocsin_by="ann", **header))[0] == 404
    assert (await door.ask("POST", "/v1/silences", {}, **header))[0] == 422
    door.silences.failure = RuntimeError("a fault of ours")
    assert (await door.ask("POST", "/v1/silences", SILENCE, **header))[0] == 500
    ends = [(event.outcome.value, event.status, event.target) for event in door.audit.written if event.cause]
    assert ends == [("refused", 404, "s-1"), ("refused", 422, None), ("failed", 500, None)]


async def test_reports_and_reads_and_what_is_refused_are_counted(door: Door) -> None:
    key = door.keyring.header("acme", "publish", "read")
    await door.ask("POST", "/v1/problems", {"code": "e.p.x"}, **key)
    await door.ask("GET", "/v1/silences", **key)
    await door.ask("GET", "/v1/silences?tenant=other", **key)
    await door.ask("GET", "/v1/silences", authorization="Bearer " + door.keyring.text()[:-1] + "!")
    told = [(event.action, event.tenant, event.outcome.value, event.reason) for event in door.audit.counted]
    assert told == [
        ("key.use publish", "acme", "done", None),
        ("key.use read", "acme", "done", None),
        ("GET /v1/silences", "*", "refused", "other-tenant"),
        ("GET /v1/silences", "*", "refused", "bad-credential: unknown"),
    ]


def an_event(**changes: Any) -> AccessAudited:
    known: dict[str, Any] = {
        "event_id": "e", "tenant": "acme", "occurred_at": 1, "recorded_at": 1, "action": "key.use read",
        "credential": CredentialKind.KEY, "outcome": AuditOutcome.DONE,
    }  # fmt: skip
    return AccessAudited(**known | changes)


def test_the_same_use_is_one_event_and_strangers_are_bounded() -> None:
    book = AuditBook()
    for number in range(3):
        book.count(an_event(event_id=f"e-{number}", occurred_at=number))
    assert [(event.count, event.event_id, event.occurred_at) for event in book.take()] == [(3, "e-2", 2)]
    assert book.take() == []
    for number in range(2 * MAX_COUNTED):
        book.count(an_event(address=f"{number}"))
    taken = book.take()
    assert len(taken) == MAX_COUNTED + 1
    assert sum(event.count for event in taken) == 2 * MAX_COUNTED


ADDRESSES = {
    "IPv4": ("192.0.2.77", False, "192.0.2.0/24"),
    "IPv6": ("2001:db8:1:2::3", False, "2001:db8:1::/48"),
    "IPv4 in IPv6": ("::ffff:192.0.2.77", False, "192.0.2.0/24"),
    "this machine": ("127.0.0.1", False, "127.0.0.1"),
    "the whole of it": ("192.0.2.77", True, "192.0.2.77"),
    "none": ("testclient", False, None),
    "nobody": (None, False, None),
}


@pytest.mark.parametrize(("address", "kept", "shown"), ADDRESSES.values(), ids=list(ADDRESSES))
def test_how_much_of_an_address_is_kept(address: str | None, kept: bool, shown: str | None) -> None:
    assert network_of(address, kept) == shown


def refused(ask: Any) -> tuple[str, int] | None:
    try:
        ask()
    except Refusal as refusal:
        return str(refusal.more["limit"]), int(str(refusal.more["retry_after"]))
    return None


def test_a_key_has_a_rate_of_its_own_within_its_tenants() -> None:
    rates = TenantRates(Rate(0, 0), Rate(0, 0), lambda: 0.0)
    slow, other = Payer("acme", "k-1", 2), Payer("acme", "k-2")
    for _ in range(10):
        rates.charge_documents(slow, 1)
    assert refused(lambda: rates.charge_documents(slow, 1)) == ("documents of this key", 1)
    assert refused(lambda: rates.admit(slow)) == ("documents of this key", 1)
    assert refused(lambda: rates.charge_documents(other, 1000)) is None


def test_keys_of_a_tenant_share_its_rate() -> None:
    rates = TenantRates(Rate(1, 2), Rate(0, 0), lambda: 0.0)
    rates.charge_documents(Payer("acme", "k-1"), 1)
    rates.charge_documents(Payer("acme", "k-2"), 1)
    assert refused(lambda: rates.charge_documents(Payer("acme"), 1)) == ("documents", 1)
    assert refused(lambda: rates.charge_documents(Payer("globex"), 1)) is None


def test_reads_and_streams_have_limits_of_their_own() -> None:
    rates = TenantRates(Rate(1, 1), Rate(0, 0), lambda: 0.0, reads=Rate(1, 2), streams=2)
    acme = Payer("acme")
    rates.charge_read(acme)
    rates.charge_read(acme)
    assert refused(lambda: rates.charge_read(acme)) == ("reads", 1)
    with rates.stream(acme), rates.stream(acme):
        with pytest.raises(Refusal, match="too-many-streams"), rates.stream(acme):
            pass
        with rates.stream(Payer("globex")):
            pass
    with rates.stream(acme):
        pass


async def test_too_many_reads_are_429_with_retry_after() -> None:
    async with a_door(tenant_reads=Rate(0.01, 1)) as door:
        header = door.keyring.header("acme", "read")
        first, second = [await door.ask("GET", "/v1/silences", **header) for _ in range(2)]
        assert (first[0], second[0], second[2]["retry-after"]) == (200, 429, "100")
        assert (await door.ask("GET", "/v1/silences", **door.keyring.header("globex", "read")))[0] == 200
