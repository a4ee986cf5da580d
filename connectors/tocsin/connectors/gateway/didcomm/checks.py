"""What is found wrong with a message that was opened: pure rules over what it says and what the keys prove."""

from __future__ import annotations

from tocsin.connectors.didcomm.port import Fault, ResolutionFault, Unpackable, Unpacked, Unresolvable
from tocsin.connectors.gateway.didcomm.message import Message

SKEW = 300 * 1_000_000
"""By how much two clocks may differ, in microseconds."""

BEYOND_LIMITS, NO_ENVELOPE, WRONG_RECIPIENT, WRONG_SENDER = "D1", "D2", "D3", "D4"
EXPIRED, AHEAD, UNAUTHENTICATED, UNRESOLVED, STRANGER = "D5", "D6", "D7", "D8", "D9"
REPLAYED, UNSUPPORTED, OTHER_VERSION = "G1", "G2", "G3"
CRYPTO, DID_METHOD, DID_MALFORMED, UNREADABLE = "G5", "G6", "G7", "G8"
"""Scenarios of the table tocsin-didcomm (connectors/MEDIATION.md)."""

_OF_FAULT = {
    Fault.TOO_LARGE: BEYOND_LIMITS,
    Fault.TOO_DEEP: BEYOND_LIMITS,
    Fault.TOO_MANY_RECIPIENTS: BEYOND_LIMITS,
    Fault.WRONG_LAYERS: BEYOND_LIMITS,
    Fault.NOT_JSON: NO_ENVELOPE,
    Fault.NOT_AN_ENVELOPE: NO_ENVELOPE,
    Fault.PLAINTEXT: UNAUTHENTICATED,
    Fault.NOT_FOR_US: WRONG_RECIPIENT,
    Fault.RECIPIENT_MISMATCH: WRONG_RECIPIENT,
    Fault.SENDER_MISMATCH: WRONG_SENDER,
    Fault.SIGNER_MISMATCH: WRONG_SENDER,
}
"""Any other fault is one of cryptography: G5."""
_OF_RESOLUTION = {ResolutionFault.METHOD_UNSUPPORTED: DID_METHOD, ResolutionFault.MALFORMED: DID_MALFORMED}


def scenario_of(error: Unpackable | Unresolvable) -> str:
    """The scenario of an envelope that did not open, or of whose sender nothing is known."""
    if isinstance(error, Unresolvable):
        return _OF_RESOLUTION.get(error.reason, UNRESOLVED)
    return _OF_FAULT.get(error.reason, CRYPTO)


def scenario_against(unpacked: Unpacked, message: Message, now: int) -> str | None:
    """The scenario of a message that must not be taken though it opened, None for one that may be."""
    if not unpacked.how.authenticated or unpacked.sender is None:
        return UNAUTHENTICATED
    if message.expires_at is not None and message.expires_at + SKEW <= now:
        return EXPIRED
    if message.created_at is not None and message.created_at > now + SKEW:
        return AHEAD
    return None
