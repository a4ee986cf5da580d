"""Two tenants at one gateway: what one is answered who asks for what the other has, by every route there is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import aiohttp
from msgspec import Struct

from tocsin.connectors.access import Scope
from tocsin.connectors.gateway.scopes import ROUTES

MARK = "only-acme-knows"
"""It stands in everything that acme has."""

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MATCHERS = [{"field": "code", "operator": "equal", "value": MARK}]
BODIES: Mapping[tuple[str, str], object] = {
    ("POST", "/v1/problems"): {"code": "e.p.x"},
    ("POST", "/v1/activity"): {"kind": "job_started"},
    ("POST", "/v1/batch"): [{"problem": {"code": "e.p.x"}}],
    ("POST", "/v1/try"): {"code": "e.p.x"},
    ("POST", "/v1/silences"): {
        "by": "bob", "for": "1h", "matchers": [{"field": "code", "operator": "equal", "value": "e"}],
    },
    ("POST", "/v1/keys"): {"name": "a key of bob", "scopes": ["read"]},
}  # fmt: skip
"""Bodies of routes that take another one than an empty object."""


class Belongings(Struct, frozen=True):
    """Ids of what acme has, by the name of the parameter in a path."""

    ids: Mapping[str, str]

    def of(self, parameter: str) -> str:
        """The id; of a parameter that is not known, that of a problem."""
        return self.ids.get(parameter, self.ids["target"])


async def belongings(http: aiohttp.ClientSession, acme: Mapping[str, str]) -> Belongings:
    """Give acme one of everything that can be made over HTTP."""

    async def made(path: str, document: object, name: str) -> str:
        async with http.post(path, json=document, headers={**acme, "tocsin-by": "ann"}) as answer:
            said = await answer.json(content_type=None)
            assert answer.status < 300, (path, answer.status, said)
            return str(said[name])

    problem = await made("/v1/problems", {"code": "e.p.x", "text": MARK}, "event_id")
    return Belongings({
        "target": problem,
        "command": await made(f"/v1/problems/{problem}/acknowledge", {"why": MARK}, "event_id"),
        "silence": await made("/v1/silences", {"for": "1h", "matchers": MATCHERS, "why": MARK}, "silence"),
        "name": await made(
            "/v1/subscriptions", {"name": MARK, "url": "https://hooks.example/x", "match": {"code": [MARK]}}, "name"
        ),
        "key": await made("/v1/keys", {"name": MARK, "scopes": ["read"]}, "id"),
    })  # fmt: skip


def guarded() -> list[tuple[str, str]]:
    """Every method and route that asks for a credential."""
    return [(method, route) for route, needs in ROUTES.items() for method, need in needs.items() if _is_scope(need)]


def _is_scope(need: object) -> bool:
    return isinstance(need, Scope)


def path_of(route: str, ids: Any) -> str:
    """The path of a route with these ids; a tenant in it is acme, whoever asks."""
    path = re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: str(ids(found[1])), route.replace("{tenant}", "acme"))
    return f"{path}?about={ids('problem')}" if route == "/v1/deliveries" else path


async def asked(
    http: aiohttp.ClientSession, method: str, route: str, ids: Any, headers: Mapping[str, str], query: str = ""
) -> tuple[int, str]:
    """Status and body of a request to a route; ids that are its own in each answer are taken out."""
    path, sent = path_of(route, ids), None
    path += query.replace("?", "&") if "?" in path else query
    if method not in ("GET", "HEAD"):
        sent = json.dumps(BODIES.get((method, route), {})).encode()
    said = {"content-type": "application/json", "tocsin-by": "bob", **headers}
    async with http.request(method, path, data=sent, headers=said) as answer:
        if answer.content_type == "text/event-stream":
            return answer.status, await _beginning(answer)
        return answer.status, (await answer.read()).decode("utf-8", "replace")


async def _beginning(answer: aiohttp.ClientResponse) -> str:
    """What a stream says before it is silent for a moment: it has no end."""
    said = b""
    with contextlib.suppress(TimeoutError):
        while chunk := await asyncio.wait_for(answer.content.readany(), 1):
            said += chunk
    return said.decode("utf-8", "replace")


def without_ids(body: str, *ids: str) -> str:
    """A body without what is new in each answer, and without these ids."""
    # a short id may stand in a new one by chance: `c-1`
    for ident in sorted(ids, key=len, reverse=True):
        if UUID.fullmatch(ident):
            body = body.replace(ident, "ID")
    body = UUID.sub("UUID", body)
    for ident in ids:
        body = body.replace(ident, "ID")
    return re.sub(r"tocsin_\w[\w-]*|\b[a-z0-9]{12}\b|\d{4}-\d\d-\d\dT[\d:.]+Z", "NEW", body)


async def nothing_is_told(
    http: aiohttp.ClientSession, has: Belongings, globex: Mapping[str, str], without: str = "/none"
) -> list[str]:
    """What globex learns of acme, line by line; nothing, where all is well. Each route is asked for an id of acme's and
    for one that nobody has: the answers must be the same bytes. Routes that begin as `without` are left out."""
    learnt = []
    for method, route in (each for each in guarded() if not each[1].startswith(without)):
        nobodys = str(uuid4())
        theirs = await asked(http, method, route, has.of, globex)
        none = await asked(http, method, route, lambda _, nobodys=nobodys: nobodys, globex)
        named = await asked(http, method, route, has.of, globex, "?tenant=acme")
        headed = await asked(http, method, route, has.of, {**globex, "tocsin-tenant": "acme"})
        same = [(status, without_ids(body, nobodys, *has.ids.values())) for status, body in (theirs, none)]
        if "{" in route and same[0] != same[1]:
            learnt.append(f"{method} {route}: {same[0]} for what acme has, {same[1]} for what nobody has")
        if any(status != 403 for status, _ in (named, headed)):
            learnt.append(f"{method} {route}: acme may be named: {named[0]}, {headed[0]}")
        told = [body for _, body in (theirs, named, headed) if MARK in body.replace(f"/{MARK}", "")]
        if told:
            learnt.append(f"{method} {route}: it tells {told[0][:300]}")
    return learnt
