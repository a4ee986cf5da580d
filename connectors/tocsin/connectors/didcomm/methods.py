"""DID methods: the document that a DID holds in itself (did:key, did:peer 2 and 4), or where it is (did:web)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, unquote

import did_peer_2
import did_peer_4
from msgspec.structs import replace

from tocsin.connectors.didcomm.algorithms import to_x25519
from tocsin.connectors.didcomm.dids import is_did, method_of
from tocsin.connectors.didcomm.document import read_document
from tocsin.connectors.didcomm.encoding import from_multikey, to_multikey
from tocsin.connectors.didcomm.faults import ResolutionFault, Unresolvable
from tocsin.connectors.didcomm.port import DidDocument, PublicKey

_PEER4_SHORT = re.compile(r"did:peer:4zQm[1-9A-HJ-NP-Za-km-z]{44}")
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")


def self_contained(did: str) -> DidDocument | None:
    """The document of a DID that needs nobody else; None for one that must be looked up (did:web).

    Raises Unresolvable: MALFORMED, METHOD_UNSUPPORTED, and NOT_FOUND for the short form of a did:peer:4, which only
    who has seen the long one can resolve.
    """
    if not is_did(did):
        raise Unresolvable(did if isinstance(did, str) else "", ResolutionFault.MALFORMED, "it is no DID")
    method = method_of(did)
    if method == "web":
        return None
    read = _READERS.get(did[:10] if method == "peer" else f"did:{method}:")
    if read is None:
        raise Unresolvable(did, ResolutionFault.METHOD_UNSUPPORTED, f"did:{method[:20]} is not resolved here")
    try:
        return read(did)
    except Unresolvable:
        raise
    except Exception:  # whatever the libraries make of a text that is none of theirs
        raise Unresolvable(did, ResolutionFault.MALFORMED, f"it is not as did:{method} says") from None


def web_url(did: str) -> str:
    """Where the document of a did:web is (W3C did:web method). Raises Unresolvable."""
    host, *path = did.removeprefix("did:web:").split(":")
    host = unquote(host)
    if not _HOST.fullmatch(host) or not all(path) or any(unquote(each) in (".", "..") for each in path):
        raise Unresolvable(did, ResolutionFault.MALFORMED, "it names no host, or no path there")
    return f"https://{host}/{'/'.join(quote(unquote(each), safe='') for each in path or ['.well-known'])}/did.json"


def _did_key(did: str) -> DidDocument:
    text = did.removeprefix("did:key:")
    curve, public = from_multikey(text)
    key = PublicKey(id=f"{did}#{text}", curve=curve, public=public)
    signs = curve in ("Ed25519", "P-256", "secp256k1")
    agreement = key if curve != "Ed25519" else _agreement_of(did, public)
    return DidDocument(
        did=did,
        authentication=(key,) if signs else (),
        key_agreement=() if curve == "secp256k1" else (agreement,),
    )


def _agreement_of(did: str, public: bytes) -> PublicKey:
    """The X25519 key of an Ed25519 one: did:key says it in no other way."""
    converted = to_x25519(public)
    return PublicKey(id=f"{did}#{to_multikey('X25519', converted)}", curve="X25519", public=converted)


def _peer_2(did: str) -> DidDocument:
    found = did_peer_2.resolve(did)
    document = read_document(did, found)
    # before 2023 the specification named a key by its multikey, without the multibase
    names = {
        did + method["id"]: (method["publicKeyMultibase"], method["publicKeyMultibase"][1:])
        for method in found["verificationMethod"]
    }
    return replace(
        document,
        key_agreement=tuple(replace(key, also=names[key.id]) for key in document.key_agreement),
        authentication=tuple(replace(key, also=names[key.id]) for key in document.authentication),
    )


def _peer_4(did: str) -> DidDocument:
    if _PEER4_SHORT.fullmatch(did):
        raise Unresolvable(did, ResolutionFault.NOT_FOUND, "its long form was not seen here")
    return read_document(did, did_peer_4.resolve(did))


_READERS: Mapping[str, Callable[[str], DidDocument]] = {
    "did:key:": _did_key,
    "did:peer:2": _peer_2,
    "did:peer:4": _peer_4,
}
