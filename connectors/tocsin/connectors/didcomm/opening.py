"""An envelope opened layer by layer, until a message is left of which everything is proven that is said of it.

Cheap checks come first: sizes and headers before keys, our own keys before the sender's document is looked up. No layer
is opened twice, and each is smaller than the one around it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

from msgspec import Struct, field

from tocsin.connectors.didcomm import aries1
from tocsin.connectors.didcomm.algorithms import public_key
from tocsin.connectors.didcomm.consistency import check_message, check_recipients, check_sender
from tocsin.connectors.didcomm.dids import split_key_id
from tocsin.connectors.didcomm.document import find_key
from tocsin.connectors.didcomm.encrypted import open_encrypted, read_encrypted
from tocsin.connectors.didcomm.faults import Fault, Unpackable
from tocsin.connectors.didcomm.keys import Identity, KeyRing, OwnKey
from tocsin.connectors.didcomm.port import How, PublicKey, Unpacked
from tocsin.connectors.didcomm.reading import protected_header, read_object
from tocsin.connectors.didcomm.resolver import Resolver
from tocsin.connectors.didcomm.signed import check_signature, read_signed

Recipient = TypeVar("Recipient")


class _Layers(Struct):
    """What the layers opened so far have proven."""

    depth: int = 0
    """3 for anoncrypt, 2 for authcrypt, 1 for signed: each is inside a higher one."""

    sender_key: str | None = None
    recipient_keys: list[str] = field(default_factory=list)
    signer_keys: list[str] = field(default_factory=list)
    algorithms: list[str] = field(default_factory=list)

    def enter(self, depth: int, *algorithms: str) -> None:
        """Raises Unpackable for a layer that may not be inside the one around it."""
        if self.depth and depth >= self.depth:
            raise Unpackable(Fault.WRONG_LAYERS, "not anoncrypt of authcrypt of signed")
        self.depth = depth
        self.algorithms += algorithms


class Opener:
    """Opens envelopes with our keys."""

    def __init__(self, keys: Callable[[], KeyRing], resolver: Resolver, limit: int) -> None:
        """`keys` has those of the moment, `limit` is how many bytes an envelope may have."""
        self._keys, self._resolver, self._limit = keys, resolver, limit

    async def open(self, content: bytes) -> Unpacked:
        """As `Packer.unpack` says."""
        digest = hashlib.sha256(content).hexdigest()
        try:
            return await self._open(content, digest)
        except Unpackable as unpackable:
            unpackable.sha256 = digest
            raise

    async def _open(self, content: bytes, digest: str) -> Unpacked:
        found = read_object(content, Fault.NOT_JSON, self._limit)
        layers = _Layers()
        while True:
            kind = _kind(found)
            if kind == "encrypted":
                protected = protected_header(found, self._limit)
                if protected.get("alg") in (aries1.AUTHCRYPT, aries1.ANONCRYPT):
                    return self._open_version_1(found, protected, layers, digest)
                inside = await self._decrypt(found, protected, layers)
            elif kind == "signed":
                inside = await self._verify(found, layers)
            elif layers.depth == 0:
                raise Unpackable(Fault.PLAINTEXT if kind == "message" else Fault.NOT_AN_ENVELOPE)
            else:
                return self._message(found, layers, digest)
            found = read_object(inside, Fault.NOT_A_MESSAGE, self._limit)

    async def _decrypt(self, found: Mapping[str, Any], protected: Mapping[str, Any], layers: _Layers) -> bytes:
        envelope = read_encrypted(found, protected)
        layers.enter(3 if envelope.sender is None else 2, envelope.alg, envelope.enc)
        recipient, own = _of_ours((each, self._keys().key(each.key_id)) for each in envelope.recipients)
        public = own.public
        sender = None
        if envelope.sender is not None:
            key = await self._peer_key(envelope.sender, "key_agreement")
            if key.curve != public.curve:
                raise Unpackable(Fault.UNDECRYPTABLE, "the sender's key is of another curve than ours")
            sender = _usable(key)
            layers.sender_key = envelope.sender
        inside = open_encrypted(envelope, recipient, (public.curve, own.private), sender)
        layers.recipient_keys.append(recipient.key_id)
        return inside

    async def _verify(self, found: Mapping[str, Any], layers: _Layers) -> bytes:
        signed = read_signed(found, self._limit)
        layers.enter(1, *(signature.alg for signature in signed.signatures))
        message = read_object(signed.payload, Fault.NOT_A_MESSAGE, self._limit)
        signers = [signature.key_id for signature in signed.signatures]
        check_sender(message, None, map(_did, signers))  # before somebody else's DID is looked up
        for signature in signed.signatures:
            check_signature(signature, await self._peer_key(signature.key_id, "authentication"))
        layers.signer_keys += signers
        return signed.payload

    async def _peer_key(self, key_id: str, relation: Literal["key_agreement", "authentication"]) -> PublicKey:
        for refresh in (False, True):
            document = await self._resolver.resolve(_did(key_id), refresh=refresh)
            key = find_key(getattr(document, relation), key_id)
            if key is not None:
                return key
        raise Unpackable(Fault.SENDER_KEY_UNKNOWN, f"its document has no such key for {relation}")

    def _message(self, found: dict[str, Any], layers: _Layers, digest: str) -> Unpacked:
        check_message(found)
        by = _did(layers.sender_key) if layers.sender_key is not None else None
        sender = check_sender(found, by, map(_did, layers.signer_keys))
        recipients = layers.recipient_keys
        check_recipients(found, [_did(key) for key in recipients], by_signature=sender is not None and by is None)
        how = How(
            version=2, encrypted=bool(recipients), authenticated=sender is not None, signed=bool(layers.signer_keys),
            algorithms=tuple(layers.algorithms),
        )  # fmt: skip
        return Unpacked(
            message=found, sender=sender, recipient=_did(recipients[-1]) if recipients else None, how=how,
            sha256=digest, sender_key=layers.sender_key or next(iter(layers.signer_keys), None),
            recipient_key=recipients[-1] if recipients else None,
        )  # fmt: skip

    def _open_version_1(
        self, found: Mapping[str, Any], protected: Mapping[str, Any], layers: _Layers, digest: str
    ) -> Unpacked:
        if layers.depth:
            raise Unpackable(Fault.WRONG_LAYERS, "an envelope of version 1 is inside one of version 2")
        envelope = aries1.read_packed(found, protected)
        recipient, own = _of_ours((each, self._keys().verkey(each.verkey)) for each in envelope.recipients)
        inside, sender = aries1.open_packed(envelope, recipient, own.private)
        message = read_object(inside, Fault.NOT_A_MESSAGE, self._limit)
        if not isinstance(message.get("@type"), str) or not message["@type"]:
            raise Unpackable(Fault.NOT_A_MESSAGE, "it has no @type")
        how = How(
            version=1, encrypted=True, authenticated=sender is not None, signed=False,
            algorithms=(envelope.alg, aries1.ENC),
        )  # fmt: skip
        return Unpacked(
            message=message, sender=sender, recipient=recipient.verkey, how=how, sha256=digest, sender_key=sender,
            recipient_key=recipient.verkey,
        )  # fmt: skip


def _kind(found: Mapping[str, Any]) -> Literal["encrypted", "signed", "message", "unknown"]:
    if "ciphertext" in found:
        return "encrypted"
    if "payload" in found and ("signatures" in found or "signature" in found):
        return "signed"
    return "message" if "type" in found or "@type" in found else "unknown"


def _of_ours(recipients: Iterable[tuple[Recipient, tuple[Identity, OwnKey] | None]]) -> tuple[Recipient, OwnKey]:
    """The first recipient whose key is ours, and that key."""
    for recipient, own in recipients:
        if own is not None:
            return recipient, own[1]
    raise Unpackable(Fault.NOT_FOR_US, "none of the recipients is a key of ours")


def _did(key_id: str) -> str:
    return split_key_id(key_id)[0]


def _usable(key: PublicKey) -> Any:
    try:
        return public_key(key.curve, key.public)
    except ValueError as error:
        raise Unpackable(Fault.SENDER_KEY_UNKNOWN, str(error)) from None
