"""What was heard of each source lately: the last messages of each kind, what they became, and why not.

It is kept in memory, by this gateway alone, so that whoever sets an agent up sees what arrives of it.
"""

from __future__ import annotations

from collections import OrderedDict, deque

import msgspec
from fastapi import APIRouter
from msgspec import Struct, field
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.admission import caller_of
from tocsin.connectors.gateway.request import READ_REFUSED, TENANT_PARAMETER

MAX_KINDS = 1000
"""Of how many kinds of all tenants and sources something is remembered. Of the tenant with the most, the one that was
silent longest goes first: nobody with many pushes out what is heard for others."""
LAST = 3
"""How many messages of each kind."""


class HeardOnce(Struct, frozen=True, kw_only=True):
    """One message: when it came (microseconds), what its path said, its size in bytes, what it became, why it or parts
    of it became nothing (`ignored`), why it was refused, and the `wallet` that it names."""

    at: int
    topic: str
    size: int
    became: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    refused: str | None = None
    wallet: str | None = None


class _Kind(Struct):
    count: int = 0
    last: deque[HeardOnce] = field(default_factory=lambda: deque(maxlen=LAST))


class HeardLately:
    """Remembers, bounded."""

    def __init__(self, most: int = MAX_KINDS) -> None:
        self._most = most
        self._tenants: OrderedDict[str, OrderedDict[tuple[str, str], _Kind]] = OrderedDict()
        self._size = 0

    def note(self, tenant: str, source: str, what: str, once: HeardOnce, count: int = 1) -> None:
        """Remember a message of a kind, which told of so many."""
        kinds, key = self._tenants.setdefault(tenant, OrderedDict()), (source, what)
        self._size += key not in kinds
        kind = kinds.setdefault(key, _Kind())
        kinds.move_to_end(key)
        self._tenants.move_to_end(tenant)
        kind.count += count
        kind.last.append(once)
        if self._size > self._most:
            self._forget()

    def _forget(self) -> None:
        # of several with as many it is the one that was silent longest
        tenant, kinds = max(self._tenants.items(), key=lambda each: len(each[1]))
        kinds.popitem(last=False)
        self._size -= 1
        if not kinds:
            del self._tenants[tenant]

    def of(self, tenant: str) -> list[dict[str, object]]:
        """What was heard for a tenant, the kind that came last first; the last message of each first."""
        return [
            {
                "source": source,
                "what": what,
                "count": kind.count,
                "last": [msgspec.structs.asdict(one) for one in kind.last][::-1],
            }
            for (source, what), kind in reversed(self._tenants.get(tenant, OrderedDict()).items())
        ]


def heard_routes(heard: HeardLately) -> APIRouter:
    """The route that says what was heard lately."""
    router = APIRouter()

    @router.get("/v1/sources", responses=READ_REFUSED, openapi_extra={"parameters": [TENANT_PARAMETER]})
    async def heard_of_sources(request: Request) -> Response:
        """What this gateway heard of agents and error SDKs since its start: the last messages of each kind."""
        document = {"sources": heard.of(caller_of(request).tenant)}
        kept = {"cache-control": "no-store"}
        return Response(msgspec.json.encode(document), 200, headers=kept, media_type="application/json")

    return router
