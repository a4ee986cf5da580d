"""What all envelopes have in common when they are read: bounded JSON, members in base64url, one exception."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.dialects.reading import Unreadable, UnreadableReason
from tocsin.connectors.didcomm.encoding import from_base64url
from tocsin.connectors.didcomm.faults import Fault, Unpackable

_FAULTS = {UnreadableReason.TOO_LARGE: Fault.TOO_LARGE, UnreadableReason.TOO_DEEP: Fault.TOO_DEEP}


def read_object(raw: bytes, otherwise: Fault, limit: int) -> dict[str, Any]:
    """The JSON object of bytes, parsed within the limits of a problem document. Raises Unpackable: TOO_LARGE, TOO_DEEP,
    and `otherwise`."""
    try:
        found = parse_json(raw, max_bytes=limit)
    except Unreadable as unreadable:
        raise Unpackable(_FAULTS.get(unreadable.reason, otherwise), "it is no JSON that is read") from None
    if not isinstance(found, dict):
        raise Unpackable(otherwise, "it is no JSON object")
    return found


def decoded(found: Mapping[str, Any], name: str) -> bytes:
    """A member in base64url. Raises Unpackable."""
    try:
        return from_base64url(found.get(name))
    except ValueError as error:
        raise Unpackable(Fault.MALFORMED, f"{name}: {error}") from None


def protected_header(found: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """The header that encryption or signature protects. Raises Unpackable."""
    return read_object(decoded(found, "protected"), Fault.MALFORMED, limit)


def is_typ(value: object, *names: str) -> bool:
    """Whether a `typ` says one of these media types: absent is any, `application/` may be left out."""
    return value is None or (isinstance(value, str) and value.lower().removeprefix("application/") in names)
