"""The table of routes and scopes: it has every route, and each asks for what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from tests.connectors.gateway.conftest import serving
from tests.connectors.gateway.test_answers import SaidAnswers
from tests.connectors.gateway.test_silences import ListedSilences
from tests.harness.keys import Keyring
from tests.harness.stored import IDS, Happening, take_up, told_story
from tests.harness.two_tenants import MARK, MATCHERS, Belongings, asked, guarded, nothing_is_told, path_of
from tocsin.connectors.access import Scope
from tocsin.connectors.gateway import Access, GatewayConfig, Rate, build_gateway
from tocsin.connectors.gateway.didcomm import DidcommConfig
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.gateway.scopes import ROUTES, need_of
from tocsin.connectors.people.action_links import ActionLinks
from tocsin.connectors.publish import MemoryPublisher
from tocsin.connectors.redaction import Redaction
from tocsin.connectors.store import Store, address_of
from tocsin.schemas.events import EndpointCommandKind, KeySet
from tocsin.streams.ask import ask_routes
from tocsin.streams.ask.dead_facts import LettersAway, ReplayOutcome, ShownLetter
from tocsin.streams.ask.endpoint_facts import EndpointFacts, PeerHeld, Standings
from tocsin.streams.ask.event_routes import StreamPort
from tocsin.streams.ask.try_routes import InForce, RulesPort
from tocsin.streams.page import pages_of
from tocsin.streams.rules.config import DecideConfig, RuleBook, default_rulebook


class HeldKeys:
    """A `KeyPort` over a keyring."""

    def __init__(self, keyring: Keyring) -> None:
        self.keys = keyring.keys

    async def put(self, event: KeySet) -> None:
        self.keys.learn(event)


LINK_KEY = "k" * 32


class HeldEndpoints:
    """A `StandingPort` and a `SteeringPort` over one endpoint for each tenant that has one."""

    def __init__(self, **of_tenants: EndpointFacts) -> None:
        self.of_tenants = of_tenants or {"acme": EndpointFacts(name=MARK, origin="running", state="enabled")}
        self.held = [PeerHeld(endpoint="peers", breaker="open", held_by="breaker", failures=5)]
        self.steered: list[tuple[str, str, str]] = []

    async def every(self, tenant: str, *, everything: bool, told: Sequence[str]) -> Standings:
        """What the tenant has."""
        return Standings(endpoints=[one for owner, one in self.of_tenants.items() if owner == tenant])

    async def of_peer(self, peer: str, tenant: str, *, everything: bool) -> list[PeerHeld]:
        """The same of every peer."""
        return self.held

    async def steer(self, name: str, kind: EndpointCommandKind, by: str, why: str | None, ident: str) -> str | None:
        """Take it down."""
        if name not in {one.name for one in self.of_tenants.values()}:
            return None
        self.steered.append((name, kind.value, by))
        return "default"


class HeldLetters:
    """A `DeadPort` over letters by their ids; it notes what is replayed."""

    def __init__(self, **letters: ShownLetter) -> None:
        self.letters = letters or {"1:2": a_letter("acme", {"text": MARK})}
        self.replayed: list[tuple[str, str, str | None, bool]] = []
        self.outcome = ReplayOutcome(outcome="replayed", detail="It is on tocsin.inbox again.", topic="tocsin.inbox")
        self.away = False

    async def letter(self, partition: int, offset: int) -> ShownLetter | None:
        """The letter."""
        if self.away:
            raise LettersAway
        return self.letters.get(f"{partition}:{offset}")

    async def replay(self, partition: int, offset: int, by: str, *, tenant: str | None, again: bool) -> ReplayOutcome:
        """As the port promises."""
        found = await self.letter(partition, offset)
        if found is None or (tenant is not None and found.tenant != tenant):
            return ReplayOutcome(outcome="not_found", detail="")
        self.replayed.append((f"{partition}:{offset}", by, tenant, again))
        return self.outcome


def a_letter(tenant: str | None, content: dict[str, Any] | None = None, **more: Any) -> ShownLetter:
    """One letter."""
    fields = {"reason": "raised", "stage": "decide", "topic": "tocsin.inbox", "type": "ProblemReported"}
    known: dict[str, Any] = {
        "claimed": False, "fields": fields, "headers": {}, "text": None, "replayed": False, "refusal": None,
    }  # fmt: skip
    return ShownLetter(tenant=tenant, content=content, **known | more)


class HeldRules:
    """A `RulesPort` of rules that hold for everybody."""

    def __init__(self, book: RuleBook | None = None, **more: Any) -> None:
        self.config = DecideConfig(book=book or default_rulebook(), **more)

    async def in_force(self, tenant: str) -> InForce:
        """The rules."""
        return InForce(config=self.config, redaction=Redaction())


async def ready() -> bool:
    return True


_pages = cache(pages_of)
"""Templates are compiled once for all gateways of the tests: that is nine tenths of what it costs to make one."""


def whole_app(
    keyring: Keyring,
    store: Store | None = None,
    *,
    public_url: str | None = None,
    happening: StreamPort | None = None,
    waits: Sequence[float] = (0.01,),
    endpoints: HeldEndpoints | None = None,
    letters: HeldLetters | None = None,
    rules: RulesPort | None = None,
    silences: ListedSilences | None = None,
    **config: Any,
) -> Any:
    """A gateway that has every route, over a store, and what happens meanwhile.

    Whoever opened the store closes it: its connections outlive the gateway.
    """
    store, pages = store or Store(address_of("sqlite:///nowhere/store.db")), _pages(public_url)
    endpoints = endpoints or HeldEndpoints()
    return build_gateway(
        GatewayConfig(tenant_documents=Rate(0, 0), tenant_reads=Rate(0, 0), **config),
        MemoryPublisher(),
        ready,
        CollectorRegistry(),
        Ports(
            silences=silences or ListedSilences(),
            answers=SaidAnswers(),
            subscriptions=cast(Any, object()),
            links=ActionLinks("http://localhost", [LINK_KEY]),
            didcomm=(DidcommConfig(), cast(Any, type("Packer", (), {"own": ()})())),
            access=Access(keys=keyring.keys),
            keys=HeldKeys(keyring),
            steering=endpoints,
            pages=pages,
            more=ask_routes(
                store,
                public_url,
                happening or Happening(),
                waits=waits,
                pages=pages,
                standings=endpoints,
                letters=letters or HeldLetters(),
                rules=rules or HeldRules(),
            ),
        ),
    )


def routes_of(routes: Any) -> Iterator[tuple[str, str]]:
    """Method and path of every route, also of those in routers that are included."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes_of(inner.routes)
        else:
            yield from ((method, route.path) for method in route.methods)


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[tuple[aiohttp.ClientSession, Keyring]]:
    """It has one of everything of acme's in its store."""
    keyring, address = Keyring(), f"sqlite:///{tmp_path / 'store.db'}"
    await take_up(address, told_story("acme", MARK))
    async with (
        Store(address_of(address)) as store,
        serving(whole_app(keyring, store, anonymous="off")) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        yield http, keyring


def test_the_table_has_every_route_and_no_other() -> None:
    there = set(routes_of(whole_app(Keyring()).router.routes))
    assert there == {(method, route) for route, needs in ROUTES.items() for method in needs}


async def test_without_a_credential_nobody_gets_further(whole: tuple[aiohttp.ClientSession, Keyring]) -> None:
    http, _ = whole
    for method, route in guarded():
        status, body = await asked(http, method, route, lambda _: "x", {})
        assert (status, "urn:tocsin:problem:no-credential" in body) == (401, True), (method, route)


@pytest.mark.parametrize("scope", list(Scope))
async def test_each_route_asks_for_its_scope(whole: tuple[aiohttp.ClientSession, Keyring], scope: Scope) -> None:
    """A credential with this scope alone gets past the door by the routes that name it (admin: by all of a tenant's),
    and by no other."""
    http, keyring = whole
    header = keyring.header("*" if scope is Scope.METRICS else "acme", scope)
    for method, route in guarded():
        need = need_of(method, route)
        may = need is scope or (scope is Scope.ADMIN and need is not Scope.METRICS)
        status, body = await asked(http, method, route, lambda _: "x", header)
        assert ("urn:tocsin:problem:scope-missing" not in body) is may, (method, route, status, body)
        assert may or status == 403


async def test_another_tenant_learns_nothing_by_any_route(whole: tuple[aiohttp.ClientSession, Keyring]) -> None:
    """The same over a whole bus, and with subscriptions: tests/e2e/test_access.py."""
    http, keyring = whole
    acme = keyring.header("acme")
    silence = {"by": "ann", "for": "1h", "matchers": MATCHERS, "why": MARK}
    async with http.post("/v1/silences", json=silence, headers=acme) as answer:
        silent = (await answer.json())["silence"]
    async with http.post("/v1/keys", json={"name": MARK, "scopes": ["read"], "by": "ann"}, headers=acme) as answer:
        key = (await answer.json())["id"]
    async with http.post("/v1/problems/p-1/resolve", json={"by": "ann"}, headers=acme) as answer:
        command = (await answer.json())["event_id"]
    has = Belongings({**IDS, "target": "p-1", "silence": silent, "key": key, "command": command, "name": MARK})
    assert await nothing_is_told(http, has, keyring.header("globex"), "/v1/subscriptions") == []
    assert MARK in (await asked(http, "GET", "/v1/silences", has.of, acme))[1]
    assert (await asked(http, "GET", "/v1/commands/{command}", has.of, acme))[0] == 200
    for method, route in guarded():
        if need_of(method, route) is Scope.READ and not route.startswith("/v1/subscriptions"):
            assert (await asked(http, method, route, has.of, acme))[0] == 200, f"acme itself is told by {route}"


async def test_what_one_tenant_is_told_no_cache_tells_another(whole: tuple[aiohttp.ClientSession, Keyring]) -> None:
    """A cache before the gateway knows Authorization, and neither cookies nor x-api-key: it is told by each answer."""
    http, keyring = whole
    key = {"x-api-key": keyring.text("acme", "admin")}
    for route in (route for method, route in guarded() if method == "GET"):
        for ids in (IDS, {}):
            async with http.get(path_of(route, lambda name, ids=ids: ids.get(name, "x")), headers=key) as answer:
                kept = answer.headers.get("cache-control", "")
                assert kept.startswith("private") or kept == "no-store", (route, answer.status, kept)


async def test_a_route_without_a_row_is_refused_to_everybody() -> None:
    keyring = Keyring()
    app = whole_app(keyring)

    async def forgotten() -> str:
        return "secret"

    app.add_api_route("/v1/forgotten", forgotten)

    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        status, body = await asked(http, "GET", "/v1/forgotten", str, keyring.header("*"))
        assert (status, "secret" in body) == (500, False)
