"""Arbitrary bytes, JSON and things like envelopes at /didcomm: only documented answers, and nothing is believed."""

from __future__ import annotations

import base64
import json
from typing import Any, TypeVar

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.connectors.gateway.didcomm.conftest import Making
from tests.harness.didcomm_world import old_report, report
from tocsin.connectors.didcomm.port import Packing
from tocsin.connectors.gateway import Rate
from tocsin.connectors.gateway.didcomm import DidcommConfig
from tocsin.connectors.gateway.didcomm.shape import MEDIA_TYPES

T = TypeVar("T")
EXAMPLES = 120
DOCUMENTED = {400, 413}

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.sampled_from(["e30", "eyJhIjoxfQ", "AAAA"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
HEADERS = st.dictionaries(
    st.sampled_from(["typ", "alg", "enc", "apu", "apv", "skid", "epk", "kid", "zip", "crit", "recipients", "sender"]),
    ANY | st.sampled_from(["ECDH-1PU+A256KW", "ECDH-ES+A256KW", "A256GCM", "none", "dir", "Authcrypt", "EdDSA"]),
)
ENCODED = HEADERS.map(lambda header: base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("="))
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        "protected": ENCODED | ANY,
        "recipients": st.lists(st.fixed_dictionaries({}, optional={"header": HEADERS, "encrypted_key": ANY})) | ANY,
        "ciphertext": st.just("AAAA") | ANY,
        "iv": st.just("AAAA") | ANY,
        "tag": st.just("AAAA") | ANY,
        "payload": ENCODED | ANY,
        "signatures": st.lists(st.fixed_dictionaries({}, optional={"protected": ENCODED, "signature": ANY})) | ANY,
        "type": ANY,
        "@type": ANY,
        "to": ANY,
    },
)
BODIES = st.binary(max_size=300) | (ANY | ENVELOPES).map(lambda value: json.dumps(value).encode())


def drawn(strategy: st.SearchStrategy[T], count: int = EXAMPLES) -> list[T]:
    """Examples of a strategy, for a test that must await what it does with them."""
    found: list[T] = []

    @settings(max_examples=count, database=None, phases=[Phase.generate], deadline=None)
    @given(strategy)
    def collect(example: T) -> None:
        found.append(example)

    collect()
    return found


async def test_whatever_comes_is_answered_as_documented(make_world: Making) -> None:
    async with make_world(DidcommConfig(envelopes=Rate(0, 0))) as world:
        for media_type, content in drawn(st.tuples(st.sampled_from(MEDIA_TYPES), BODIES)):
            status, body, _ = await world.post(content, media_type)
            assert status in DOCUMENTED, (media_type, content, body)
            assert json.loads(body)["type"].startswith("urn:tocsin:problem:")
        assert world.reported == []
        assert world.activity == []


async def test_a_genuine_envelope_in_which_anything_is_replaced_is_taken_for_what_it_is_or_not_at_all(
    make_world: Making,
) -> None:
    async with make_world(DidcommConfig(envelopes=Rate(0, 0))) as world:
        genuine = [
            json.loads(await world.peer.send(report(), world.ours.did)),
            json.loads(await world.peer.send(report(to=[world.ours.did]), world.ours.did, Packing.SIGNED)),
            json.loads(await world.peer.send(old_report(), world.ours.verkey, Packing.V1_AUTHCRYPT)),
        ]
        names = sorted({name for each in genuine for name in each})
        for which, name, value in drawn(st.tuples(st.sampled_from([0, 1, 2]), st.sampled_from(names), ANY | ENCODED)):
            forged: dict[str, Any] = genuine[which] | {name: value}
            status, body, _ = await world.post(json.dumps(forged).encode())
            if forged == genuine[which] or name not in genuine[which]:
                continue  # what is not read may stand there
            assert status in DOCUMENTED, (forged, body)
        assert len({each.event_id for each in world.reported}) <= len(genuine)
        assert {each.problem.source.sender for each in world.reported} <= {world.peer.did, world.peer.verkey}
