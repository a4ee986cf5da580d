"""How a message goes to a peer: packed in which way, to which of its services, under which media type. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from msgspec import Struct
from yarl import URL

from tocsin.connectors.didcomm.port import Packing, Service
from tocsin.connectors.egress.addresses import outgoing_url
from tocsin.connectors.outcomes import Reason

Wanted = Literal["authcrypt", "anoncrypt", "signed"]

ACCEPTED: dict[int, frozenset[str]] = {
    1: frozenset(("didcomm/aip1", "didcomm/aip2;env=rfc19")),
    2: frozenset(("didcomm/v2", "didcomm/aip2;env=rfc587")),
}
"""What a service may `accept` to be sent a message of a version; one that says nothing accepts what it is made for."""

OLD_V1_MEDIA_TYPE = "application/ssi-agent-wire"
"""What agents took before `application/didcomm-envelope-enc` (Aries RFC 0044); a few still take no other."""

_PACKINGS: dict[tuple[int, str], Packing] = {
    (1, "authcrypt"): Packing.V1_AUTHCRYPT,
    (1, "anoncrypt"): Packing.V1_ANONCRYPT,
    (2, "authcrypt"): Packing.AUTHCRYPT,
    (2, "anoncrypt"): Packing.ANONCRYPT,
    (2, "signed"): Packing.SIGNED,
}


_PINGS = {1: "https://didcomm.org/trust_ping/1.0/ping", 2: "https://didcomm.org/trust-ping/2.0/ping"}


class Message(Struct, frozen=True):
    """A plaintext message: DIDComm version 1 has `@type` and `@id`, version 2 `type` and `id`."""

    document: dict[str, Any]
    version: Literal[1, 2]


class Way(Struct, frozen=True):
    """A service that a message can be posted to."""

    url: URL
    service: Service


class Ways(Struct, frozen=True):
    """The ways to a peer, the best first; `why_none` is the reason when there is none."""

    ways: tuple[Way, ...]
    why_none: Reason = Reason.NO_SERVICE


def message_of(body: bytes) -> Message:
    """The message in the body of an attempt. Raises ValueError for anything else: nothing that is no DIDComm message
    leaves by this sink."""
    try:
        document = json.loads(body)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(document, dict):
        raise ValueError("not an object")
    for version, type_, ident in ((1, "@type", "@id"), (2, "type", "id")):
        if isinstance(document.get(type_), str) and isinstance(document.get(ident), str) and document[ident]:
            return Message(document, version)  # type: ignore[arg-type]
    raise ValueError("neither a message of version 1 nor one of version 2")


def ping(ident: str, version: int) -> bytes:
    """A trust ping that wants no answer: for whoever sets an endpoint up."""
    if version == 1:
        return json.dumps({"@type": _PINGS[1], "@id": ident, "response_requested": False}).encode()
    return json.dumps({"type": _PINGS[2], "id": ident, "body": {"response_requested": False}}).encode()


def packing_of(message: Message, wanted: Wanted) -> Packing:
    """How it is packed. Raises ValueError when its version knows no such packing."""
    try:
        return _PACKINGS[message.version, wanted]
    except KeyError:
        raise ValueError(f"{wanted} is not a packing of DIDComm version {message.version}") from None


def ways_of(services: Iterable[Service], version: int, *, private: bool) -> Ways:
    """Those of a peer's services to which a message of this version may be posted, in the order in which they were
    given. A URL that must not be asked for is left out; when there is no other, that is the reason."""
    fitting = [one for one in services if _accepts(one, version) and _scheme(one.uri) in ("http", "https")]
    ways = [way for one in fitting if (way := _way(one, private)) is not None]
    return Ways(tuple(ways), Reason.ADDRESS_REFUSED if fitting else Reason.NO_SERVICE)


def beginning_with(ways: Sequence[Way], first: str | None) -> Sequence[Way]:
    """The same ways, the one with this URL first, then those behind it, then those before it."""
    for number, way in enumerate(ways):
        if str(way.url) == first:
            return (*ways[number:], *ways[:number])
    return ways


def _accepts(service: Service, version: int) -> bool:
    accept = {one.strip().lower().replace(" ", "") for one in service.accept}
    return bool(accept & ACCEPTED[version]) if accept else service.version == version


def _scheme(uri: str) -> str:
    return uri.partition(":")[0].lower()


def _way(service: Service, private: bool) -> Way | None:
    try:
        return Way(outgoing_url(service.uri, private=private), service)
    except ValueError:
        return None
