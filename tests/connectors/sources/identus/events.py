"""Events as Identus Cloud Agent writes them, made anew after its source: one record of each kind, in any state."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from tocsin.connectors.publish import Origin
from tocsin.connectors.sources.port import Message

NOW = 1_796_040_000_000_000
WALLET = "9d1f8c7e-5b0a-4c52-b7a5-2f0e6c7d8a91"
AT = "2026-11-30T12:00:00.119127Z"
THREAD = "0d1c2b3a-7777-4f1e-8a55-92f7b8c0d6e1"
CONNECTION = "c3b1f9d4-1111-4c3d-9f33-6c1e5d8a7b90"
CLAIM = "Birgitta Ek"
"""What stands in a credential, and is nobody's business here."""

DATA: dict[str, dict[str, Any]] = {
    "ConnectionUpdated": {
        "connectionId": CONNECTION, "thid": THREAD, "label": "Harbour office", "role": "Invitee",
        "state": "ConnectionRequestPending", "myDid": "did:peer:2.Ez6LSmine", "theirDid": "did:peer:2.Ez6LStheirs",
        "invitation": {"id": THREAD, "type": "https://didcomm.org/out-of-band/2.0/invitation",
                       "from": "did:peer:2.Ez6LStheirs", "invitationUrl": "https://harbour.example/i?_oob=eyJ"},
        "createdAt": "2026-11-30T11:58:12.004001Z", "metaRetries": 5, "self": CONNECTION, "kind": "Connection",
    },
    "IssueCredentialRecordUpdated": {
        "recordId": "5f0a1f6b-2222-4d9e-8d1a-7c1a3e5b9f02", "thid": THREAD, "credentialFormat": "JWT",
        "claims": {"name": CLAIM, "boat": "SE-1182"}, "automaticIssuance": True, "validityPeriod": 3600.0,
        "createdAt": "2026-11-30T11:59:00.000001Z", "role": "Issuer", "protocolState": "CredentialPending",
        "issuingDID": "did:prism:4c1d", "metaRetries": 5,
    },
    "PresentationUpdated": {
        "presentationId": "5b2d6a0e-3333-4c22-9d57-2a4c43f0a1c3", "thid": THREAD, "role": "Verifier",
        "status": "RequestPending", "proofs": [], "data": [CLAIM], "requestData": [], "connectionId": CONNECTION,
        "metaRetries": 5,
    },
    "DIDStatusUpdated": {"did": "did:prism:4c1d", "longFormDid": "did:prism:4c1d:CmsKaRJl", "status": "PUBLISHED"},
}  # fmt: skip
"""Type -> `data`, without a failure."""

FAILURE = {
    "status": 500, "type": "error:Connection:FailureInfo", "title": "Failure Info",
    "detail": "Cannot reach did:peer:2.Ez6LStheirs", "instance": "error:instance:1f4e1b52-9d5e-4a64-b1a6-7a1d2f3c4b5e",
}  # fmt: skip
STATE = {"ConnectionUpdated": "state", "IssueCredentialRecordUpdated": "protocolState", "PresentationUpdated": "status",
         "DIDStatusUpdated": "status"}  # fmt: skip


def event(kind: str, *, left: int | None = None, state: str | None = None, **more: Any) -> dict[str, Any]:
    """An event; with `left` tries its record says a failure. `more` are members of the envelope, or of `data`."""
    data = copy.deepcopy(DATA[kind])
    if state is not None:
        data[STATE[kind]] = state
    if left is not None:
        data |= {"metaRetries": left, "metaLastFailure": dict(FAILURE)}
    envelope = {"id": "2f9f0d6c-0001-4a5b-9b1c-1d2e3f4a5b6c", "ts": AT, "type": kind, "data": data, "walletId": WALLET}
    for name, value in more.items():
        (envelope if name in envelope else data)[name] = value
    return envelope


def message(document: Any, wallets: Mapping[str, str] | None = None) -> Message:
    """It as a message of tenant acme."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Message(body=body, origin=Origin(tenant="acme"), now=NOW, wallets=wallets or {})
