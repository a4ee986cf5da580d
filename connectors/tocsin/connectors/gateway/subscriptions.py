"""/v1/subscriptions: webhooks made, changed, tried and ended while the bus runs, of the tenant's own.

They send a tenant's problems anywhere: making one needs the scope `admin`. A tenant sees nothing of another's, but that
a name is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.commands import reason, who
from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.gateway.answers import ANSWERED, WAIT_PARAMETER, StoredCommands, wait_of
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.examples import SUBSCRIPTION
from tocsin.connectors.gateway.keys import UsedKeys
from tocsin.connectors.gateway.page_port import shown
from tocsin.connectors.gateway.problems import (
    MEDIA_TYPE,
    refusals,
)
from tocsin.connectors.gateway.rates import Rate, TenantRates
from tocsin.connectors.gateway.request import (
    BY_HEADER,
    KEY_PARAMETER,
    REFUSED,
    TENANT_PARAMETER,
    read_head,
)
from tocsin.connectors.gateway.subscription_requests import (
    COMMON,
    PATH,
    Asked,
    SubscriptionPort,
    as_json,
    as_made,
    asked,
    doing,
    let_in,
    text_of,
)
from tocsin.connectors.outcomes import Reason
from tocsin.connectors.publish.reporting import event_id
from tocsin.connectors.webhooks.keys import WRITTEN
from tocsin.schemas.events import EndpointCommandKind
from tocsin.schemas.ids import new_event_id

_MADE: dict[int | str, dict[str, Any]] = {
    409: {"description": "The name is taken, or there are too many", "content": {MEDIA_TYPE: {}}},
    **REFUSED,
}
_MISSING: dict[int | str, dict[str, Any]] = {
    404: {"description": "The tenant has no such subscription", "content": {MEDIA_TYPE: {}}},
    **REFUSED,
}


def subscription_routes(
    config: GatewayConfig,
    subscriptions: SubscriptionPort,
    keys: UsedKeys,
    rates: TenantRates,
    stored: StoredCommands | None,
) -> APIRouter:
    """The routes. What is answered is done: Kafka has it, and nobody else came first."""
    router = APIRouter()
    body = {"requestBody": {"required": True, "content": SUBSCRIPTION}}
    ask = partial(asked, config, rates)

    @router.post(
        "/v1/subscriptions",
        status_code=201,
        responses={201: {"description": "Made; its secret is shown this once"}, **_MADE},
        openapi_extra={"parameters": [*COMMON, KEY_PARAMETER, WAIT_PARAMETER], **body},
    )
    async def make(request: Request) -> Response:
        """Send a webhook what fits `match` of the tenant's problems, beside the rules file's routes."""
        within = wait_of(request) or 0.0
        head, document, by = await ask(request)
        ident = None if head.idempotency_key is None else event_id(head.origin().within("subscription"))
        async with doing():
            with nullcontext() if ident is None else keys.use(ident, msgspec.json.encode([document, by])):
                made, known = await subscriptions.make(
                    document, head.tenant, by, ident, config.subscriptions_private, within
                )
        return as_made(made, known)

    @router.get("/v1/subscriptions", responses=REFUSED, openapi_extra={"parameters": [TENANT_PARAMETER]})
    async def every(request: Request) -> Response:
        """The tenant's subscriptions and how they stand; never a secret."""
        let_in(config)
        tenant = read_head(request, body=False).tenant
        async with doing():
            return shown(request, "subscriptions", {"subscriptions": await subscriptions.every(tenant)})

    @router.get(PATH, responses=_MISSING, openapi_extra={"parameters": [TENANT_PARAMETER]})
    async def one(request: Request, name: str) -> Response:
        """A subscription and how it stands: enabled, failing, unverified, disabled, removed, shadowed (by the rules
        file), or unknown."""
        let_in(config)
        tenant = read_head(request, body=False).tenant
        async with doing():
            return shown(request, "subscription", await subscriptions.shown(name, tenant))

    @router.put(
        PATH,
        responses={201: {"description": "Made; its secret is shown this once"}, **_MADE},
        openapi_extra={"parameters": [*COMMON, WAIT_PARAMETER], **body},
    )
    async def put(request: Request, name: str) -> Response:
        """The subscription as the document says, whole; made if there is none. What signs stays, unless the document
        says another secret: then the old one signs on for a day."""
        within = wait_of(request) or 0.0
        head, document, by = await ask(request)
        async with doing():
            made, known = await subscriptions.replace(
                name, document, head.tenant, by, config.subscriptions_private, within
            )
        return as_made(made, known)

    @router.delete(PATH, responses=_MISSING, openapi_extra={"parameters": COMMON})
    async def end(request: Request, name: str) -> Response:
        """End a subscription: nothing more is sent, and what waits for it ends in the dead letters."""
        let_in(config)
        head = read_head(request, body=False)
        with refusals():
            by = who(request.query_params.get("by") or request.headers.get(BY_HEADER))
        async with doing():
            ended = await subscriptions.end(name, head.tenant, by)
        return as_json({"name": name, "outcome": "done" if ended else "already_so"})

    router.include_router(_acting_routes(subscriptions, keys, ask, stored))
    return router


