"""A message that is tried: read, and not stored (`tocsin agents check`). Told is what the gateway would make of it.

Whoever sends it needs the same credential as for a real one, and is refused for the same reasons.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.admission import caller_of, named_tenant
from tocsin.connectors.sources.port import Message, MessageSource

HEADER = "tocsin-probe"
"""A request that has it is only tried."""


class Tried(Exception):
    """The message was read, and is answered with this."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__()
        self.answer = answer


class Understood(Struct, frozen=True, kw_only=True):
    """What a message would become: its kind, whose it would be, its events in words, why something becomes nothing."""

    what: str
    tenant: str
    became: tuple[str, ...]
    ignored: tuple[str, ...]


def is_tried(request: Request) -> bool:
    """Whether the message of a request is only tried."""
    return HEADER in request.headers


def answer_of(
    request: Request, source: MessageSource, message: Message, understood: list[Understood]
) -> dict[str, Any]:
    """What is told: who asks, with which scopes, whose the messages are and what says so, and what they would be."""
    caller = caller_of(request)
    return {
        "probe": "understood",
        "source": source.name,
        "credential": caller.kind.value,
        "key": caller.key,
        "scopes": sorted(scope.value for scope in caller.scopes),
        "tenant": understood[0].tenant if understood else message.origin.tenant,
        "tenant_by": _tenant_by(request, message, understood),
        "wallets": len(message.wallets),
        "would": [msgspec.to_builtins(each) for each in understood],
    }


def tried(answer: dict[str, Any]) -> Response:
    """The answer to a message that was tried: 200, where a real one is answered 202."""
    return Response(msgspec.json.encode(answer), 200, headers={HEADER: "understood"}, media_type="application/json")


def is_settled(request: Request) -> bool:
    """Whether it is settled whose a message is, by its address or its credential, and no wallet is asked."""
    return named_tenant(request) is not None or not caller_of(request).every_tenant


def _tenant_by(request: Request, message: Message, understood: list[Understood]) -> str:
    """What says whose the messages are: the address (`path`), the credential, a wallet, or nothing (`default`)."""
    if named_tenant(request) is not None:
        return "path"
    if not caller_of(request).every_tenant:
        return "credential"
    return "wallet" if any(each.tenant != message.origin.tenant for each in understood) else "default"
