"""The way to a peer behind mediators: each opens its own layer, and learns only who is next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.didcomm.parties import MESSAGE, MESSAGE_1, identity, side
from tocsin.connectors.didcomm.document import read_document
from tocsin.connectors.didcomm.making import new_identity
from tocsin.connectors.didcomm.port import MEDIA_TYPES, Packing, Service, Unresolvable

MEDIATOR = "https://mediator.example.org"


def content_of(attachment: dict[str, Any]) -> bytes:
    return json.dumps(attachment["data"]["json"]).encode()


async def test_a_mediator_that_is_a_did_is_followed(tmp_path: Path) -> None:
    theirs = identity(uri=MEDIATOR)
    peer_of = new_identity("default", "peer:2", now=1, uri=theirs.did)
    async with side(tmp_path, identity()) as bus, side(tmp_path, theirs) as mediator, side(tmp_path, peer_of) as peer:
        (way,) = await bus.reach(peer_of.did)
        assert (way.uri, way.routing_keys) == (MEDIATOR, (theirs.did,))
        packed = await bus.pack(MESSAGE, peer_of.did)
        forwarded = await bus.forward(packed, way)
        assert forwarded.media_type == MEDIA_TYPES[Packing.ANONCRYPT]
        opened = await mediator.unpack(forwarded.content)
        assert opened.message["type"] == "https://didcomm.org/routing/2.0/forward"
        assert (opened.sender, opened.message["body"]) == (None, {"next": peer_of.did})
        assert "from" not in opened.message
        (attachment,) = opened.message["attachments"]
        inside = await peer.unpack(content_of(attachment))
    assert (inside.sender, inside.message["body"]) == (bus.own[0].did, MESSAGE["body"])


async def test_through_several_mediators_the_outermost_is_the_first(tmp_path: Path) -> None:
    first, second, theirs = identity(), identity(), identity()
    way = Service(uri=MEDIATOR, to=theirs.did, version=2, routing_keys=(first.did, f"{second.did}#key-1"))
    async with (
        side(tmp_path, identity()) as bus, side(tmp_path, first) as one, side(tmp_path, second) as two,
        side(tmp_path, theirs) as peer,
    ):  # fmt: skip
        content = (await bus.forward(await bus.pack(MESSAGE, theirs.did), way)).content
        for mediator, following in ((one, f"{second.did}#key-1"), (two, theirs.did)):
            opened = (await mediator.unpack(content)).message
            assert opened["body"]["next"] == following
            content = content_of(opened["attachments"][0])
        assert (await peer.unpack(content)).message["id"] == MESSAGE["id"]


async def test_version_1_goes_through_mediators_too(tmp_path: Path) -> None:
    """Aries RFC 0067 names the mediator next to the recipient first."""
    near, far, theirs = identity(), identity(), identity()
    document = read_document(
        "did:example:peer",
        {
            "id": "did:example:peer",
            "service": [
                {
                    "type": "did-communication", "serviceEndpoint": MEDIATOR, "priority": 0,
                    "recipientKeys": [theirs.verkey], "routingKeys": [near.verkey, far.verkey],
                }
            ],
        },
    )  # fmt: skip
    (way,) = document.services
    assert way.routing_keys == (far.verkey, near.verkey)
    async with (
        side(tmp_path, identity()) as bus, side(tmp_path, near) as inner, side(tmp_path, far) as outer,
        side(tmp_path, theirs) as peer,
    ):  # fmt: skip
        packed = await bus.pack(MESSAGE_1, way.recipient_keys, None, Packing.V1_AUTHCRYPT)
        content = (await bus.forward(packed, way)).content
        for mediator, following in ((outer, near.verkey), (inner, theirs.verkey)):
            opened = (await mediator.unpack(content)).message
            assert (opened["@type"], opened["to"]) == ("https://didcomm.org/routing/1.0/forward", following)
            content = json.dumps(opened["msg"]).encode()
        assert (await peer.unpack(content)).sender == bus.own[0].verkey


async def test_without_mediators_an_envelope_stays_as_it_is(tmp_path: Path) -> None:
    async with side(tmp_path, identity()) as bus, side(tmp_path, identity("peer:4")) as peer:
        services = await bus.reach(peer.own[0].did or "")
        assert [service.version for service in services] == [2, 1]
        envelope = await bus.pack(MESSAGE, peer.own[0].did or "")
        assert await bus.forward(envelope, services[0]) is envelope
        # a peer of version 1 is packed for by its document, too
        old = await bus.pack(MESSAGE_1, peer.own[0].did or "", None, Packing.V1_AUTHCRYPT)
        assert (await peer.unpack(old.content)).recipient == peer.own[0].verkey


async def test_a_mediator_that_nobody_can_look_up(tmp_path: Path) -> None:
    lost = new_identity("default", "peer:2", now=1, uri="did:sov:WRfXPg8dantKVubE3HX8pw")
    async with side(tmp_path, identity()) as bus:
        with pytest.raises(Unresolvable) as refused:
            await bus.reach(lost.did)
    assert refused.value.did.startswith("did:sov:")


SERVICES: dict[str, tuple[dict[str, Any], list[tuple[str, int]]]] = {
    "an object": ({"serviceEndpoint": {"uri": "https://a", "accept": ["didcomm/v2"]}}, [("https://a", 2)]),
    "a list of objects": (
        {"serviceEndpoint": [{"uri": "https://a"}, {"uri": "https://b"}]}, [("https://a", 2), ("https://b", 2)],
    ),
    "a text, and members beside it": ({"serviceEndpoint": "https://a", "accept": ["didcomm/v2"]}, [("https://a", 2)]),
    "Aries in the clothes of version 2": (
        {"serviceEndpoint": {"uri": "https://a", "accept": ["didcomm/aip2;env=rfc19"]}}, [("https://a", 1)],
    ),
    "several types": ({"type": ["Other", "DIDCommMessaging"], "serviceEndpoint": "https://a"}, [("https://a", 2)]),
    "of Indy": ({"type": "IndyAgent", "serviceEndpoint": "https://a", "recipientKeys": []}, [("https://a", 1)]),
    "another type": ({"type": "LinkedDomains", "serviceEndpoint": "https://a"}, []),
    "no endpoint": ({"serviceEndpoint": None}, []),
    "an empty endpoint": ({"serviceEndpoint": {"uri": ""}}, []),
    "a number": ({"serviceEndpoint": 7}, []),
}  # fmt: skip


@pytest.mark.parametrize(("service", "found"), SERVICES.values(), ids=SERVICES.keys())
def test_services_in_every_form(service: dict[str, Any], found: list[tuple[str, int]]) -> None:
    did = "did:example:x"
    document = read_document(did, {"id": did, "service": [{"type": "DIDCommMessaging", "id": "#1", **service}]})
    assert [(one.uri, one.version) for one in document.services] == found
