"""Whether what a message says of itself is what the keys say: pure rules over an opened message.

A genuine envelope may hold any claim. Only claims that the cryptography bears out pass: the sender's DID is that of the
key, the signer is the sender, and we are among the recipients.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tocsin.connectors.didcomm.dids import same_did
from tocsin.connectors.didcomm.faults import Fault, Unpackable
from tocsin.connectors.didcomm.reading import is_typ


def check_message(message: Mapping[str, Any]) -> None:
    """Raises Unpackable for what is no message of version 2."""
    if not isinstance(message.get("type"), str) or not message["type"]:
        raise Unpackable(Fault.NOT_A_MESSAGE, "it has no type")
    if not is_typ(message.get("typ"), "didcomm-plain+json"):
        raise Unpackable(Fault.WRONG_TYP, "typ is not application/didcomm-plain+json")


def check_sender(message: Mapping[str, Any], encrypted_by: str | None, signed_by: Iterable[str]) -> str | None:
    """The DID that sent it, as far as authcrypt or a signature proves it. Raises Unpackable when `from` is another, or
    missing although it is proven."""
    claimed = message.get("from")
    for signer in signed_by:
        if not same_did(claimed, signer):
            raise Unpackable(Fault.SIGNER_MISMATCH, "from is not who signed it")
        encrypted_by = encrypted_by or signer
    if encrypted_by is not None and not same_did(claimed, encrypted_by):
        raise Unpackable(Fault.SENDER_MISMATCH, "from is not whose key it was encrypted with")
    return encrypted_by


def check_recipients(message: Mapping[str, Any], opened_by: Sequence[str], *, by_signature: bool = False) -> None:
    """Raises Unpackable unless `to`, where there is one, names every DID of ours with whose key a layer was opened.
    With `by_signature` nothing else proves the sender: what was signed for somebody else, or for nobody, could have
    been encrypted for us by whoever had it."""
    named = message.get("to")
    if named is None and not (by_signature and opened_by):
        return
    if named is None:
        raise Unpackable(Fault.RECIPIENT_MISMATCH, "it is signed and has no to: it may be for anybody")
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        raise Unpackable(Fault.NOT_A_MESSAGE, "to is no list of DIDs")
    dids = [each.partition("#")[0] for each in named]
    for did in opened_by:
        if not any(same_did(did, each) for each in dids):
            raise Unpackable(Fault.RECIPIENT_MISMATCH, "to does not name the DID that it was encrypted for")
