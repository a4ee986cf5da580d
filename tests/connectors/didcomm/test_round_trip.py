"""What one side packs the other opens: the same message, and exactly what is proven of its sender."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.connectors.didcomm.parties import MESSAGE, MESSAGE_1, identity, is_version_1, names, side
from tocsin.connectors.didcomm.encoding import Curve
from tocsin.connectors.didcomm.making import Method
from tocsin.connectors.didcomm.port import MEDIA_TYPES, Fault, MessageUnfit, NoKey, Packing, Unpackable

PROVEN = {Packing.AUTHCRYPT, Packing.SIGNED, Packing.V1_AUTHCRYPT}
METHODS: tuple[Method, ...] = ("peer:2", "peer:4", "key")


@pytest.mark.parametrize("packing", Packing)
@pytest.mark.parametrize("method", METHODS)
async def test_what_one_packs_the_other_opens(tmp_path: Path, method: Method, packing: Packing) -> None:
    message = MESSAGE_1 if is_version_1(packing) else MESSAGE
    async with side(tmp_path, identity(method)) as alice, side(tmp_path, identity(method)) as bob:
        envelope = await alice.pack(message, names(bob, packing), None, packing)
        unpacked = await bob.unpack(envelope.content)
    assert message.items() <= unpacked.message.items()
    assert unpacked.sender == (names(alice, packing) if packing in PROVEN else None)
    assert unpacked.recipient == (None if packing is Packing.SIGNED else names(bob, packing))
    assert unpacked.how.encrypted is (packing is not Packing.SIGNED)
    assert unpacked.how.authenticated is (packing in PROVEN)
    assert unpacked.how.signed is (packing is Packing.SIGNED)
    assert unpacked.how.version == (1 if is_version_1(packing) else 2)
    assert unpacked.sha256 == envelope.sha256
    assert envelope.media_type == MEDIA_TYPES[packing]


@pytest.mark.parametrize("packing", [one for one in Packing if one is not Packing.SIGNED])
async def test_each_of_many_recipients_opens_it_and_nobody_else(tmp_path: Path, packing: Packing) -> None:
    message = MESSAGE_1 if is_version_1(packing) else MESSAGE
    async with (
        side(tmp_path, identity()) as alice,
        side(tmp_path, identity()) as bob,
        side(tmp_path, identity()) as carol,
        side(tmp_path, identity()) as eve,
    ):
        envelope = await alice.pack(message, [names(bob, packing), names(carol, packing)], None, packing)
        for packer in (bob, carol):
            assert (await packer.unpack(envelope.content)).recipient == names(packer, packing)
        with pytest.raises(Unpackable) as refused:
            await eve.unpack(envelope.content)
    assert refused.value.reason is Fault.NOT_FOR_US
    assert refused.value.sha256 == envelope.sha256


@pytest.mark.parametrize("curve", ["X25519", "P-256", "P-384", "P-521"])
@pytest.mark.parametrize("packing", [Packing.AUTHCRYPT, Packing.ANONCRYPT])
async def test_every_curve(tmp_path: Path, curve: Curve, packing: Packing) -> None:
    """The sender has keys on several, and takes the recipient's."""
    ours = identity(curves=("X25519", "P-256", "P-384", "P-521"))
    async with side(tmp_path, ours) as alice, side(tmp_path, identity(curves=(curve,))) as bob:
        envelope = await alice.pack(MESSAGE, names(bob, packing), None, packing)
        unpacked = await bob.unpack(envelope.content)
    assert MESSAGE.items() <= unpacked.message.items()


async def test_authcrypt_needs_a_key_on_the_curve_of_the_recipient(tmp_path: Path) -> None:
    async with side(tmp_path, identity()) as alice, side(tmp_path, identity(curves=("P-384",))) as bob:
        with pytest.raises(NoKey, match="no P-384 key") as refused:
            await alice.pack(MESSAGE, names(bob, Packing.AUTHCRYPT))
    assert refused.value.own


async def test_keys_are_named_as_the_caller_names_them(tmp_path: Path) -> None:
    """Agents from before 2023 name the keys of a did:peer:2 by their multikey: an answer may do so, too."""
    async with side(tmp_path, identity()) as alice, side(tmp_path, identity()) as bob:
        document = await alice.resolve(bob.own[0].did or "")
        old_style = f"{document.did}#{document.key_agreement[0].also[1]}"
        assert old_style.partition("#")[2].startswith("6LS")
        unpacked = await bob.unpack((await alice.pack(MESSAGE, old_style)).content)
        assert (unpacked.recipient, unpacked.recipient_key) == (document.did, old_style)
        answer = await bob.pack({**MESSAGE, "thid": "7"}, unpacked.sender_key or "", unpacked.recipient_key)
        back = await alice.unpack(answer.content)
    assert (back.sender, back.sender_key) == (document.did, old_style)


CONTRADICTIONS = [
    ("from is another", {"from": "did:example:mallory"}, "from"),
    ("from is no text", {"from": 7}, "from"),
    ("to is somebody else", {"to": ["did:example:mallory"]}, "to does not name"),
    ("to is no list", {"to": "did:example:bob"}, "to does not name"),
    ("typ is that of an envelope", {"typ": "application/didcomm-encrypted+json"}, "typ"),
    ("the body is no object", {"body": []}, "body"),
    ("it has no id", {"id": None}, "id and a type"),
    ("it cannot be JSON", {"body": {"x": {1, 2} | {"y"}}, "z": object()}, "JSON"),
]


@pytest.mark.parametrize(("why", "changed", "says"), CONTRADICTIONS, ids=[row[0] for row in CONTRADICTIONS])
@pytest.mark.parametrize("packing", [Packing.AUTHCRYPT, Packing.SIGNED])
async def test_a_message_that_contradicts_itself_is_not_packed(
    tmp_path: Path, why: str, changed: dict[str, object], says: str, packing: Packing
) -> None:
    async with side(tmp_path, identity()) as alice, side(tmp_path, identity()) as bob:
        with pytest.raises(MessageUnfit, match=says):
            await alice.pack({**MESSAGE, **changed}, names(bob, packing), None, packing)


async def test_an_envelope_larger_than_anybody_takes_is_not_made(tmp_path: Path) -> None:
    async with side(tmp_path, identity(), max_bytes=20_000) as alice, side(tmp_path, identity()) as bob:
        with pytest.raises(MessageUnfit, match="at most 20000"):
            await alice.pack({**MESSAGE, "body": {"x": "y" * 20_000}}, names(bob, Packing.AUTHCRYPT))


async def test_a_message_is_json_of_ascii_or_not(tmp_path: Path) -> None:
    """didcomm-messaging cut the tag of a version 1 envelope by characters instead of bytes."""
    async with side(tmp_path, identity()) as alice, side(tmp_path, identity()) as bob:
        envelope = await alice.pack(MESSAGE_1, names(bob, Packing.V1_AUTHCRYPT), None, Packing.V1_AUTHCRYPT)
    assert len(json.loads(envelope.content)["tag"]) == 24  # 16 bytes, with padding
