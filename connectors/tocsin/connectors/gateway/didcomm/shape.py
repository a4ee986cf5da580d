"""What is seen of an envelope before any key is looked for: whatever is answered here depends on its bytes alone."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.didcomm.port import MAX_ENVELOPE, MAX_RECIPIENTS
from tocsin.connectors.gateway.problems import NOT_AN_ENVELOPE, TOO_MANY_RECIPIENTS, Refusal, refusals

V2 = ("application/didcomm-encrypted+json", "application/didcomm-signed+json")
V1 = ("application/didcomm-envelope-enc", "application/ssi-agent-wire")
PLAIN = ("application/didcomm-plain+json", "application/json")
"""`application/json` is what some agents send an envelope of version 1 as (RFC 0044 allows it)."""
OLD_NAMES = ("application/didcomm-enc-env", "application/didcomm-sig-env", "application/didcomm+encrypted",
             "application/didcomm+signed", "application/jwe", "application/jose+json")  # fmt: skip
"""Names of drafts and of libraries that kept them."""
MEDIA_TYPES = (*V2, *V1, *PLAIN, *OLD_NAMES)
"""What is taken at /didcomm, with any parameters: what came is told by the bytes, not by its name."""


class Kind(StrEnum):
    """What it looks like."""

    ENCRYPTED = "encrypted"
    SIGNED = "signed"
    PLAINTEXT = "plaintext"


class Shape(Struct, frozen=True):
    """What is seen from outside: `type` and `to` of a message that everybody can read."""

    kind: Kind
    type: str = ""
    to: tuple[str, ...] = ()


def shape_of(content: bytes) -> Shape:
    """The shape of what came. Raises Refusal for what is no JSON within our limits, neither envelope nor message, or
    for more recipients than is looked at."""
    with refusals():
        document = parse_json(content, max_bytes=MAX_ENVELOPE)
    if not isinstance(document, dict):
        raise Refusal(NOT_AN_ENVELOPE)
    recipients = document.get("recipients")
    if isinstance(recipients, list) and len(recipients) > MAX_RECIPIENTS:
        raise Refusal(TOO_MANY_RECIPIENTS, limit=MAX_RECIPIENTS)
    if isinstance(document.get("ciphertext"), str) and isinstance(document.get("protected"), str):
        return Shape(Kind.ENCRYPTED)
    if isinstance(document.get("payload"), str):
        return _readable(Kind.SIGNED, _payload(str(document["payload"])))
    if isinstance(document.get("type", document.get("@type")), str):
        return _readable(Kind.PLAINTEXT, document)
    raise Refusal(NOT_AN_ENVELOPE)


def _readable(kind: Kind, message: Mapping[str, Any]) -> Shape:
    said, to = message.get("type", message.get("@type")), message.get("to")
    named = tuple(each for each in to if isinstance(each, str)) if isinstance(to, list) else ()
    return Shape(kind, said if isinstance(said, str) else "", named)


def _payload(text: str) -> Mapping[str, Any]:
    """The message of a signed envelope, not verified; empty if it is none."""
    try:
        found = parse_json(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), max_bytes=MAX_ENVELOPE)
    except (Unreadable, binascii.Error, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
