"""The way to a recipient behind mediators: found in its document, and wrapped for (DIDComm 2.1 "Routing", Aries RFC
0094)."""

from __future__ import annotations

import uuid

import msgspec
from msgspec.structs import replace

from tocsin.connectors.didcomm.dids import is_did
from tocsin.connectors.didcomm.faults import Unresolvable
from tocsin.connectors.didcomm.packing import Writer
from tocsin.connectors.didcomm.port import Envelope, Packing, Service
from tocsin.connectors.didcomm.resolver import Resolver

MAX_MEDIATORS = 8
"""How many mediators one way may have: each makes the envelope a third larger."""


async def reach(resolver: Resolver, did: str, *, refresh: bool = False) -> tuple[Service, ...]:
    """As `Packer.reach` says."""
    document = await resolver.resolve(did, refresh=refresh)
    ways: list[Service] = []
    lost: Unresolvable | None = None
    for service in document.services:
        if not is_did(service.uri):
            ways.append(service)
            continue
        try:
            mediator = await resolver.resolve(service.uri, refresh=refresh)
        except Unresolvable as unresolvable:
            lost = unresolvable
            continue
        ways += [
            replace(
                service,
                uri=its.uri,
                accept=its.accept or service.accept,
                routing_keys=(*its.routing_keys, mediator.did, *service.routing_keys),
            )
            for its in mediator.services
            if its.version == 2 and not is_did(its.uri)
        ]
    if not ways and lost is not None:
        raise lost
    return tuple(way for way in ways if len(way.routing_keys) <= MAX_MEDIATORS)


async def forward(writer: Writer, envelope: Envelope, service: Service) -> Envelope:
    """As `Packer.forward` says."""
    if service.version == 1:
        return await _version_1(writer, envelope, service)
    target = service.to
    for mediator in reversed(service.routing_keys):
        message = {
            "id": str(uuid.uuid4()),
            "type": "https://didcomm.org/routing/2.0/forward",
            "body": {"next": target},
            "attachments": [
                {
                    "id": str(uuid.uuid4()),
                    "media_type": envelope.media_type,
                    "data": {"json": msgspec.Raw(envelope.content)},
                }
            ],
        }
        envelope = await writer.pack(message, mediator, None, Packing.ANONCRYPT)
        target = mediator
    return envelope


async def _version_1(writer: Writer, envelope: Envelope, service: Service) -> Envelope:
    target = next(iter(service.recipient_keys), next(iter(envelope.to), ""))
    for mediator in reversed(service.routing_keys):
        message = {
            "@type": "https://didcomm.org/routing/1.0/forward",
            "@id": str(uuid.uuid4()),
            "to": target,
            "msg": msgspec.Raw(envelope.content),
        }
        envelope = await writer.pack(message, mediator, None, Packing.V1_ANONCRYPT)
        target = mediator
    return envelope
