"""Our keys in memory: which of them an envelope is for, and under which one is sent. No text of them shows a key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from tocsin.connectors.didcomm.algorithms import SIGNATURE, PrivatePart
from tocsin.connectors.didcomm.dids import same_did, short, split_key_id
from tocsin.connectors.didcomm.document import find_key
from tocsin.connectors.didcomm.encoding import Curve, to_base58
from tocsin.connectors.didcomm.faults import NoKey
from tocsin.connectors.didcomm.port import DEFAULT, DidDocument, OwnDid, PublicKey


class OwnKey(Struct, frozen=True, kw_only=True):
    """A private key of ours."""

    public: PublicKey
    private: PrivatePart

    def __repr__(self) -> str:
        return f"OwnKey({self.public.id!r})"


class Identity(Struct, frozen=True, kw_only=True):
    """A DID of ours with its keys."""

    name: str
    document: DidDocument
    keys: tuple[OwnKey, ...]
    current: bool = True
    made_at: int = 0
    """Seconds since the epoch."""

    source: dict[str, Any] | None = None
    """The document as it is published, where the DID does not hold it (did:web)."""

    def __repr__(self) -> str:
        return f"Identity({self.name!r}, {self.document.did[:40]!r}, {len(self.keys)} keys)"

    @property
    def did(self) -> str:
        """Its DID."""
        return self.document.did

    @property
    def verkey(self) -> str | None:
        """How version 1 names it: by its Ed25519 key."""
        return next((to_base58(key.public.public) for key in self.keys if key.public.curve == "Ed25519"), None)

    def agreement(self, curve: Curve | None = None) -> list[OwnKey]:
        """The keys for encryption, of one curve or of any, as its document orders them."""
        return self._of(self.document.key_agreement, curve)

    def signing(self) -> OwnKey:
        """The key that signs. Raises NoKey."""
        for key in self._of(self.document.authentication, None):
            if key.public.curve in SIGNATURE:
                return key
        raise NoKey(self.did, "it has no key that signs", own=True)

    def _of(self, keys: Iterable[PublicKey], curve: Curve | None) -> list[OwnKey]:
        own = {key.public.id: key for key in self.keys}
        return [own[key.id] for key in keys if key.id in own and curve in (None, key.curve)]


class KeyRing:
    """All of our identities."""

    def __init__(self, identities: Sequence[Identity]) -> None:
        self.identities = tuple(sorted(identities, key=lambda one: (not one.current, -one.made_at)))
        self._keys: dict[tuple[str, str], tuple[Identity, OwnKey]] = {}
        self._verkeys: dict[str, tuple[Identity, OwnKey]] = {}
        for identity in reversed(self.identities):
            for key in identity.keys:
                did, fragment = split_key_id(key.public.id)
                for name in (fragment, *key.public.also):
                    self._keys[short(did), name] = (identity, key)
                if key.public.curve == "Ed25519":
                    self._verkeys[to_base58(key.public.public)] = (identity, key)

    def __repr__(self) -> str:
        return f"KeyRing({len(self.identities)} identities)"

    @property
    def own(self) -> tuple[OwnDid, ...]:
        """Our identities without their private keys, those in use first."""
        return tuple(
            OwnDid(name=one.name, did=one.did, verkey=one.verkey, current=one.current) for one in self.identities
        )

    def key(self, key_id: str) -> tuple[Identity, OwnKey] | None:
        """The private key with this id, by whatever name of it."""
        try:
            did, fragment = split_key_id(key_id)
        except ValueError:
            return None
        return self._keys.get((short(did), fragment))

    def verkey(self, verkey: str) -> tuple[Identity, OwnKey] | None:
        """The private key of a verkey."""
        return self._verkeys.get(verkey)

    def identity(self, who: str | None) -> Identity:
        """The one with this name, DID, key id or verkey; the default one for None. Raises NoKey."""
        if who is None:
            named = [one for one in self.identities if one.current]
            first = next((one for one in named if one.name == DEFAULT), named[0] if named else None)
            if first is None:
                raise NoKey("", "there are no keys: make some with `tocsin didcomm keys create`", own=True)
            return first
        found = self._verkeys.get(who) or (self.key(who) if "#" in who else None)
        if found is not None:
            return found[0]
        for one in self.identities:
            if who == one.name or same_did(who, one.did):
                return one
        raise NoKey(who, "it is none of our identities: `tocsin didcomm keys list` shows them", own=True)

    def document(self, did: str) -> DidDocument | None:
        """The document of one of our own DIDs."""
        return next((one.document for one in self.identities if same_did(did, one.did)), None)


def sender_key(identity: Identity, who: str | None, curve: Curve) -> tuple[str, OwnKey]:
    """The key for authcrypt on a curve, and how it is named: as `who` names it, where that is the id of a key. Raises
    NoKey."""
    keys = identity.agreement(curve)
    if who is not None and "#" in who:
        named = find_key((key.public for key in keys), who)
        keys = [key for key in keys if named is not None and key.public.id == named.id]
        if keys:
            return who, keys[0]
    if not keys:
        raise NoKey(identity.did, f"it has no {curve} key, as the recipient has", own=True)
    return keys[0].public.id, keys[0]
