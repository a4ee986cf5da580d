"""Under which of our identities a tenant's message is sent: never under one that is another tenant's alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.didcomm_agents import Agent, a_report, an_attempt, keys_file
from tocsin.connectors.didcomm.config import PackerConfig
from tocsin.connectors.didcomm.keys import Identity
from tocsin.connectors.didcomm.making import new_identity
from tocsin.connectors.outcomes import Delivered, Reason, Rejected
from tocsin.connectors.sinks.didcomm import DidcommConfig, DidcommSink
from tocsin.connectors.sinks.didcomm.choosing import Wanted

IDENTITIES = {name: new_identity(name, "peer:4", now=number) for number, name in enumerate(("default", "shop", "desk"))}
SHOPS = {"shop": "acme", "desk": "other"}
"""The tenant of the attempts is `acme`."""

SPEAKERS: dict[str, tuple[dict[str, str], str | None, str | None, str | None]] = {
    # whose they are, what the attempt says, what the endpoint says, who speaks (None: nobody)
    "its own": (SHOPS, "shop", None, "shop"),
    "one that is nobody's": (SHOPS, "default", None, "default"),
    "another tenant's": (SHOPS, "desk", None, None),
    "nothing is said: its own": (SHOPS, None, None, "shop"),
    "nothing is said, and it has none: the default one": ({"desk": "other"}, None, None, "default"),
    "nothing is said, and the default one is another's": ({"default": "other", "desk": "other"}, None, None, "shop"),
    "nothing is said, and all are another's": (dict.fromkeys(IDENTITIES, "other"), None, None, None),
    "the operator said which": (SHOPS, None, "desk", "desk"),
    "what the operator said lends nobody another's": (SHOPS, "desk", "default", None),
    "no identity is anybody's": ({}, "desk", None, "desk"),
}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("tenants", "said", "configured", "speaks"), SPEAKERS.values(), ids=SPEAKERS)
async def test_who_speaks(
    tmp_path: Path, tenants: dict[str, str], said: str | None, configured: str | None, speaks: str | None, version: int
) -> None:
    sink = DidcommSink(DidcommConfig(allow_private=True, own=configured and IDENTITIES[configured].did))
    sink.bus_keys, sink.tenants = PackerConfig(keys=await keys_file(tmp_path, *IDENTITIES.values())), tenants
    own = None if said is None else _named(IDENTITIES[said], version)
    async with Agent(tmp_path, method="peer:4") as peer, sink:
        outcome = await sink.deliver(an_attempt(peer.did, a_report(version=version), own=own))
    if speaks is None:
        assert (outcome, peer.took) == (Rejected(reason=Reason.OTHER_TENANT), [])
    else:
        assert isinstance(outcome, Delivered)
        assert peer.took[0].unpacked.sender == _named(IDENTITIES[speaks], version)


@pytest.mark.parametrize("packing", ["anoncrypt", "authcrypt"])
async def test_what_is_sent_anonymously_does_not_say_who_we_are(tmp_path: Path, packing: Wanted) -> None:
    ours = IDENTITIES["shop"]
    keys = await keys_file(tmp_path, ours)
    sink = DidcommSink(DidcommConfig(keys=str(keys), allow_private=True, packing=packing))
    async with Agent(tmp_path) as peer, sink:
        assert isinstance(await sink.deliver(an_attempt(peer.did, own=ours.did)), Delivered)
    assert peer.took[0].message.get("from") == (None if packing == "anoncrypt" else ours.did)


def _named(identity: Identity, version: int) -> str:
    return identity.did if version == 2 else identity.verkey or ""
