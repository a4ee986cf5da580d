"""`tocsin endpoint test` and `tocsin doctor` for endpoints that tell DIDComm peers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.didcomm_agents import Agent, keys_file
from tocsin.connectors.didcomm.config import PackerConfig
from tocsin.connectors.didcomm.making import new_identity
from tocsin.connectors.sinks.didcomm import DidcommConfig
from tocsin.streams.cli.doctor_checks import Level
from tocsin.streams.cli.doctor_didcomm import didcomm_checks
from tocsin.streams.processes.sink_equipment import SinkEquipment
from tocsin.streams.rules.config import Endpoint, Recipient
from tocsin.streams.settings import Settings
from tocsin.streams.subscriptions.trying import try_endpoint


def endpoint(did: str | None = None, body: str = "auto", **settings: Any) -> Endpoint:
    config = DidcommConfig(**({"allow_private": True, "timeout": 3.0} | settings))
    return Endpoint(name="peers", sink="didcomm", settings=config, recipient=Recipient(did=did), body=body)


PINGS = {
    "version 2": ("auto", "type", "https://didcomm.org/trust-ping/2.0/ping"),
    "Aries": ("aries-1.0", "@type", "https://didcomm.org/trust_ping/1.0/ping"),
}


@pytest.mark.parametrize(("body", "member", "kind"), PINGS.values(), ids=PINGS)
async def test_a_peer_is_sent_a_trust_ping_that_wants_no_answer(
    tmp_path: Path, body: str, member: str, kind: str
) -> None:
    ours = new_identity("default", "peer:2", now=1)
    equipment = SinkEquipment(keys=PackerConfig(keys=await keys_file(tmp_path, ours)))
    async with Agent(tmp_path, method="peer:4") as peer:
        named = await try_endpoint(endpoint(peer.did, body), "acme", equipment.on)
        chosen = await try_endpoint(endpoint(None, body), "acme", equipment.on, peer.did)
    assert (named.taken, named.status, chosen.taken) == (True, 202, True)
    assert [took.message[member] for took in peer.took] == [kind, kind]
    assert "false" in json.dumps(peer.took[0].message)


async def test_it_says_why_nothing_was_sent(tmp_path: Path) -> None:
    nobody = await try_endpoint(endpoint(), "acme")
    assert (nobody.taken, nobody.why) == (False, "it tells whoever is the other side: name one with --peer")
    without = await try_endpoint(endpoint("did:web:x.example"), "acme")
    assert (without.outcome, without.why is not None and "tocsin didcomm keys create" in without.why) == (
        "not_sent", True,
    )  # fmt: skip
    gone = await try_endpoint(endpoint("did:web:x.example", keys=str(tmp_path / "none")), "acme")
    assert gone.why is not None
    assert "there is no file of keys" in gone.why


RULES = """
endpoints:
  peers: {{sink: didcomm{more}}}
  owner: {{sink: log}}
default_route: owner
routes: [{{name: all, endpoints: [owner, peers]}}]
"""


async def test_doctor_says_which_endpoint_lacks_its_keys(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.format(more=""))
    (none,) = await didcomm_checks(Settings(home=tmp_path, rules=rules))
    assert (none.level, "endpoint peers" in none.detail, "keys create" in none.detail) == (Level.FAIL, True, True)
    keys = await keys_file(tmp_path, new_identity("default", "peer:2", now=1))
    settings = Settings(home=tmp_path, rules=rules, didcomm_keys=keys)
    assert [check.level for check in await didcomm_checks(settings)] == [Level.OK]
    rules.write_text(RULES.format(more=", own: somebody"))
    _, lacking = await didcomm_checks(settings)
    assert (lacking.level, lacking.detail) == (Level.FAIL, "endpoint peers: its `own` is none of our identities")
    rules.write_text(RULES.format(more=", keys: elsewhere.json"))
    _, elsewhere = await didcomm_checks(settings)
    assert str(tmp_path / "elsewhere.json") in elsewhere.detail, "a relative path starts at the rules file"
