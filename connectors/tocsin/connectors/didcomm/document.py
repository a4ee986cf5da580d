"""DID documents as they are found, read leniently: keys in every form that agents write, services of both versions.

What is not understood is left out; what is kept has been checked as far as text goes. That a key is a point of its
curve is found out when it is first used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeGuard

from tocsin.connectors.didcomm.dids import same_did, split_key_id
from tocsin.connectors.didcomm.encoding import LENGTH, Curve, from_base58, from_base64url, from_multikey, to_base58
from tocsin.connectors.didcomm.faults import ResolutionFault, Unresolvable
from tocsin.connectors.didcomm.port import DidDocument, PublicKey, Service

MAX_KEYS = 100
MAX_SERVICES = 20
MAX_URI = 2048

_BASE58_TYPES: Mapping[str, Curve] = {
    "Ed25519VerificationKey2018": "Ed25519",
    "ED25519SignatureVerification": "Ed25519",
    "X25519KeyAgreementKey2019": "X25519",
    "EcdsaSecp256k1VerificationKey2019": "secp256k1",
}
_JWK_CURVES: Mapping[tuple[str, str], Curve] = {
    ("OKP", "Ed25519"): "Ed25519",
    ("OKP", "X25519"): "X25519",
    ("EC", "P-256"): "P-256",
    ("EC", "P-384"): "P-384",
    ("EC", "P-521"): "P-521",
    ("EC", "secp256k1"): "secp256k1",
}
_KEY_AGREEMENT: frozenset[Curve] = frozenset({"X25519", "P-256", "P-384", "P-521"})
_SIGNATURE: frozenset[Curve] = frozenset({"Ed25519", "P-256", "secp256k1"})
_V1_TYPES = ("did-communication", "IndyAgent")


def read_document(did: str, found: object) -> DidDocument:
    """What is used of the document of a DID. Raises Unresolvable for the document of another, or none at all."""
    if not isinstance(found, dict) or not same_did(found.get("id"), did):
        raise Unresolvable(did, ResolutionFault.BAD_DOCUMENT, "it is not the document of this DID")
    methods = {key.id: key for key in _keys(did, _list(found, "verificationMethod") + _list(found, "publicKey"))}
    return DidDocument(
        did=did,
        key_agreement=tuple(_related(did, found, "keyAgreement", methods, _KEY_AGREEMENT)),
        authentication=tuple(_related(did, found, "authentication", methods, _SIGNATURE)),
        services=tuple(_services(did, _list(found, "service")[:MAX_SERVICES], methods)),
        also_known_as=tuple(each for each in _list(found, "alsoKnownAs") if isinstance(each, str)),
    )


def find_key(keys: Iterable[PublicKey], key_id: str) -> PublicKey | None:
    """The key with this id among those of one document, by whatever name of it."""
    try:
        did, fragment = split_key_id(key_id)
    except ValueError:
        return None
    for key in keys:
        own_did, _, own_fragment = key.id.partition("#")
        if same_did(own_did, did) and (fragment == own_fragment or fragment in key.also):
            return key
    return None


def public_bytes(jwk: object) -> tuple[Curve, bytes]:
    """Curve and key of a public JWK (RFC 7517), an elliptic point compressed. Raises ValueError."""
    if not isinstance(jwk, dict):
        raise ValueError("it is not a JWK")
    curve = _JWK_CURVES.get((str(jwk.get("kty")), str(jwk.get("crv"))))
    if curve is None:
        raise ValueError("its curve is not known")
    x = from_base64url(jwk.get("x"))
    if jwk["kty"] == "OKP":
        key = x
    else:
        # Authlib leaves leading zeros out, which RFC 7518 6.2.1.2 demands
        size = LENGTH[curve] - 1
        y = from_base64url(jwk.get("y")).rjust(size, b"\0")
        key = bytes([2 + (y[-1] & 1)]) + x.rjust(size, b"\0")
    if len(key) != LENGTH[curve]:
        raise ValueError(f"it has not the length of a key of {curve}")
    return curve, key


def _keys(did: str, methods: Iterable[Any]) -> Iterator[PublicKey]:
    for method in list(methods)[:MAX_KEYS]:
        key = _key(did, method)
        if key is not None:
            yield key


def _key(did: str, method: object) -> PublicKey | None:
    """None for what is no key, or one of another DID."""
    if not isinstance(method, dict):
        return None
    key_id = _absolute(did, method.get("id"))
    try:
        if not same_did(split_key_id(key_id)[0], did):
            return None
        curve, public = _material(method)
    except ValueError:
        return None
    return PublicKey(id=key_id, curve=curve, public=public)


def _material(method: Mapping[str, Any]) -> tuple[Curve, bytes]:
    if "publicKeyJwk" in method:
        return public_bytes(method["publicKeyJwk"])
    curve = _BASE58_TYPES.get(str(method.get("type")))
    if "publicKeyBase58" in method and curve is not None:
        return curve, from_base58(method["publicKeyBase58"], LENGTH[curve])
    if "publicKeyMultibase" in method:
        return from_multikey(method["publicKeyMultibase"])
    raise ValueError("it has no key in a form that is known")


def _related(
    did: str, found: Mapping[str, Any], relation: str, methods: Mapping[str, PublicKey], curves: frozenset[Curve]
) -> Iterator[PublicKey]:
    for entry in _list(found, relation)[:MAX_KEYS]:
        key = methods.get(_absolute(did, entry)) if isinstance(entry, str) else _key(did, entry)
        if key is not None and key.curve in curves:
            yield key


def _services(did: str, found: Iterable[Any], methods: Mapping[str, PublicKey]) -> Iterator[Service]:
    """Version 2 in the order of the document, then version 1 by its priority."""
    first: list[Service] = []
    then: list[Service] = []
    for service in found:
        if not isinstance(service, dict):
            continue
        kinds = service.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if "DIDCommMessaging" in kinds:
            first += _endpoints(did, service, methods)
        elif any(kind in _V1_TYPES for kind in kinds):
            then += _version_1(did, service, service.get("serviceEndpoint"), methods)
    yield from first
    yield from sorted(then, key=lambda service: service.priority)


def _endpoints(did: str, service: Mapping[str, Any], methods: Mapping[str, PublicKey]) -> Iterator[Service]:
    """An endpoint is a URI, an object, or a list of them; a URI has its other members beside it."""
    endpoints = service.get("serviceEndpoint")
    for each in (endpoints if isinstance(endpoints, list) else [endpoints])[:MAX_SERVICES]:
        members: Mapping[str, Any] = each if isinstance(each, dict) else {**service, "uri": each}
        uri, accept = members.get("uri"), _texts(members, "accept")
        if accept and "didcomm/v2" not in accept:
            yield from _version_1(did, {**service, **members}, uri, methods)
        elif _is_uri(uri):
            yield Service(uri=uri, to=did, version=2, accept=accept, routing_keys=_texts(members, "routingKeys"))


def _version_1(did: str, service: Mapping[str, Any], uri: Any, methods: Mapping[str, PublicKey]) -> Iterator[Service]:
    if not _is_uri(uri):
        return
    recipients = _verkeys(did, _texts(service, "recipientKeys"), methods)
    if "recipientKeys" not in service:
        recipients = tuple(to_base58(key.public) for key in methods.values() if key.curve == "Ed25519")
    priority = service.get("priority")
    yield Service(
        uri=uri,
        to=did,
        version=1,
        accept=_texts(service, "accept"),
        # Aries RFC 0067 begins with the one next to the recipient
        routing_keys=_verkeys(did, _texts(service, "routingKeys"), methods)[::-1],
        recipient_keys=recipients,
        priority=priority if isinstance(priority, int) else 0,
    )


def _verkeys(did: str, named: Iterable[str], methods: Mapping[str, PublicKey]) -> tuple[str, ...]:
    """As base58, which Aries RFC 0019 has: a service names them so, as did:key, or as keys of the document."""
    found = []
    for name in named:
        key = methods.get(_absolute(did, name))
        try:
            if key is None and name.startswith("did:key:"):
                curve, public = from_multikey(name.removeprefix("did:key:").partition("#")[0])
            else:
                curve, public = (key.curve, key.public) if key is not None else ("Ed25519", from_base58(name, 32))
        except ValueError:
            continue
        if curve == "Ed25519":
            found.append(to_base58(public))
    return tuple(found)


def _absolute(did: str, key_id: object) -> str:
    text = key_id if isinstance(key_id, str) else ""
    return did + text if text.startswith("#") else text


def _is_uri(uri: object) -> TypeGuard[str]:
    return isinstance(uri, str) and 0 < len(uri) <= MAX_URI


def _list(found: Mapping[str, Any], name: str) -> list[Any]:
    value = found.get(name)
    return value if isinstance(value, list) else []


def _texts(found: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(each for each in _list(found, name)[:MAX_KEYS] if isinstance(each, str) and len(each) <= MAX_URI)
