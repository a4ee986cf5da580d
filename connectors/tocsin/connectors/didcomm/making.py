"""New identities: keys, and a DID that names them and says how we are reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import did_peer_2
import did_peer_4

from tocsin.connectors.didcomm.algorithms import agreement_part, generate, public_jwk
from tocsin.connectors.didcomm.document import public_bytes, read_document
from tocsin.connectors.didcomm.encoding import Curve, to_multikey
from tocsin.connectors.didcomm.keys import Identity, OwnKey
from tocsin.connectors.didcomm.methods import self_contained, web_url
from tocsin.connectors.didcomm.port import PublicKey

Method = Literal["peer:2", "peer:4", "key", "web"]
_V2, _V1 = "didcomm/v2", "didcomm/aip2;env=rfc19"


def new_identity(
    name: str, method: Method, *, now: int, uri: str | None = None, routing_keys: Sequence[str] = (),
    curves: Sequence[Curve] = ("X25519",), web_did: str | None = None,
) -> Identity:  # fmt: skip
    """An identity with new keys: one that signs (Ed25519, also the verkey of version 1) and one for encryption on each
    of `curves`. `uri` is where peers reach us, or the DID of our mediator; `web_did` the DID of a did:web. Raises
    ValueError."""
    private = [generate(curve) for curve in curves]
    signing = generate("Ed25519")
    if method == "key":
        if tuple(curves) != ("X25519",) or uri is not None or routing_keys:
            raise ValueError("a did:key has one key and no endpoint")
        return _did_key(name, now)
    public = [to_multikey(*public_bytes(public_jwk(key))) for key in (*private, signing)]
    services = _services(uri, routing_keys)
    if method == "peer:2":
        did = did_peer_2.generate(
            [*map(did_peer_2.KeySpec.key_agreement, public[:-1]), did_peer_2.KeySpec.authentication(public[-1])],
            services[:1],
        )
        return _identity(name, did, [*private, signing], now, None)
    source = _document(public, services)
    if method == "peer:4":
        return _identity(name, did_peer_4.encode(source), [*private, signing], now, None)
    if web_did is None:
        raise ValueError("a did:web has the DID under which its document is published")
    web_url(web_did)
    return _identity(name, web_did, [*private, signing], now, _absolute(web_did, source, now))


def published(identity: Identity) -> dict[str, Any]:
    """The DID document of an identity, to be shown or served; there is nothing secret in it."""
    if identity.source is not None:
        return identity.source
    if identity.did.startswith("did:peer:2"):
        return dict(did_peer_2.resolve(identity.did))
    if identity.did.startswith("did:peer:4"):
        return dict(did_peer_4.resolve(identity.did))
    document = identity.document
    methods = {key.id: _method(key, identity.did) for key in (*document.authentication, *document.key_agreement)}
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": identity.did,
        "verificationMethod": list(methods.values()),
        "authentication": [key.id for key in document.authentication],
        "keyAgreement": [key.id for key in document.key_agreement],
    }


def _did_key(name: str, now: int) -> Identity:
    signing = generate("Ed25519")
    did = f"did:key:{to_multikey(*public_bytes(public_jwk(signing)))}"
    return _identity(name, did, [agreement_part(signing), signing], now, None)


def _identity(name: str, did: str, private: Sequence[Any], now: int, source: dict[str, Any] | None) -> Identity:
    document = read_document(did, source) if source is not None else self_contained(did)
    assert document is not None
    named = {(key.curve, key.public): key for key in (*document.key_agreement, *document.authentication)}
    keys = tuple(OwnKey(public=named[public_bytes(public_jwk(key))], private=key) for key in private)
    return Identity(name=name, document=document, keys=keys, made_at=now, source=source)


def _services(uri: str | None, routing_keys: Sequence[str]) -> list[dict[str, Any]]:
    """For version 2, and, where nobody stands between us, for version 1."""
    if uri is None:
        return []
    endpoint = {"uri": uri, "accept": [_V2], "routingKeys": list(routing_keys)}
    services: list[dict[str, Any]] = [{"type": "DIDCommMessaging", "serviceEndpoint": endpoint}]
    if not uri.startswith("did:") and not routing_keys:
        services.append(
            {
                "type": "did-communication", "serviceEndpoint": uri, "accept": [_V1], "recipientKeys": ["#sign"],
                "routingKeys": [], "priority": 0,
            }
        )  # fmt: skip
    return services


def _document(public: Sequence[str], services: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A document with relative names, as a did:peer:4 holds it."""
    agreement = [f"#agree-{number}" for number in range(1, len(public))]
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "verificationMethod": [
            {"id": name, "type": "Multikey", "publicKeyMultibase": key}
            for name, key in zip([*agreement, "#sign"], public, strict=True)
        ],
        "authentication": ["#sign"],
        "keyAgreement": agreement,
        "service": [
            {"id": f"#didcomm-{version}", **service} for version, service in zip((2, 1), services, strict=False)
        ],
    }  # fmt: skip


def _absolute(did: str, source: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The same for a did:web; its keys are named by their time, so that a rotation gives them other names."""
    made = {name: f"{did}{name}-{now}" for name in (*source["keyAgreement"], *source["authentication"])}
    methods = [{**each, "id": made[each["id"]], "controller": did} for each in source["verificationMethod"]]
    services = [
        {**each, "id": did + each["id"]}
        | ({"recipientKeys": [made[name] for name in each["recipientKeys"]]} if "recipientKeys" in each else {})
        for each in source["service"]
    ]
    return {
        "@context": source["@context"],
        "id": did,
        "verificationMethod": methods,
        "authentication": [made[name] for name in source["authentication"]],
        "keyAgreement": [made[name] for name in source["keyAgreement"]],
        "service": services,
    }


def _method(key: PublicKey, did: str) -> dict[str, str]:
    multikey = to_multikey(key.curve, key.public)
    return {"id": key.id, "type": "Multikey", "controller": did, "publicKeyMultibase": multikey}
