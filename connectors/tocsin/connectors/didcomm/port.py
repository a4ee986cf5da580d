"""What the sink, the gateway and the pickup client know of DIDComm: a packer, and what it may raise.

`async with open_packer(config) as packer` (`didcomm.packer`) opens our keys and a resolver of DIDs. What a packer is
given is a message as a writer made it; what it gives back is either proven or absent: `sender` is None unless the
cryptography says who it was, whatever the message claims.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, Protocol

from msgspec import Struct

from tocsin.connectors.didcomm.dids import Curve
from tocsin.connectors.didcomm.faults import (
    Fault,
    KeysUnusable,
    MessageUnfit,
    NoKey,
    ResolutionFault,
    Unpackable,
    Unresolvable,
)

MAX_ENVELOPE = 1024 * 1024
"""The largest envelope that is opened or made, in bytes: the gateway's own limit of a body."""
MAX_RECIPIENTS = 100
"""For how many keys an envelope may be."""
MAX_LAYERS = 3
"""How many envelopes may be inside each other: anoncrypt of authcrypt of signed, each at most once."""


DEFAULT = "default"
"""The name of the identity that is used where none is named."""


class Packing(StrEnum):
    """How a message is packed. A peer is a DID; for `v1_*` it may be a verkey (base58) too."""

    AUTHCRYPT = "authcrypt"
    """Encrypted, and the recipient knows who sent it: ECDH-1PU+A256KW, A256CBC-HS512."""
    ANONCRYPT = "anoncrypt"
    """Encrypted; nothing says who sent it: ECDH-ES+A256KW, A256CBC-HS512."""
    SIGNED = "signed"
    """Signed and readable by anybody: for a peer whose keys we do not know, since its message did not open."""
    V1_AUTHCRYPT = "v1_authcrypt"
    """Aries RFC 0019, sender known."""
    V1_ANONCRYPT = "v1_anoncrypt"
    """Aries RFC 0019, sender unknown."""


MEDIA_TYPES: Mapping[Packing, str] = {
    Packing.AUTHCRYPT: "application/didcomm-encrypted+json",
    Packing.ANONCRYPT: "application/didcomm-encrypted+json",
    Packing.SIGNED: "application/didcomm-signed+json",
    Packing.V1_AUTHCRYPT: "application/didcomm-envelope-enc",
    Packing.V1_ANONCRYPT: "application/didcomm-envelope-enc",
}
"""The media type of each, exactly as peers demand it: no parameter is added."""


class Envelope(Struct, frozen=True, kw_only=True):
    """A packed message, ready for a POST."""

    content: bytes
    media_type: str
    to: tuple[str, ...]
    """Whom it is for, as `pack` was told: DIDs, key ids or verkeys. Empty for a signed message."""

    sha256: str
    """Of the content, in hexadecimal: the message id of source 004, by which a log, a record and a peer's own log meet.
    `forward` keeps none: each envelope has its own."""


class How(Struct, frozen=True, kw_only=True):
    """What protects a message that was opened, of all its layers."""

    version: Literal[1, 2]
    encrypted: bool
    authenticated: bool
    """The sender is proven: by authcrypt, or by a signature."""

    signed: bool
    """By a signature, which proves the sender to others too."""

    algorithms: tuple[str, ...]
    """As the envelopes name them, the outermost first: `ECDH-1PU+A256KW`, `A256CBC-HS512`, `EdDSA`."""


class Unpacked(Struct, frozen=True, kw_only=True):
    """A message that was opened, and what is known of it."""

    message: dict[str, Any]
    sender: str | None
    """Who sent it, if that is proven: a DID, for version 1 a verkey. None for anoncrypt, whatever `from` says."""

    recipient: str | None
    """Which of ours it was encrypted for: a DID, for version 1 a verkey. None for what is only signed."""

    how: How
    sha256: str
    """Of the whole envelope, in hexadecimal."""

    sender_key: str | None = None
    recipient_key: str | None = None
    """Ids of the keys as the envelope names them. An answer from and to exactly these is understood by an agent that
    names the keys of a did:peer:2 in its own way."""