def _acting_routes(
    subscriptions: SubscriptionPort, keys: UsedKeys, ask: Asked, stored: StoredCommands | None
) -> APIRouter:
    """The routes that do something with a subscription."""
    router = APIRouter()
    tests = TenantRates(Rate(1, 5), Rate(0, 0))  # each reaches out to somebody else

    @router.post(f"{PATH}/rotate", responses=_MISSING, openapi_extra={"parameters": [*COMMON, KEY_PARAMETER]})
    async def rotate(request: Request, name: str) -> Response:
        """A new secret (`secret`, or one that is made; `ed25519`: a pair), shown this once. The old one signs on beside
        it for 24 hours."""
        head, document, by = await ask(request)
        with refusals():
            secret, pair = _rotation(document)
        ident = None if head.idempotency_key is None else event_id(head.origin().within("rotation"))
        async with doing():
            with nullcontext() if ident is None else keys.use(ident, msgspec.json.encode([name, document, by])):
                made = await subscriptions.rotate(name, head.tenant, by, secret, pair, ident)
        return as_made(made, None)

    @router.post(f"{PATH}/test", responses=_MISSING, openapi_extra={"parameters": COMMON})
    async def test(request: Request, name: str) -> Response:
        """Send it a signed ping, now and once, and say what came back; `taken` says whether it took it."""
        head, _, _ = await ask(request)
        tests.charge_documents(head.payer, 1)
        async with doing():
            return as_json(veiled(msgspec.to_builtins(await subscriptions.try_one(name, head.tenant))))

    for kind in (EndpointCommandKind.ENABLE, EndpointCommandKind.DISABLE):
        router.add_api_route(
            f"{PATH}/{kind}",
            _steer(kind, subscriptions, ask, stored),
            methods=["POST"],
            status_code=202,
            responses=_MISSING | ANSWERED,
            openapi_extra={"parameters": [*COMMON, WAIT_PARAMETER]},
            name=f"{kind}_subscription",
            description=_STEERED[kind],
        )
    return router


_STEERED = {
    EndpointCommandKind.ENABLE: "Deliver to it again: what was parked goes out in order.",
    EndpointCommandKind.DISABLE: "Deliver nothing for now: what is for it is parked.",
}


def _steer(
    kind: EndpointCommandKind, subscriptions: SubscriptionPort, ask: Asked, stored: StoredCommands | None
) -> Any:
    async def steer(request: Request, name: str) -> Response:
        within = wait_of(request)
        head, document, by = await ask(request)
        ident = new_event_id()
        async with doing():
            await subscriptions.steer(name, head.tenant, kind, by, reason(text_of(document.get("why"))), ident)
        if stored is None:
            return as_json({"event_id": ident}, 202)
        return await stored.answered(ident, head.tenant, within)

    return steer


UNREACHABLE = "unreachable"
"""What a tenant is told of a place that was not reached."""

_NOT_REACHED = frozenset({Reason.DNS_FAILED.value, Reason.ADDRESS_REFUSED.value, Reason.CONNECT_FAILED.value})


def veiled(tried: dict[str, Any]) -> dict[str, Any]:
    """What came back of a ping, with one word for whatever was not reached: else whoever may try an address learns
    which names there are inside. The command line, which is the operator's, says which it was."""
    found = dict(tried)
    if found.get("reason") in _NOT_REACHED:
        found["reason"] = UNREACHABLE
    for each in _NOT_REACHED:
        if found.get("why"):
            found["why"] = found["why"].replace(f"({each})", f"({UNREACHABLE})")
    return found


def _rotation(document: Mapping[str, object]) -> tuple[str | None, bool | None]:
    secret, pair = document.get("secret"), document.get("ed25519")
    if document.keys() - {"secret", "ed25519"} or (secret is not None and pair is not None):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "", "secret, or ed25519, or neither")
    if not isinstance(secret, str | None):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/secret", f"a text: {WRITTEN}")
    if not isinstance(pair, bool | None):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/ed25519", "true or false")
    return secret, pair
