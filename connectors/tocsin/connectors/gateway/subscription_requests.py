"""What every request about subscriptions has in common: who is let in, where they are kept, what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.commands import Made, SubscriptionRefusal, SubscriptionRefused, who
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.problems import (
    NO_SEAL_KEY,
    NO_SUBSCRIPTION,
    SUBSCRIPTION_REFUSED,
    SUBSCRIPTIONS_CLOSED,
    Refusal,
    refusals,
)
from tocsin.connectors.gateway.rates import TenantRates
from tocsin.connectors.gateway.request import BY_PARAMETER, TENANT_PARAMETER, RequestHead, read_command
from tocsin.schemas.events import EndpointCommandKind

PATH = "/v1/subscriptions/{name}"
COMMON = [TENANT_PARAMETER, BY_PARAMETER]

Asked = Callable[[Request], Awaitable[tuple[RequestHead, dict[str, Any], str]]]
"""The head of a request that is let in, its document, and who asks."""


LONGEST_STEP = 40.0
"""Seconds that a whole request may take: longer than any wait."""


class SubscriptionPort(Protocol):
    """Where subscriptions are kept; the topic `settings` in a running bus. All raise SubscriptionRefused, Unreadable,
    or what says that Kafka did not acknowledge it."""

    async def make(
        self, document: dict[str, Any], tenant: str, by: str, key: str | None, private: bool, within: float
    ) -> tuple[Made, bool | None]:
        """A new one, and whether the rules know it, if that was waited for; the same `key` (the id of an idempotency
        key) is the same one, at every gateway."""
        ...

    async def replace(
        self, name: str, document: dict[str, Any], tenant: str, by: str, private: bool, within: float
    ) -> tuple[Made, bool | None]:
        """The one of this name as the document says."""
        ...

    async def rotate(
        self, name: str, tenant: str, by: str, secret: str | None, ed25519: bool | None, key: str | None
    ) -> Made:
        """A new secret beside the old one."""
        ...

    async def end(self, name: str, tenant: str, by: str) -> bool:
        """End it; False when it has ended already."""
        ...

    async def steer(
        self, name: str, tenant: str, kind: EndpointCommandKind, by: str, why: str | None, ident: str
    ) -> None:
        """Enable or disable it; the answer comes under `ident`."""
        ...

    async def try_one(self, name: str, tenant: str) -> Any:
        """What came back of a ping: a struct."""
        ...

    async def shown(self, name: str, tenant: str) -> Mapping[str, Any]:
        """One, without its secrets."""
        ...

    async def every(self, tenant: str) -> list[dict[str, Any]]:
        """All of a tenant."""
        ...


async def asked(config: GatewayConfig, rates: TenantRates, request: Request) -> tuple[RequestHead, dict[str, Any], str]:
    let_in(config)
    head, document, by = await read_command(request, config)
    rates.admit(head.payer)
    rates.charge_documents(head.payer, 1)
    with refusals():
        return head, document, who(text_of(document.pop("by", None)) or by or request.query_params.get("by"))


def let_in(config: GatewayConfig) -> None:
    """Raises Refusal while no endpoints are made over HTTP."""
    if not config.subscriptions:
        raise Refusal(SUBSCRIPTIONS_CLOSED)


@asynccontextmanager
async def doing() -> AsyncIterator[None]:
    """Whatever is refused inside becomes a Refusal."""
    with refusals():
        try:
            async with asyncio.timeout(LONGEST_STEP):
                yield
        except SubscriptionRefused as refused:
            kinds = {SubscriptionRefusal.NOT_FOUND: NO_SUBSCRIPTION, SubscriptionRefusal.NO_SEAL_KEY: NO_SEAL_KEY}
            kind = kinds.get(refused.kind, SUBSCRIPTION_REFUSED)
            raise Refusal(kind, reason=refused.kind.value, detail=refused.why) from None


def as_made(made: Made, known: bool | None) -> Response:
    said: dict[str, Any] = {"name": made.event.endpoint, "event_id": made.event.event_id}
    if made.secret is not None:
        said["secret"] = made.secret
    if known is not None:
        said["in_force"] = known
    place = f"/v1/subscriptions/{made.event.endpoint}"
    return as_json(said, 201 if made.created else 200, {"location": place})


def text_of(said: object) -> str | None:
    return said if isinstance(said, str) else None


def as_json(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    # a secret may be in it: no cache keeps it
    kept = {"cache-control": "no-store", **(headers or {})}
    return Response(msgspec.json.encode(document), status, headers=kept, media_type="application/json")
