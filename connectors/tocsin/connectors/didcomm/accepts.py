"""Which DIDComm a DID itself says that its agent takes, without looking anything up: for rules, which may not."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from functools import lru_cache
from typing import Any, Literal

import msgspec

_OF_TYPE = {"dm": 2, "DIDCommMessaging": 2, "did-communication": 1, "IndyAgent": 1}
"""Types of services, `dm` as did:peer:2 abbreviates it -> the version that one which names none is made for."""


@lru_cache(maxsize=1024)
def version_stated(did: str) -> Literal[1, 2] | None:
    """The one version that all services in a did:peer:2 accept; None for other DIDs, or if they accept both or none."""
    if not did.startswith("did:peer:2"):
        return None
    found: set[int] = set()
    for segment in did.split(".")[1:]:
        if segment.startswith("S"):
            found |= _versions(segment[1:])
    return None if len(found) != 1 else 1 if 1 in found else 2


def _versions(encoded: str) -> set[int]:
    try:
        said = msgspec.json.decode(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, msgspec.DecodeError, RecursionError):
        return set()
    services = said if isinstance(said, list) else [said]
    return {version for one in services if isinstance(one, dict) for version in _of_service(one)}


def _of_service(service: dict[str, Any]) -> set[int]:
    endpoint = service.get("s", service.get("serviceEndpoint"))
    nested = endpoint if isinstance(endpoint, dict) else {}
    accept = next((found for name in ("a", "accept") for found in (nested.get(name), service.get(name)) if found), None)
    if isinstance(accept, list):
        return {2 if one == "didcomm/v2" else 1 for one in accept if isinstance(one, str)}
    kind = service.get("t", service.get("type"))
    return {_OF_TYPE[kind]} if isinstance(kind, str) and kind in _OF_TYPE else set()
