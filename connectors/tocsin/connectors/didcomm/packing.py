"""A message packed for its recipients, strictly as the specifications say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from tocsin.connectors.didcomm.algorithms import public_key
from tocsin.connectors.didcomm.aries1 import make_packed
from tocsin.connectors.didcomm.dids import is_did, same_did
from tocsin.connectors.didcomm.document import find_key
from tocsin.connectors.didcomm.encoding import Curve, from_base58
from tocsin.connectors.didcomm.encrypted import make_encrypted
from tocsin.connectors.didcomm.faults import MessageUnfit, NoKey
from tocsin.connectors.didcomm.keys import Identity, KeyRing, sender_key
from tocsin.connectors.didcomm.port import MAX_RECIPIENTS, MEDIA_TYPES, Envelope, Packing, PublicKey
from tocsin.connectors.didcomm.resolver import Resolver
from tocsin.connectors.didcomm.signed import make_signed

CURVES: tuple[Curve, ...] = ("X25519", "P-384", "P-256", "P-521")
"""Of key agreement, the preferred first."""
PLAIN = "application/didcomm-plain+json"


class Writer:
    """Packs messages with our keys."""

    def __init__(self, keys: Callable[[], KeyRing], resolver: Resolver, limit: int) -> None:
        """`keys` has those of the moment, `limit` is how many bytes an envelope may have."""
        self._keys, self._resolver, self._limit = keys, resolver, limit

    async def pack(
        self, message: Mapping[str, Any], to: str | Sequence[str], from_: str | None, packing: Packing
    ) -> Envelope:
        """As `Packer.pack` says."""
        peers = (to,) if isinstance(to, str) else tuple(to)
        if packing in (Packing.V1_AUTHCRYPT, Packing.V1_ANONCRYPT):
            content = await self._version_1(message, peers, from_, packing)
        elif packing is Packing.SIGNED:
            identity = self._keys().identity(from_)
            key = identity.signing()
            plain = _plain(message, identity.did, peers)
            content = make_signed(plain, key.public.id, key.public.curve, key.private)
        else:
            content = await self._version_2(message, peers, from_, packing)
        return self.envelope(content, packing, peers)

    def envelope(self, content: bytes, packing: Packing, to: Sequence[str]) -> Envelope:
        """What is ready to be sent. Raises MessageUnfit when it is too large."""
        if len(content) > self._limit:
            raise MessageUnfit(f"the envelope has {len(content)} bytes, at most {self._limit} are taken")
        digest = hashlib.sha256(content).hexdigest()
        return Envelope(content=content, media_type=MEDIA_TYPES[packing], to=tuple(to), sha256=digest)

    async def verkeys(self, peer: str) -> tuple[str, ...]:
        """The verkeys of a peer of version 1: itself, or those of its document. Raises Unresolvable, NoKey."""
        if not peer.startswith("did:"):
            _check_verkey(peer)
            return (peer,)
        document = await self._resolver.resolve(peer.partition("#")[0])
        for service in document.services:
            if service.version == 1 and service.recipient_keys:
                return service.recipient_keys
        raise NoKey(peer, "its document has no service of version 1 with recipient keys", own=False)

    async def _version_1(
        self, message: Mapping[str, Any], peers: Sequence[str], from_: str | None, packing: Packing
    ) -> bytes:
        if not isinstance(message.get("@type"), str) or not isinstance(message.get("@id"), str):
            raise MessageUnfit("a message of version 1 has an @type and an @id")
        verkeys = [verkey for peer in _some(peers) for verkey in await self.verkeys(peer)]
        sender = None
        if packing is Packing.V1_AUTHCRYPT:
            identity = self._keys().identity(from_)
            verkey = from_ if from_ is not None and self._keys().verkey(from_) else identity.verkey
            key = self._keys().verkey(verkey) if verkey is not None else None
            if verkey is None or key is None:
                raise NoKey(identity.did, "it has no Ed25519 key, as version 1 needs", own=True)
            sender = (verkey, key[1].private)
        return make_packed(_encoded(message), list(dict.fromkeys(verkeys)), sender)

    async def _version_2(
        self, message: Mapping[str, Any], peers: Sequence[str], from_: str | None, packing: Packing
    ) -> bytes:
        authcrypt = packing is Packing.AUTHCRYPT
        identity = self._keys().identity(from_) if authcrypt or from_ is not None else None
        found = [await self._agreement_keys(peer) for peer in _some(peers)]
        curve = _common_curve(peers, found, identity if authcrypt else None)
        to = {name: key for keys in found for name, key in keys.items() if key.curve == curve}
        if len(to) > MAX_RECIPIENTS:
            raise MessageUnfit(f"it is for {len(to)} keys, at most {MAX_RECIPIENTS} are taken")
        sender = None
        if authcrypt and identity is not None:
            name, own = sender_key(identity, from_, curve)
            sender = (name, own.private)
        plain = _plain(message, identity.did if identity is not None else None, peers)
        return make_encrypted(plain, [(name, _usable(key)) for name, key in to.items()], curve, sender)

    async def _agreement_keys(self, peer: str) -> dict[str, PublicKey]:
        """The keys for encryption of a DID, or the one with this id, by the names that the envelope gives them."""
        did, mark, _ = peer.partition("#")
        document = await self._resolver.resolve(did)
        if mark:
            key = find_key(document.key_agreement, peer)
            if key is None:
                raise NoKey(peer, "its document has no such key for encryption", own=False)
            return {peer: key}
        if not document.key_agreement:
            raise NoKey(peer, "its document has no key for encryption", own=False)
        return {key.id: key for key in document.key_agreement}


def _common_curve(peers: Sequence[str], found: Sequence[Mapping[str, PublicKey]], sender: Identity | None) -> Curve:
    """The preferred curve of which every recipient has a key, and the sender. Raises NoKey."""
    had = [{key.curve for key in keys.values()} for keys in found]
    shared = [curve for curve in CURVES if all(curve in curves for curves in had)]
    if not shared:
        raise NoKey(", ".join(peers), "they have keys of different curves: pack for each of them", own=False)
    for curve in shared:
        if sender is None or sender.agreement(curve):
            return curve
    assert sender is not None
    why = f"it has no {' or '.join(shared)} key, as the recipient has: make one with `tocsin didcomm keys create`"
    raise NoKey(sender.did, why, own=True)


def _plain(message: Mapping[str, Any], from_: str | None, to: Sequence[str]) -> bytes:
    """A message of version 2 as it is sent: with `typ`, `from` and `to`. Raises MessageUnfit."""
    if not isinstance(message.get("id"), str) or not isinstance(message.get("type"), str):
        raise MessageUnfit("a message of version 2 has an id and a type")
    if not isinstance(message.get("body", {}), dict):
        raise MessageUnfit("the body of a message of version 2 is an object")
    dids = list(dict.fromkeys(peer.partition("#")[0] for peer in to))
    written = {"typ": PLAIN, "body": {}, **message}
    if from_ is not None and not same_did(written.setdefault("from", from_), from_):
        raise MessageUnfit("from is not whom it is sent by")
    if dids:
        named = written.setdefault("to", dids)
        if not isinstance(named, list) or not all(any(same_did(did, each) for each in named) for did in dids):
            raise MessageUnfit("to does not name whom it is sent to")
    if written["typ"] != PLAIN or ("from" in written and not is_did(written["from"])):
        raise MessageUnfit(f"typ is {PLAIN}, and from a DID")
    return _encoded(written)


def _encoded(message: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(message)
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise MessageUnfit(f"it cannot be written as JSON: {type(error).__name__}") from None


def _some(peers: Sequence[str]) -> Sequence[str]:
    if not peers:
        raise MessageUnfit("it is for nobody")
    return peers


def _check_verkey(verkey: str) -> None:
    try:
        from_base58(verkey, 32)
    except ValueError as error:
        raise NoKey(verkey, f"it is neither a DID nor a verkey: {error}", own=False) from None


def _usable(key: PublicKey) -> Any:
    try:
        return public_key(key.curve, key.public)
    except ValueError as error:
        raise NoKey(key.id, str(error), own=False) from None
