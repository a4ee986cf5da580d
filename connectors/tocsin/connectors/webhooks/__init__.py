"""Webhooks by Standard Webhooks 1.0.0, for receivers in Python and for our own sink: see docs/receivers.md.

    verified = verify(body, headers, ["whsec_...", "whpk_..."])     # raises SignatureRefused
    with once(seen_ids, verified.webhook_id) as new: ...            # a repeat is done once

Part of the light package (`pip install tocsin`); only ed25519 (`v1a`) needs an extra, `pip install 'tocsin[ed25519]'`.
"""

from __future__ import annotations

from tocsin.connectors.seen import MemorySeenIds, SeenIds, SqliteSeenIds, once
from tocsin.connectors.webhooks.challenges import CHALLENGE, challenge_in
from tocsin.connectors.webhooks.keys import for_receivers, new_key_pair, new_secret, signing_key, verifying_key
from tocsin.connectors.webhooks.signatures import (
    MAX_SIGNATURES,
    TOLERANCE,
    RefusalReason,
    SignatureRefused,
    Signer,
    Verified,
    sign,
    verify,
)

__all__ = [
    "CHALLENGE",
    "MAX_SIGNATURES",
    "TOLERANCE",
    "MemorySeenIds",
    "RefusalReason",
    "SeenIds",
    "SignatureRefused",
    "Signer",
    "SqliteSeenIds",
    "Verified",
    "challenge_in",
    "for_receivers",
    "new_key_pair",
    "new_secret",
    "once",
    "sign",
    "signing_key",
    "verify",
    "verifying_key",
]