class PublicKey(Struct, frozen=True, kw_only=True):
    """A key of a DID document."""

    id: str
    """The whole DID URL."""

    curve: Curve
    public: bytes
    """As the curve encodes it: 32 bytes, or a compressed point."""

    also: tuple[str, ...] = ()
    """Other fragments by which it is named: agents number the keys of a did:peer:2 in two ways."""


class Service(Struct, frozen=True, kw_only=True):
    """A way to reach a DID by DIDComm."""

    uri: str
    """http(s), a DID (of a mediator) or another scheme: what is posted to is the sink's to say."""

    to: str
    """The DID whose service it is: what a forward names as next."""

    version: Literal[1, 2]
    accept: tuple[str, ...] = ()
    routing_keys: tuple[str, ...] = ()
    """Through whom, the outermost first; DIDs and key ids, for version 1 verkeys."""

    recipient_keys: tuple[str, ...] = ()
    """Version 1: for which verkeys a message is packed."""

    priority: int = 0
    """The lowest first; as in the document where they are equal."""


class DidDocument(Struct, frozen=True, kw_only=True):
    """What is used of a DID document."""

    did: str
    key_agreement: tuple[PublicKey, ...] = ()
    authentication: tuple[PublicKey, ...] = ()
    services: tuple[Service, ...] = ()
    """Of DIDComm, in the order in which they are tried."""

    also_known_as: tuple[str, ...] = ()


class OwnDid(Struct, frozen=True, kw_only=True):
    """One of our identities, without its private keys."""

    name: str
    """What its keys are called in the file; `default` is used where nothing else is said."""

    did: str | None
    verkey: str | None
    """For Aries v1."""

    current: bool
    """False for what a rotation left: it opens what still comes, and sends only where it is named."""


class Packer(Protocol):
    """Our keys and a resolver, opened once and used for many messages, at the same time if need be."""

    @property
    def own(self) -> Sequence[OwnDid]:
        """Our identities, those in use first."""
        ...

    async def pack(
        self,
        message: Mapping[str, Any],
        to: str | Sequence[str],
        from_: str | None = None,
        packing: Packing = Packing.AUTHCRYPT,
    ) -> Envelope:
        """The message as an envelope for every recipient: DIDs or key ids, for version 1 verkeys too.

        `from_` is one of ours; None stands for the default one where the packing names a sender. `from` and `to` of a
        version 2 message are taken as they are and must fit, or MessageUnfit; where they are missing they are written.
        Raises Unresolvable, NoKey and MessageUnfit.
        """
        ...

    async def unpack(self, content: bytes) -> Unpacked:
        """What an envelope holds, whatever the bytes. What it returns is genuine: every layer opened, and nothing in
        it names another sender or recipient than the keys do. Whether it came before is not known here.

        Raises Unpackable, and Unresolvable when the sender's DID has no document (what was sent is then neither
        genuine nor forged; with `retry` it may be tried again). Nothing else.
        """
        ...

    async def resolve(self, did: str) -> DidDocument:
        """The document of a DID, from memory while it is young enough. Raises Unresolvable."""
        ...

    async def reach(self, did: str, *, refresh: bool = False) -> Sequence[Service]:
        """The ways to a DID, the best first, with those of its mediators that are DIDs followed: `uri` is never a DID,
        and `routing_keys` names every mediator on the way. Empty when its document has none. With `refresh` the
        documents are looked up again, unless that was a moment ago. Raises Unresolvable, of the DID itself; a way that
        leads through a mediator without a document is left out while there is another."""
        ...

    async def forward(self, envelope: Envelope, service: Service) -> Envelope:
        """The envelope wrapped for every mediator of a service that `reach` gave, the innermost first; itself without
        mediators. For version 1 too. Raises Unresolvable, NoKey, and MessageUnfit if it ends too large."""
        ...


__all__ = [
    "MAX_ENVELOPE",
    "MAX_LAYERS",
    "MAX_RECIPIENTS",
    "MEDIA_TYPES",
    "DidDocument",
    "Envelope",
    "Fault",
    "How",
    "KeysUnusable",
    "MessageUnfit",
    "NoKey",
    "OwnDid",
    "Packer",
    "Packing",
    "PublicKey",
    "ResolutionFault",
    "Service",
    "Unpackable",
    "Unpacked",
    "Unresolvable",
]
