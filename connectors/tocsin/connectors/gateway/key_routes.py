"""/v1/keys: API keys of the tenant, made, listed and revoked by who has the scope `admin`.

Nobody gives more than they have: the admin of a tenant makes keys of that tenant, and only one of every tenant makes
others. Without a credential no key is made, also not from the bus's own machine: it would outlast that.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.access import EVERY_TENANT, ApiKeys, Caller, NewKey
from tocsin.connectors.access.api_keys import TENANT_KEYS, shown_key
from tocsin.connectors.access.caller import scopes_of
from tocsin.connectors.commands import key_set, revoked_key, rotated_key
from tocsin.connectors.gateway.access_kinds import NO_CREDENTIAL, NO_SUCH_KEY, SCOPE_MISSING, TOO_MANY_KEYS
from tocsin.connectors.gateway.admission import caller_of
from tocsin.connectors.gateway.audited import note
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.examples import KEY
from tocsin.connectors.gateway.problems import MEDIA_TYPE, Refusal, refusals
from tocsin.connectors.gateway.rates import TenantRates
from tocsin.connectors.gateway.request import BY_PARAMETER, REFUSED, TENANT_PARAMETER, read_command
from tocsin.connectors.gateway.subscription_requests import as_json
from tocsin.schemas.events import CredentialKind, KeySet

_COMMON = [TENANT_PARAMETER, BY_PARAMETER]
_MISSING: dict[int | str, dict[str, Any]] = {
    404: {"description": "The tenant has no such key", "content": {MEDIA_TYPE: {}}},
    **REFUSED,
}


class KeyPort(Protocol):
    """Where keys are kept; the topic `settings` in a running bus."""

    keys: ApiKeys

    async def put(self, event: KeySet) -> None:
        """Store it; returns only once Kafka has it and it holds here. Raises a PublishFailed."""
        ...


def key_routes(config: GatewayConfig, port: KeyPort, rates: TenantRates) -> APIRouter:
    """The routes. What is answered is done; other gateways know of it within a second."""
    router, behind = APIRouter(), _Behind(config, port, rates)

    @router.post(
        "/v1/keys",
        status_code=201,
        responses={201: {"description": "Made; it is shown this once"}, **REFUSED},
        openapi_extra={"parameters": _COMMON, "requestBody": {"required": True, "content": KEY}},
    )
    async def make(request: Request) -> Response:
        """Make an API key."""
        caller, document, by = await behind.asked(request)
        with refusals():
            event, new = key_set(document, caller.tenant, by=by)
        return await behind.made(request, caller, event, new)

    @router.get("/v1/keys", responses=REFUSED, openapi_extra={"parameters": [TENANT_PARAMETER]})
    async def every(request: Request) -> Response:
        """The tenant's keys: their ids, what they are for, how they stand and when they were last used."""
        caller = _asker(request)
        found = [one for one in port.keys.of(EVERY_TENANT) if _sees(caller, one)]
        return as_json({"keys": [shown_key(one, port.keys.last_used(one.key)) for one in found]})

    @router.delete("/v1/keys/{key}", responses=_MISSING, openapi_extra={"parameters": _COMMON})
    async def revoke(request: Request, key: str) -> Response:
        """Revoke a key, for ever."""
        caller, _, by = await behind.asked(request)
        held = behind.held(key, caller)
        with refusals():
            event = revoked_key(held, by)
        if not held.removed:
            await behind.store(event)
        return as_json(shown_key(event, port.keys.last_used(key)))

    @router.post("/v1/keys/{key}/rotate", status_code=201, responses=_MISSING, openapi_extra={"parameters": _COMMON})
    async def rotate(request: Request, key: str) -> Response:
        """Make a key like this one, which goes on holding until it is revoked."""
        caller, _, by = await behind.asked(request)
        with refusals():
            event, new = rotated_key(behind.held(key, caller), by)
        return await behind.made(request, caller, event, new)

    return router


class _Behind:
    """What the routes have in common."""

    def __init__(self, config: GatewayConfig, port: KeyPort, rates: TenantRates) -> None:
        self._config, self._port, self._rates = config, port, rates

    async def asked(self, request: Request) -> tuple[Caller, dict[str, object], str]:
        """Who asks, the document, and who says so, which the document may say."""
        caller = _asker(request)
        head, document, by = await read_command(request, self._config)
        self._rates.admit(head.payer)
        self._rates.charge_documents(head.payer, 1)
        return caller, document, str(document.get("by") or by or caller.name)

    def held(self, key: str, caller: Caller) -> KeySet:
        """The key of this id, if who asks may see it."""
        held = self._port.keys.get(key)
        if held is None or not _sees(caller, held):
            raise Refusal(NO_SUCH_KEY)
        return held

    async def store(self, event: KeySet) -> None:
        """Store it; raises Refusal."""
        with refusals():
            async with asyncio.timeout(self._config.deadline + 1):
                await self._port.put(event)

    async def made(self, request: Request, caller: Caller, event: KeySet, new: NewKey) -> Response:
        """The answer for a new key, which is stored."""
        if not caller.may_give(scopes_of(event.scopes), event.tenant):
            raise Refusal(SCOPE_MISSING, detail="No key gives more than the credential that makes it.")
        if not self._port.keys.room_for(event.tenant, time.time_ns() // 1000):
            raise Refusal(TOO_MANY_KEYS, limit=TENANT_KEYS)
        note(request, target=event.key)
        await self.store(event)
        return as_json({**shown_key(event, None), "key": new.text}, 201, {"location": f"/v1/keys/{event.key}"})


def _sees(caller: Caller, key: KeySet) -> bool:
    return key.tenant == caller.tenant or (caller.every_tenant and key.tenant == EVERY_TENANT)


def _asker(request: Request) -> Caller:
    caller = caller_of(request)
    if caller.kind is CredentialKind.ANONYMOUS:
        raise Refusal(NO_CREDENTIAL, detail=f"{NO_CREDENTIAL.detail}; it makes the first one straight in Kafka.")
    return caller
